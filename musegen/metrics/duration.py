"""How long the notes are, drums left out."""

import numpy as np
from numpy.typing import NDArray
from symusic import Score

from musegen.metrics.sounding import pitched_notes

Floats = NDArray[np.float64]
VALUES = (4, 2, 1, 1 / 2, 1 / 4, 3, 3 / 2, 3 / 4, 3 / 8, 4 / 3, 2 / 3, 1 / 3)
"""Note values in quarters: whole to sixteenth, dotted half to dotted sixteenth, triplets of a half, a quarter
and an eighth."""


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
    return _shares(np.bincount(note_values(score), minlength=len(VALUES)))


def duration_transitions(score: Score) -> Floats:
    """Share of the steps (0 to 1) from each of `VALUES` to each, row by row, (144,).

    The note length transition matrix of Yang and Lerch (2020), normalised by its sum.
    """
    values = note_values(score)
    return _shares(np.bincount(values[:-1] * len(VALUES) + values[1:], minlength=len(VALUES) ** 2))


def _shares(counts: NDArray[np.int64]) -> Floats:
    return counts / counts.sum() if counts.any() else np.full(len(counts), np.nan)
