"""Rhythm: grooves and how they last, how long the notes are, how densely they stand."""

import numpy as np
from numpy.typing import NDArray
from symusic import Score

from musegen.metrics.pitch import shares
from musegen.music.metre import bar_ticks
from musegen.music.notes import Floats, Ints, all_onsets, check_ticks, last_end, note_arrays, pitched_notes

POSITIONS = 4
"""Of a groove, in a quarter: 16 in a bar of 4/4."""
VALUES = (4, 2, 1, 1 / 2, 1 / 4, 3, 3 / 2, 3 / 4, 3 / 8, 4 / 3, 2 / 3, 1 / 3)
"""Note values in quarters: whole to sixteenth, dotted half to dotted sixteenth, triplets of a half, a quarter
and an eighth."""


def groove_similarity(ours: Score, human: Score, bars: Ints) -> float:
    """Likeness in rhythm (0 to 1), the mean over bars of 1 - the share of positions that differ.

    At each position of a bar (sixteenths; onsets go to the nearest) some note of any track begins or
    none does; a position differs where that is so in one Score only. Bars in which neither has an
    onset are left out; NaN where that leaves none. The grooving pattern similarity of Wu and Yang,
    "The Jazz Transformer on the front line" (2020), between two versions of a bar, not two bars.

    Args:
        ours: the accompaniment in question, without the melody.
        human: the accompaniment it is compared with, without the melody.
        bars: bar lines of the piece, (bars + 1,) ticks.

    Raises:
        ValueError: the Scores differ in ticks a quarter.
    """
    check_ticks(ours, human)
    lengths = -(-np.diff(bars) * POSITIONS // ours.tpq)  # positions in each bar, a broken one counted
    starts = np.cumsum(lengths) - lengths
    a, b = (grooves(score, bars, starts, int(lengths.sum())) for score in (ours, human))
    likeness = 1 - np.add.reduceat((a != b).astype(np.int64), starts) / lengths
    heard = np.add.reduceat((a | b).astype(np.int64), starts) > 0
    return float(likeness[heard].mean()) if heard.any() else float("nan")


def grooves(score: Score, bars: Ints, starts: Ints, count: int) -> NDArray[np.bool_]:
    """Whether a note begins at each position of the piece, (positions,); bar i begins at starts[i]."""
    near = all_onsets(score) * 2 * POSITIONS + score.tpq  # half a position later, in 1/8 ticks
    near = near[near < bars[-1] * 2 * POSITIONS]
    bar = np.searchsorted(bars * 2 * POSITIONS, near, side="right") - 1
    grooves = np.zeros(count, dtype=bool)
    grooves[starts[bar] + (near - bars[bar] * 2 * POSITIONS) // (2 * score.tpq)] = True
    return grooves


def log_density_ratio(ours: Score, human: Score) -> float:
    """How far the density is from the human one: |ln(notes a bar of ours / notes a bar of the human)|.

    0 is the same density, 0.69 twice or half as dense. Both stand in the same bars, so notes are
    counted, of all tracks; a silent Score counts as one note.
    """
    return abs(float(np.log(max(1, ours.note_num()) / max(1, human.note_num()))))


def groove_consistency(score: Score) -> float:
    """Likeness in rhythm (0 to 1) of neighbouring bars, the mean of 1 - the share of positions that differ.

    At each position of a bar (sixteenths; onsets go to the nearest) some note of any track begins, drums
    too, or none does. Bars of different lengths are not compared; NaN where that leaves none. Wu and
    Yang, "The Jazz Transformer" (2020). MusPy's `groove_consistency` of one metre on 4 ticks a quarter:
    it takes every tick for a position, so that on 480 ticks a quarter any music comes near 1.
    """
    bars = bar_ticks(score)
    lengths = -(-np.diff(bars) * POSITIONS // score.tpq)
    starts = np.cumsum(lengths) - lengths
    heard = grooves(score, bars, starts, int(lengths.sum()))
    pairs = [
        float((heard[start : start + length] == heard[start + length : start + 2 * length]).mean())
        for start, length, after in zip(starts, lengths, lengths[1:], strict=False)
        if length == after
    ]
    return float(np.mean(pairs)) if pairs else float("nan")


def mean_duration(score: Score) -> float:
    """Mean length of the notes in quarters; NaN without notes."""
    durations = pitched_notes(score)[1]
    return float(durations.mean() / score.tpq) if len(durations) else float("nan")


def note_values(score: Score) -> NDArray[np.int64]:
    """The nearest of `VALUES` to each note's length, by its number there, in order of onset, (notes,)."""
    onsets, durations, pitches = pitched_notes(score)
    quarters = durations[np.lexsort((pitches, onsets))] / score.tpq
    apart = np.abs(quarters[:, None] - np.array(VALUES))  # (notes, 12)
    return np.asarray(apart.argmin(axis=1), np.int64)


def duration_histogram(score: Score) -> Floats:
    """Share of the notes (0 to 1) of each of `VALUES`, (12,).

    The note length histogram of Yang and Lerch (2020). Their unit is 1/96 of the bar; here a note value
    is the same in every metre.
    """
    return shares(np.bincount(note_values(score), minlength=len(VALUES)))


def duration_transitions(score: Score) -> Floats:
    """Share of the steps (0 to 1) from each of `VALUES` to each, row by row, (144,).

    The note length transition matrix of Yang and Lerch (2020), normalised by its sum.
    """
    values = note_values(score)
    return shares(np.bincount(values[:-1] * len(VALUES) + values[1:], minlength=len(VALUES) ** 2))


def note_density(score: Score) -> float:
    """Notes a quarter, from the first onset to the last end; NaN without notes.

    Each note of a chord counts. Yang and Lerch (2020) count the notes of samples of one length; pieces
    have many lengths, hence a rate.
    """
    onsets = all_onsets(score)
    return len(onsets) * score.tpq / (last_end(score) - float(onsets.min())) if len(onsets) else float("nan")


def empty_beat_rate(score: Score) -> float:
    """Share of the quarters (0 to 1), from tick 0 to the last end, in which no note sounds.

    Dong et al., "Pypianoroll" (2018). MusPy's `empty_beat_rate` with notes that are a tick shorter: it
    takes a note that ends on a beat to sound in that beat too, and counts one beat more where the piece
    ends on a beat; here a note sounds until its end, not at it.
    """
    count = -(-last_end(score) // score.tpq)
    if not count:
        return float("nan")
    steps = np.zeros(count + 1, np.int64)
    for track in score.tracks:
        onsets, durations, _, _ = note_arrays(track)
        np.add.at(steps, onsets // score.tpq, 1)
        np.add.at(steps, -(-(onsets + durations) // score.tpq), -1)
    return float((np.cumsum(steps)[:-1] == 0).mean())
