"""A mixture of diagonal Gaussians, fitted by expectation maximisation to the z of a model."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

FLOOR = 1e-3
"""Minimum variance: a component cannot collapse to one point."""


class Mixture(NamedTuple):
    """K diagonal Gaussians of Z dimensions."""

    log_weights: Tensor
    """(K,)."""
    means: Tensor
    """(K, Z)."""
    scales: Tensor
    """(K, Z) standard deviations."""


@torch.no_grad()
def fit_mixture(points: Tensor, components: int, *, rounds: int = 30, seed: int = 0) -> Mixture:
    """Fit to points, (N, Z), with random points as the initial means.

    Components without points keep a weight close to 0.

    Args:
        points: at least one; they become float64, so they must be on a device that has it.
        components: K.
        rounds: of expectation and maximisation.
        seed: of the initial means.
    """
    points = points.double()
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(points), generator=generator).to(points.device)
    means = points[order[torch.arange(components, device=points.device) % len(points)]]
    spread = points.var(dim=0, correction=0) + FLOOR
    variances = spread.expand(components, -1)
    log_weights = points.new_full((components,), -math.log(components))
    for _ in range(rounds):
        shares = (log_weights + log_densities(points, means, variances)).softmax(dim=1)  # (N, K)
        counts = shares.sum(dim=0) + 1e-9
        means = shares.T @ points / counts[:, None]
        squares = shares.T @ points.square() / counts[:, None]
        # As if each component had one more point, with the variance of all: no dimension collapses.
        total = (squares - means.square()).clamp(min=0) * counts[:, None] + spread
        variances = total / (counts[:, None] + 1)
        log_weights = (counts / counts.sum()).log()
    return Mixture(log_weights.float(), means.float(), variances.clamp(min=FLOOR).sqrt().float())


def log_densities(points: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """Log-densities of N points, (N, Z), under K diagonal Gaussians, (K, Z): (N, K)."""
    inverse = 1 / variances
    distances = points.square() @ inverse.T - 2 * points @ (means * inverse).T
    distances = distances + (means.square() * inverse).sum(dim=1)
    constant = variances.log().sum(dim=1) + points.shape[1] * math.log(2 * math.pi)
    return -0.5 * (distances + constant)
