"""How sure a mean over pieces is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    if not len(known):
        return Interval(*(float("nan"),) * 3)
    rng = np.random.default_rng(seed)
    step = max(1, _ROOM // len(known))
    means = np.concatenate(
        [
            known[rng.integers(len(known), size=(min(step, DRAWS - done), len(known)))].mean(axis=1)
            for done in range(0, DRAWS, step)
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(known.mean()), float(low), float(high))
