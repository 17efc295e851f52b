"""How many notes of a clip are found again: precision, recall and F1."""

from collections import Counter
from typing import NamedTuple

import numpy as np
from symusic import Score

from musegen.metrics.sounding import pitched_notes
from musegen.music.fingerprint import GRID


class NoteScores(NamedTuple):
    """Shares from 0 to 1."""

    precision: float
    """Of the notes found, those that are in the reference."""
    recall: float
    """Of the reference's notes, those that were found."""
    f1: float
    """The harmonic mean of both."""


def note_scores(reference: Score, found: Score, *, with_durations: bool = False) -> NoteScores:
    """Which notes of a clip were found again, with their exact onset and pitch (on 24 positions a quarter).

    Drums, velocities and tracks are left out. Without a note on one side its share is 0; on both, 1.

    Args:
        reference: what there should be.
        found: what there is.
        with_durations: ask for the exact duration too.
    """
    wanted, there = (_notes(score, with_durations=with_durations) for score in (reference, found))
    hits = (wanted & there).total()
    if not wanted and not there:
        return NoteScores(1.0, 1.0, 1.0)
    precision, recall = (hits / max(1, notes.total()) for notes in (there, wanted))
    return NoteScores(precision, recall, 2 * hits / (wanted.total() + there.total()))


def _notes(score: Score, *, with_durations: bool) -> Counter[tuple[int, ...]]:
    onsets, durations, pitches = pitched_notes(score)
    begins, ends = (np.round(t * GRID / score.tpq).astype(np.int64) for t in (onsets, onsets + durations))
    columns = [begins, pitches, ends - begins] if with_durations else [begins, pitches]
    return Counter(tuple(row) for row in np.stack(columns, axis=1).tolist())
