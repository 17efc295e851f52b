"""How sure a mean over pieces is, and how far one number rises with another."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from musegen.music.notes import Floats

DRAWS = 10_000
_ROOM = 2_000_000  # numbers drawn at a time


class Interval(NamedTuple):
    """A mean and the interval it lies in."""

    mean: float
    low: float
    high: float


def bootstrap_mean(
    values: Sequence[float] | NDArray[np.float64], *, level: float = 0.95, seed: int = 0
) -> Interval:
    """The mean of one value a piece, with the percentile bootstrap interval (Efron 1979), 10,000 draws.

    NaN, a piece for which there is no value, is left out; without values all three are NaN.

    Args:
        values: (pieces,).
        level: share of the draws' means inside the interval.
        seed: of the draws, so that the same values give the same interval.
    """
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    count = len(known)
    if not count:
        return Interval(*(float("nan"),) * 3)
    rng = np.random.default_rng(seed)
    step = max(1, _ROOM // count)
    sizes = [min(step, DRAWS - done) for done in range(0, DRAWS, step)]
    means = np.concatenate([known[rng.integers(count, size=(size, count))].mean(axis=1) for size in sizes])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(known.mean()), float(low), float(high))


def spearman(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> float:
    """Spearman's rank correlation (-1 to 1), of tied values the mean rank; NaN where one is constant.

    Args:
        first: (n,).
        second: (n,).
    """
    a, b = (_ranks(np.asarray(values, np.float64)) for values in (first, second))
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread > 0 else float("nan")


def _ranks(values: Floats) -> Floats:
    """The rank of each value from 1, ties sharing the mean of theirs, (n,)."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place], np.float64)
