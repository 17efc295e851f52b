"""How a set of codes (points of a latent space) uses its dimensions."""

import numpy as np

from musegen.music.notes import Floats

ACTIVE = 0.01
"""Variance (Burda 2015, arXiv:1509.00519), or KL in nats, above which a dimension counts as active."""


def active_units(codes: Floats) -> int:
    """Number of dimensions that vary over the codes, (N, Z): those with a variance above `ACTIVE`."""
    return int((codes.var(axis=0) > ACTIVE).sum())


def sparsity(codes: Floats) -> float:
    """Mean sparsity of codes, (N, Z): 0 if all values of a code are equally large, 1 if only one is not 0.

    Of the ratio of the sum of absolute values to the root of the sum of squares, which no scale of the code
    changes (Hoyer 2004, "Non-negative matrix factorization with sparseness constraints", section 3.1).
    """
    sums, roots = np.abs(codes).sum(axis=1), np.sqrt((codes**2).sum(axis=1))
    most = np.sqrt(codes.shape[1])
    ratios = np.divide(sums, roots, out=np.full(len(codes), most), where=roots > 0)
    return float(((most - ratios) / (most - 1)).mean())


def units_on(codes: Floats) -> float:
    """Mean number of units of a code, of (N, Z), that are not 0."""
    return float((codes != 0).sum(axis=1).mean())
