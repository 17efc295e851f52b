"""The partition function of restricted Boltzmann machines, estimated by annealed importance sampling.

Neal 2001 (arXiv:physics/9803008); for these machines Salakhutdinov and Murray 2008, "On the quantitative
analysis of deep belief networks". A chain goes from a machine without weights, whose sum is known, to the one
that is measured, through machines between; the mean weight of the chains is an unbiased estimate of the ratio
of both sums. So its logarithm is too small in the mean, and a likelihood computed with it too high, by about
half its variance.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

MEAN_FIELD = 10
"""Rounds of the mean field from which the first machine has its biases."""
CERTAIN = 6.0
"""The largest bias of the first machine: so no unit is certain from the start."""


class LogSum(NamedTuple):
    """Estimates of the logarithm of the partition functions of N machines."""

    value: Tensor
    """(N,) in nats."""
    variance: Tensor
    """(N,) of the estimate, from the spread of its chains."""


def log_sums(
    weights: Tensor,
    visible: Tensor,
    hidden: Tensor,
    *,
    chains: int,
    steps: int,
    generator: torch.Generator | None = None,
) -> LogSum:
    """Estimate the partition functions of machines that share their weights.

    The energy is E(v, h) = -v a - h b - v W h, of units that are 0 or 1.

    Args:
        weights: W, (P, K).
        visible: a of each machine, (N, P).
        hidden: b of each machine, (N, K).
        chains: of each machine; at least 2.
        steps: from the first machine to the last.
        generator: of the random numbers.
    """
    start = _independent(weights, visible, hidden)[:, None]  # (N, 1, P) biases of the first machine
    end, own = visible[:, None], hidden[:, None]
    shape = len(visible), chains
    units = _draw(start.expand(*shape, -1), generator)  # (N, M, P)
    logs = units.new_zeros(shape)
    shares = torch.linspace(0, 1, steps + 1).tolist()
    for before, after in pairwise(shares):
        inputs = own + units @ weights  # (N, M, K)
        moved = (units @ (end - start).transpose(1, 2))[..., 0]
        logs = logs + (after - before) * moved
        logs = logs + (functional.softplus(after * inputs) - functional.softplus(before * inputs)).sum(dim=2)
        found = _draw(after * inputs, generator)
        units = _draw((1 - after) * start + after * (end + found @ weights.T), generator)
    first = functional.softplus(start[:, 0]).sum(dim=1) + hidden.shape[1] * math.log(2)
    relative = (logs - logs.max(dim=1, keepdim=True).values).exp()
    spread = relative.var(dim=1) / relative.mean(dim=1).square() / chains
    return LogSum(first + logs.logsumexp(dim=1) - math.log(chains), spread)


def _independent(weights: Tensor, visible: Tensor, hidden: Tensor) -> Tensor:
    """The biases of independent units near those of the machines, (N, P), by a mean field."""
    logits = visible
    for _ in range(MEAN_FIELD):
        logits = visible + (hidden + logits.sigmoid() @ weights).sigmoid() @ weights.T
    return logits.clamp(-CERTAIN, CERTAIN)


def _draw(logits: Tensor, generator: torch.Generator | None) -> Tensor:
    """Units that are on with these logits."""
    uniform = torch.rand(logits.shape, generator=generator, device=logits.device)
    return (uniform < logits.sigmoid()).to(logits.dtype)
