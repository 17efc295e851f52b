"""Rhythm metrics: grooves and their consistency, note values and note density."""

import numpy as np
from numpy.typing import NDArray
from symusic import Score

from musegen.metrics.pitch import shares
from musegen.music.metre import bar_ticks
from musegen.music.notes import Floats, Ints, all_onsets, check_ticks, last_end, note_arrays, pitched_notes

POSITIONS = 4
"""Positions of a groove per quarter note: 16 in a bar of 4/4."""
VALUES = (4, 2, 1, 1 / 2, 1 / 4, 3, 3 / 2, 3 / 4, 3 / 8, 4 / 3, 2 / 3, 1 / 3)
"""Note values in quarter notes: whole to sixteenth, dotted half to dotted sixteenth, triplets of half,
quarter and eighth notes."""


def groove_similarity(ours: Score, human: Score, bars: Ints) -> float:
    """Rhythmic similarity (0 to 1), the mean over bars of 1 - the share of positions that differ.

    At each position of a bar (sixteenths; onsets are rounded) some note of any track starts or none
    does; a position differs if that is so in one Score only. Bars in which neither has an onset are
    ignored; NaN if there are no others. The grooving pattern similarity of Wu and Yang,
    "The Jazz Transformer on the front line" (2020), applied to two versions of a bar, not to two bars.

    Args:
        ours: the evaluated accompaniment, without the melody.
        human: the reference accompaniment, without the melody.
        bars: bar lines of the piece, (bars + 1,) ticks.

    Raises:
        ValueError: the Scores differ in ticks per quarter note.
    """
    check_ticks(ours, human)
    lengths = -(-np.diff(bars) * POSITIONS // ours.tpq)  # positions in each bar, rounded up
    starts = np.cumsum(lengths) - lengths
    a, b = (grooves(score, bars, starts, int(lengths.sum())) for score in (ours, human))
    similarity = 1 - np.add.reduceat((a != b).astype(np.int64), starts) / lengths
    has_onset = np.add.reduceat((a | b).astype(np.int64), starts) > 0
    return float(similarity[has_onset].mean()) if has_onset.any() else float("nan")


def grooves(score: Score, bars: Ints, starts: Ints, count: int) -> NDArray[np.bool_]:
    """Whether a note starts at each position of the piece, (positions,); bar i starts at starts[i]."""
    near = all_onsets(score) * 2 * POSITIONS + score.tpq  # half a position later, in 1/8 ticks
    near = near[near < bars[-1] * 2 * POSITIONS]
    bar = np.searchsorted(bars * 2 * POSITIONS, near, side="right") - 1
    grooves = np.zeros(count, dtype=bool)
    grooves[starts[bar] + (near - bars[bar] * 2 * POSITIONS) // (2 * score.tpq)] = True
    return grooves


def log_density_ratio(ours: Score, human: Score) -> float:
    """Distance of the note densities: |ln(notes per bar of ours / notes per bar of human)|.

    0 is the same density, 0.69 twice or half as dense. Both have the same bars, so the notes of all
    tracks are counted; a silent Score counts as one note.
    """
    return abs(float(np.log(max(1, ours.note_num()) / max(1, human.note_num()))))


def groove_consistency(score: Score) -> float:
    """Rhythmic similarity (0 to 1) of neighbouring bars, the mean of 1 - the share of positions that differ.

    At each position of a bar (sixteenths; onsets are rounded) some note of any track, drums included,
    starts or none does. Bars of different lengths are not compared; NaN if there are no others. Wu and
    Yang, "The Jazz Transformer" (2020). MusPy's `groove_consistency` for one metre at 4 ticks per quarter
    note: it treats every tick as a position, so at 480 ticks per quarter any music has nearly 1.
    """
    bars = bar_ticks(score)
    lengths = -(-np.diff(bars) * POSITIONS // score.tpq)
    starts = np.cumsum(lengths) - lengths
    onset = grooves(score, bars, starts, int(lengths.sum()))
    pairs = [
        float((onset[start : start + length] == onset[start + length : start + 2 * length]).mean())
        for start, length, after in zip(starts, lengths, lengths[1:], strict=False)
        if length == after
    ]
    return float(np.mean(pairs)) if pairs else float("nan")


def mean_duration(score: Score) -> float:
    """Mean length of the notes in quarter notes; NaN without notes."""
    durations = pitched_notes(score)[1]
    return float(durations.mean() / score.tpq) if len(durations) else float("nan")


def note_values(score: Score) -> NDArray[np.int64]:
    """The index of the nearest of `VALUES` to the length of each note, in order of onset, (notes,)."""
    onsets, durations, pitches = pitched_notes(score)
    quarters = durations[np.lexsort((pitches, onsets))] / score.tpq
    distances = np.abs(quarters[:, None] - np.array(VALUES))  # (notes, 12)
    return np.asarray(distances.argmin(axis=1), np.int64)


def duration_histogram(score: Score) -> Floats:
    """Share of the notes (0 to 1) of each of `VALUES`, (12,).

    The note length histogram of Yang and Lerch (2020). Their unit is 1/96 of the bar; here note values
    are the same in every metre.
    """
    return shares(np.bincount(note_values(score), minlength=len(VALUES)))


def duration_transitions(score: Score) -> Floats:
    """Share of the steps (0 to 1) from each of `VALUES` to each, row by row, (144,).

    The note length transition matrix of Yang and Lerch (2020), normalised by its sum.
    """
    values = note_values(score)
    return shares(np.bincount(values[:-1] * len(VALUES) + values[1:], minlength=len(VALUES) ** 2))


def note_density(score: Score) -> float:
    """Notes per quarter note, from the first onset to the last end; NaN without notes.

    Each note of a chord counts. Yang and Lerch (2020) count the notes of samples of equal length; pieces
    have different lengths, hence a rate.
    """
    onsets = all_onsets(score)
    return len(onsets) * score.tpq / (last_end(score) - float(onsets.min())) if len(onsets) else float("nan")


def empty_beat_rate(score: Score) -> float:
    """Share of the quarter notes (0 to 1), from tick 0 to the last end, in which no note sounds.

    Dong et al., "Pypianoroll" (2018). MusPy's `empty_beat_rate` with notes one tick shorter: there a
    note that ends on a beat also sounds in that beat, and a piece that ends on a beat has one beat more;
    here the end of a note is exclusive.
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
