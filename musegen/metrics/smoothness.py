"""How smoothly a row of clips leads from its first to its last.

A clip is a Score; what counts of a note is its onset (on 24 positions a quarter) and its pitch, drums
left out: in one line the durations follow from the onsets but for rests.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from symusic import Score

from musegen.metrics.bootstrap import spearman
from musegen.music.fingerprint import GRID
from musegen.music.notes import Ints, pitched_notes


class Smoothness(NamedTuple):
    """What is measured of a row of clips."""

    away: float
    """Spearman's correlation of the step and the distance from the first clip; 1 where it never falls."""
    back: float
    """The same from the last clip, counted from there."""
    largest_jump: float
    """The largest distance between neighbours as a share of that between the first and the last clip."""


def smoothness(clips: Sequence[Score]) -> Smoothness:
    """The smoothness of a row of at least two clips; NaN where the first and the last are alike."""
    apart = note_distances(clips)
    steps = range(len(clips))
    jumps = apart.diagonal(1)
    share = float(jumps.max() / apart[0, -1]) if apart[0, -1] else float("nan")
    return Smoothness(spearman(steps, apart[0]), spearman(steps, -apart[-1]), share)


def note_edit_distance(first: Score, second: Score) -> int:
    """The fewest edits from one clip to another: a note put in, taken out, moved in time, or in pitch.

    A note that another takes the place of costs 2, or 1 where it has the same onset or the same pitch.
    The distance of clips without a note in common lies between the greater number of notes and both
    together. Notes stay in order: Levenshtein's distance (1966) over the notes by onset, then pitch.
    """
    return int(note_distances([first, second])[0, 1])


def note_distances(clips: Sequence[Score]) -> Ints:
    """`note_edit_distance` of every clip from every other, (clips, clips)."""
    notes, lengths = _padded([_timed_notes(clip) for clip in clips])
    rows, columns = np.triu_indices(len(clips), 1)
    apart = np.zeros((len(clips), len(clips)), np.int64)
    apart[rows, columns] = _edits(notes[rows], lengths[rows], notes[columns], lengths[columns])
    return apart + apart.T


def _timed_notes(score: Score) -> Ints:
    """Onset in positions and pitch of each note, ascending, (notes, 2)."""
    onsets, _, pitches = pitched_notes(score)
    rows = np.stack([np.round(onsets * GRID / score.tpq).astype(np.int64), pitches], axis=1)
    return np.asarray(rows[np.lexsort((pitches, rows[:, 0]))], np.int64)


def _padded(rows: list[Ints]) -> tuple[Ints, Ints]:
    """Notes of all clips as one array, (clips, N, 2), and how many each has, (clips,)."""
    lengths = np.array([len(row) for row in rows])
    notes = np.full((len(rows), int(lengths.max(initial=0)), 2), -1)
    for index, row in enumerate(rows):
        notes[index, : len(row)] = row
    return notes, lengths


def _edits(first: Ints, first_lengths: Ints, second: Ints, second_lengths: Ints) -> Ints:
    """Distances of P pairs, (P,), from their notes, (P, N, 2) and (P, M, 2), row by row of the table."""
    pairs = np.arange(len(first))
    columns = np.arange(second.shape[1] + 1, dtype=np.int32)
    above = np.broadcast_to(columns, (len(first), len(columns)))  # (P, M + 1)
    found = np.where(first_lengths == 0, second_lengths, 0)
    for row in range(1, first.shape[1] + 1):
        is_late, is_high = (first[:, row - 1, which, None] != second[..., which] for which in (0, 1))
        changes = is_late.astype(np.int32) + is_high  # (P, M)
        best = np.minimum(above[:, 1:] + 1, above[:, :-1] + changes)
        best = np.concatenate([np.full((len(first), 1), row, np.int32), best], axis=1)
        # A note put in costs 1 a column: the least of all to the left, each with its way here.
        above = np.minimum.accumulate(best - columns, axis=1) + columns
        found = np.where(first_lengths == row, above[pairs, second_lengths], found)
    return found
