"""Do bars come back: at once, after a phrase, after a section? Drums left out."""

import numpy as np
from numpy.typing import NDArray
from symusic import Score

from musegen.metrics.copying import bar_keys
from musegen.metrics.sounding import pitched_notes
from musegen.music.fingerprint import GRID
from musegen.music.metre import bar_ticks

Floats = NDArray[np.float64]
SHORT, MIDDLE, LONG = (1, 3), (4, 7), (8, 16)
"""Lags in bars, both ends included: within a phrase, from phrase to phrase, from section to section."""


def repeated_bars(score: Score) -> float:
    """Share (0 to 1) of the bars with notes that are exactly as an earlier one, by `bar_keys`."""
    keys = bar_keys(score)
    return 1 - len(set(keys)) / len(keys) if keys else float("nan")


def self_similarity(score: Score, lags: tuple[int, int]) -> float:
    """How well the bars are foretold (0 to 1) by the bars that stand some lag before them.

    Two bars are as alike as the share of notes that they have in common (Dice 1945): same pitch, same
    place in the bar on 24 positions a quarter. Each bar counts with the most alike of the bars that
    stand `lags` before it; the measure is the mean over bars that have notes and such a bar before them,
    NaN where there are none. It reads the diagonals of a self-similarity matrix (Foote 1999) in three
    ranges of time, as the structureness indicators of Wu and Yang, "The Jazz Transformer" (2020), do for
    sound; the definition on notes is ours.

    Args:
        score: in ticks, tidy.
        lags: the nearest and the farthest, in bars.
    """
    bars = bar_ticks(score)
    codes, counts = _bar_notes(score, bars)
    best = np.full(len(counts), -1.0)
    for lag in range(lags[0], min(lags[1], len(counts) - 1) + 1):
        common = np.intersect1d(codes, codes + lag * _ROOM, assume_unique=True) // _ROOM
        both = counts[lag:] + counts[:-lag]
        likeness = 2 * np.bincount(common, minlength=len(counts))[lag:] / np.maximum(1, both)
        best[lag:] = np.maximum(best[lag:], likeness)
    known = best[(best >= 0) & (counts > 0)]
    return float(known.mean()) if len(known) else float("nan")


_ROOM = 2**24
"""More than 128 pitches times the positions of the longest bar (64 halves)."""


def _bar_notes(score: Score, bars: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number for each different note of each bar, rising, and how many notes each bar has, (bars,)."""
    onsets, _, pitches = pitched_notes(score)
    bar = np.searchsorted(bars, onsets, side="right") - 1
    places = np.round((onsets - bars[bar]) * GRID / score.tpq).astype(np.int64)
    codes = np.unique(bar * _ROOM + places * 128 + pitches)
    return codes, np.bincount(codes // _ROOM, minlength=len(bars) - 1)
