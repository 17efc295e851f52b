"""Similarity of two sets of pieces in a feature, by distances between pieces: Yang and Lerch (2020).

Yang and Lerch, "On the evaluation of generative models in music", Neural Computing and Applications 32. The
intra-set distances of a set are those between every two of its pieces, the inter-set distances those between
every piece of one set and every piece of the other; all Euclidean. The density of each group of distances
is estimated with a Gaussian kernel of Scott's width (1992). For equal sets, both intra-set densities equal
that of the inter-set distances: the area under both (overlap) is 1, the Kullback-Leibler divergence 0. Lack
of variety shows in the intra-set distances of that set, a shift in those of both; so both are reported.

Deliberate differences from the code of the paper: the densities are truncated to the range of the distances
and sum to 1 there, so that equal sets overlap by 1 (a kernel extends below distance 0); the kernel width is
the same for all, that of the inter-set distances, so that one outlier does not smear only one of the
densities; and the divergence uses a common grid (the code has one per density, so that its values hardly
depend on the similarity) and is bounded (in the code it is infinite where a density vanishes).
"""

from typing import NamedTuple

import numpy as np

from musegen.metrics.bootstrap import Interval
from musegen.music.notes import Floats, Ints

BINS = 256
"""Of the grid of the densities."""
FLOOR = 1e-9
"""Minimum density per bin, so that no divergence is above 21 nats."""
DRAWS = 200
"""Number of bootstrap resamples."""


class Likeness(NamedTuple):
    """Similarity of two sets in a feature, with percentile bootstrap intervals over pieces."""

    overlap_real: Interval
    """Overlap of the intra-set distances of the first set with the inter-set distances, 0 to 1."""
    overlap_generated: Interval
    """The same for the second set."""
    kl_real: Interval
    """Divergence of the intra-set distances of the first set from the inter-set distances, in nats."""
    kl_generated: Interval
    """The same for the second set."""

    @property
    def overlap(self) -> Interval:
        """The smaller of the two."""
        return min(self.overlap_real, self.overlap_generated)

    @property
    def kl(self) -> Interval:
        """The larger of the two."""
        return max(self.kl_real, self.kl_generated)


def likeness(real: Floats, generated: Floats, *, seed: int = 0) -> Likeness:
    """The similarity of two sets in a feature; all NaN if one has fewer than two pieces.

    Args:
        real: (pieces, size), without NaN.
        generated: (pieces, size), likewise.
        seed: of the bootstrap, which resamples pieces, not distances.
    """
    if min(len(real), len(generated)) < 2:
        return Likeness(*(Interval(*(float("nan"),) * 3),) * 4)
    pairs = ((real, real), (generated, generated), (real, generated))
    distances = [_distances(*pair) for pair in pairs]
    widest = max(float(each.max()) for each in distances)
    bins = [np.round(each / (widest or 1.0) * (BINS - 1)).astype(np.int64) for each in distances]
    for each in bins[:2]:
        np.fill_diagonal(each, BINS)  # without the distance of a piece from itself, even if resampled
    rng = np.random.default_rng(seed)
    sizes = (len(real), len(generated))
    draws = [[np.arange(n) for n in sizes], *([rng.integers(n, size=n) for n in sizes] for _ in range(DRAWS))]
    counts = np.array([_counts(bins, *each) for each in draws])  # (1 + draws, 3, bins)
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
    """Histograms of the distances, (bins,), within real, within generated and between both."""
    pairs = ((real, real), (generated, generated), (real, generated))
    return [
        np.bincount(each[np.ix_(*pair)].ravel(), minlength=BINS)[:BINS]
        for each, pair in zip(bins, pairs, strict=True)
    ]


def kernel_width(counts: Ints) -> float:
    """Scott's rule: standard deviation over the fifth root of the count, in bins."""
    places, total = np.arange(len(counts)), counts.sum()
    mean = float(counts @ places) / total
    return float(np.sqrt(counts @ (places - mean) ** 2 / total) * total ** (-1 / 5))


def density(counts: Ints, width: float) -> Floats:
    """The density per bin, (..., bins), with sum 1, smoothed by a Gaussian; NaN without distances."""
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
