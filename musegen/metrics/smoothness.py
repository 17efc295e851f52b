"""Smoothness of a sequence of clips from its first to its last.

A clip is a Score; only the onset (on 24 positions per quarter note) and pitch of its notes count, for drums
the piece of the kit: in one line the durations follow from the onsets except for rests.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from symusic import Score

from musegen.metrics.bootstrap import spearman
from musegen.music.fingerprint import GRID
from musegen.music.notes import Ints, played_notes


class Smoothness(NamedTuple):
    """Smoothness of a sequence of clips."""

    away: float
    """Spearman's correlation of the step and the distance from the first clip; 1 if it never decreases."""
    back: float
    """The same for the last clip, in reverse order."""
    largest_jump: float
    """The largest distance between neighbours as a share of that between the first and the last clip."""


def smoothness(clips: Sequence[Score]) -> Smoothness:
    """The smoothness of a sequence of at least two clips; NaN if the first and the last are equal."""
    distances = note_distances(clips)
    steps = range(len(clips))
    jumps = distances.diagonal(1)
    share = float(jumps.max() / distances[0, -1]) if distances[0, -1] else float("nan")
    return Smoothness(spearman(steps, distances[0]), spearman(steps, -distances[-1]), share)


def note_edit_distance(first: Score, second: Score) -> int:
    """The minimum number of edits from one clip to another: insert, delete, move a note in time or pitch.

    Substituting a note costs 2, or 1 if onset or pitch is equal. The distance of clips without a common
    note is between the larger number of notes and the sum. Notes stay in order: Levenshtein distance
    (1966) over the notes by onset, then pitch.
    """
    return int(note_distances([first, second])[0, 1])


def note_distances(clips: Sequence[Score]) -> Ints:
    """`note_edit_distance` of every pair of clips, (clips, clips)."""
    notes, lengths = _padded([_timed_notes(clip) for clip in clips])
    rows, columns = np.triu_indices(len(clips), 1)
    distances = np.zeros((len(clips), len(clips)), np.int64)
    distances[rows, columns] = _edits(notes[rows], lengths[rows], notes[columns], lengths[columns])
    return distances + distances.T


def _timed_notes(score: Score) -> Ints:
    """Onset in positions and pitch of each note, ascending, (notes, 2)."""
    onsets, _, pitches = played_notes(score)
    rows = np.stack([np.round(onsets * GRID / score.tpq).astype(np.int64), pitches], axis=1)
    return np.asarray(rows[np.lexsort((pitches, rows[:, 0]))], np.int64)


def _padded(rows: list[Ints]) -> tuple[Ints, Ints]:
    """Notes of all clips as one array, (clips, N, 2), and the number of notes of each, (clips,)."""
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
        # An insertion costs 1 per column: the minimum over all columns to the left, plus their distance.
        above = np.minimum.accumulate(best - columns, axis=1) + columns
        found = np.where(first_lengths == row, above[pairs, second_lengths], found)
    return found
