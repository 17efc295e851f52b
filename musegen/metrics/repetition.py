"""Repetition of bars within a piece, and copies of bars of the training data. Drums excluded."""

import hashlib
from collections.abc import Container

import numpy as np
from numpy.typing import NDArray
from symusic import Score

from musegen.music.fingerprint import GRID
from musegen.music.metre import bar_ticks
from musegen.music.notes import pitched_notes

SHORT, MIDDLE, LONG = (1, 3), (4, 7), (8, 16)
"""Lags in bars, inclusive: within a phrase, between phrases, between sections."""


def repeated_bars(score: Score) -> float:
    """Share (0 to 1) of the bars with notes that are identical to an earlier one, by `bar_keys`."""
    keys = bar_keys(score)
    return 1 - len(set(keys)) / len(keys) if keys else float("nan")


def self_similarity(score: Score, lags: tuple[int, int]) -> float:
    """How well the bars are predicted (0 to 1) by the bars at some lags before them.

    The similarity of two bars is the share of common notes (Dice 1945): same pitch, same position in the
    bar on 24 positions per quarter note. Each bar counts with the most similar of the bars `lags` before it;
    the metric is the mean over bars that have notes and such a bar before them, NaN if there are none. It
    evaluates the diagonals of a self-similarity matrix (Foote 1999) in three ranges of time, as the
    structureness indicators of Wu and Yang, "The Jazz Transformer" (2020), do for audio; the definition on
    notes is our own.

    Args:
        score: in ticks, tidy.
        lags: the smallest and the largest, in bars.
    """
    bars = bar_ticks(score)
    codes, counts = _bar_notes(score, bars)
    best = np.full(len(counts), -1.0)
    for lag in range(lags[0], min(lags[1], len(counts) - 1) + 1):
        common = np.intersect1d(codes, codes + lag * _ROOM, assume_unique=True) // _ROOM
        both = counts[lag:] + counts[:-lag]
        similarity = 2 * np.bincount(common, minlength=len(counts))[lag:] / np.maximum(1, both)
        best[lag:] = np.maximum(best[lag:], similarity)
    known = best[(best >= 0) & (counts > 0)]
    return float(known.mean()) if len(known) else float("nan")


_ROOM = 2**24
"""More than 128 pitches times the positions of the longest bar (64 halves)."""


def _bar_notes(score: Score, bars: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A code for each different note of each bar, ascending, and the number of notes per bar, (bars,)."""
    onsets, _, pitches = pitched_notes(score)
    bar = np.searchsorted(bars, onsets, side="right") - 1
    positions = np.round((onsets - bars[bar]) * GRID / score.tpq).astype(np.int64)
    codes = np.unique(bar * _ROOM + positions * 128 + pitches)
    return codes, np.bincount(codes // _ROOM, minlength=len(bars) - 1)


def bar_keys(score: Score) -> list[bytes]:
    """A key for each bar with notes: equal for bars with equal music.

    That is the same length, and the same pitches at the same positions with the same durations (on 24
    positions per quarter note): a transposed bar has a different key. Drums, velocities and the assignment
    of notes to tracks do not matter. Keys are hashes of 8 bytes: among a million bars, no collision is
    expected.
    """
    bars = bar_ticks(score)
    onsets, durations, pitches = pitched_notes(score)
    bar = np.searchsorted(bars, onsets, side="right") - 1
    positions = np.stack([onsets - bars[bar], durations], axis=1) * GRID / score.tpq
    notes = np.column_stack([bar, np.round(positions).astype(np.int64), pitches])  # (notes, 4)
    notes = np.unique(notes, axis=0)  # sorted: by bar, onset, duration, pitch
    lengths = np.round(np.diff(bars) * GRID / score.tpq).astype("<i8")
    keys = []
    for rows in np.split(notes, np.nonzero(np.diff(notes[:, 0]))[0] + 1) if len(notes) else []:
        content = lengths[rows[0, 0]].tobytes() + rows[:, 1:].astype("<i8").tobytes()
        keys.append(hashlib.blake2b(content, digest_size=8).digest())
    return keys


def copied_share(score: Score, known: Container[bytes]) -> float:
    """Share (0 to 1) of the bars with notes that are in known music exactly, at the same pitch.

    NaN without notes.

    Args:
        score: in ticks; without the melody if only the accompaniment counts.
        known: the set of all `bar_keys` of the training pieces, also without the melody in that case.
    """
    keys = bar_keys(score)
    return sum(key in known for key in keys) / len(keys) if keys else float("nan")
