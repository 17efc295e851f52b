"""How alike two sets of pieces are in a feature, by the distances between pieces: Yang and Lerch (2020).

Yang and Lerch, "On the evaluation of generative models in music", Neural Computing and Applications 32. The
intra-set distances of a set are those between every two of its pieces, the inter-set distances those between
every piece of one set and every piece of the other; all Euclidean. Each lot of distances becomes a density,
by a Gaussian kernel of Scott's width (1992). Where the sets are alike, the intra-set density of either is
that of the inter-set distances: the area under both (overlap) is 1, the Kullback-Leibler divergence 0. A set
that lacks variety shows in its own intra-set distances, one that is elsewhere in both; so both are given.

On purpose otherwise than in the code of the paper: the densities are cut to the range of the distances and
sum to 1 there, so that equal sets overlap by 1 (a kernel spills below distance 0); the kernel is as wide for
all of them, as the inter-set distances ask for, so that one odd piece does not smear one density and not the
other; and the divergence is taken on one grid (the code has one for each density, and then its figures hardly
follow the likeness) and is bounded (the code gives infinity where a density vanishes).
"""

from typing import NamedTuple

import numpy as np

from musegen.metrics.bootstrap import Interval
from musegen.music.notes import Floats, Ints

BINS = 256
"""Of the grid on which densities stand."""
FLOOR = 1e-9
"""The least that a density is taken to hold in a bin; so no divergence is above 21 nats."""
DRAWS = 200
"""Of the bootstrap."""


class Likeness(NamedTuple):
    """Of two sets in a feature; each with the percentile bootstrap interval over pieces."""

    overlap_real: Interval
    """Of the intra-set distances of the first set with the inter-set distances, 0 to 1."""
    overlap_generated: Interval
    """The same of the second set."""
    kl_real: Interval
    """Divergence of the intra-set distances of the first set from the inter-set distances, in nats."""
    kl_generated: Interval
    """The same of the second set."""

    @property
    def overlap(self) -> Interval:
        """The smaller of the two."""
        return min(self.overlap_real, self.overlap_generated)

    @property
    def kl(self) -> Interval:
        """The larger of the two."""
        return max(self.kl_real, self.kl_generated)


def likeness(real: Floats, generated: Floats, *, seed: int = 0) -> Likeness:
    """How alike two sets are in a feature; all NaN where one has fewer than two pieces.

    Args:
        real: (pieces, size), without NaN.
        generated: (pieces, size), likewise.
        seed: of the bootstrap, which draws pieces, not distances.
    """
    if min(len(real), len(generated)) < 2:
        return Likeness(*(Interval(*(float("nan"),) * 3),) * 4)
    pairs = ((real, real), (generated, generated), (real, generated))
    distances = [_distances(*pair) for pair in pairs]
    widest = max(float(each.max()) for each in distances)
    bins = [np.round(each / (widest or 1.0) * (BINS - 1)).astype(np.int64) for each in distances]
    for each in bins[:2]:
        np.fill_diagonal(each, BINS)  # a piece has no distance from itself, also where it is drawn twice
    rng = np.random.default_rng(seed)
    sizes = (len(real), len(generated))
    drawn = [[np.arange(n) for n in sizes], *([rng.integers(n, size=n) for n in sizes] for _ in range(DRAWS))]
    counts = np.array([_counts(bins, *each) for each in drawn])  # (1 + draws, 3, bins)
    densities = density(counts, kernel_width(counts[0, 2]))
    within, between = densities[:, :2], densities[:, 2:]
    # (1 + draws, 4)
    figures = np.concatenate([overlap(within, between), divergence(within, between)], axis=1)
    low, high = np.nanquantile(figures[1:], [0.025, 0.975], axis=0)
    return Likeness(*(Interval(*map(float, each)) for each in zip(figures[0], low, high, strict=True)))


def _distances(a: Floats, b: Floats) -> Floats:
    """Euclidean, (pieces of a, pieces of b)."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def _counts(bins: list[Ints], real: Ints, generated: Ints) -> list[Ints]:
    """How many distances lie in each bin, (bins,), between some pieces: real, generated, one of each."""
    chosen = ((real, real), (generated, generated), (real, generated))
    return [
        np.bincount(each[np.ix_(*pair)].ravel(), minlength=BINS)[:BINS]
        for each, pair in zip(bins, chosen, strict=True)
    ]


def kernel_width(counts: Ints) -> float:
    """Scott's rule: the standard deviation over the fifth root of the number; in bins."""
    places, total = np.arange(len(counts)), counts.sum()
    mean = float(counts @ places) / total
    return float(np.sqrt(counts @ (places - mean) ** 2 / total) * total ** (-1 / 5))


def density(counts: Ints, width: float) -> Floats:
    """What each bin holds, (..., bins), sum 1, smoothed by a Gaussian; NaN of no distances."""
    places = np.arange(counts.shape[-1])
    kernel = np.exp(-0.5 * ((places[:, None] - places) / max(width, 1e-9)) ** 2)
    smooth = counts @ kernel
    with np.errstate(invalid="ignore"):
        return np.asarray(smooth / smooth.sum(axis=-1, keepdims=True), np.float64)


def overlap(p: Floats, q: Floats) -> Floats:
    """Area under both densities, 0 to 1; (..., bins) to (...)."""
    return np.asarray(np.minimum(p, q).sum(axis=-1))


def divergence(p: Floats, q: Floats) -> Floats:
    """Kullback-Leibler divergence of p from q in nats, 0 or more; (..., bins) to (...)."""
    p, q = ((each + FLOOR) / (1 + FLOOR * each.shape[-1]) for each in (p, q))
    return np.asarray((p * np.log(p / q)).sum(axis=-1))
