"""How far one number rises with another, by ranks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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
    ranks: Floats = (last - (counts - 1) / 2)[place]
    return ranks
