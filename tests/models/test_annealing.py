"""Annealed importance sampling against sums over all states of small machines."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from musegen.models.annealing import log_sums

VISIBLE, HIDDEN = 10, 7


def machines(scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, (P, K), and the biases of four machines, (4, P) and (4, K)."""
    generator = torch.Generator().manual_seed(1)
    shapes = ((VISIBLE, HIDDEN), (4, VISIBLE), (4, HIDDEN))
    weights, visible, hidden = (scale * torch.randn(*shape, generator=generator) for shape in shapes)
    return weights, visible - 1, hidden


def exact(weights: Tensor, visible: Tensor, hidden: Tensor) -> Tensor:
    """The logarithm of the sum over all states, (N,), in double precision."""
    states = torch.tensor([*itertools.product([0.0, 1.0], repeat=VISIBLE)]).double()  # (2 ** P, P)
    inputs = hidden.double()[:, None] + states @ weights.double()
    energies = visible.double() @ states.T + functional.softplus(inputs).sum(dim=2)
    return energies.logsumexp(dim=1)


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.5])
def test_the_estimate_is_within_its_error_of_the_exact_sum(scale: float) -> None:
    weights, visible, hidden = machines(scale)
    generator = torch.Generator().manual_seed(0)
    found = log_sums(weights, visible, hidden, chains=200, steps=300, generator=generator)
    wrong = (found.value.double() - exact(weights, visible, hidden)).abs()
    assert (wrong <= 4 * found.variance.double().sqrt() + 1e-4).all(), (wrong, found.variance)
    assert (wrong < 0.1).all()


def test_the_error_falls_with_more_steps_and_more_chains() -> None:
    weights, visible, hidden = machines(1.5)

    def error(chains: int, steps: int) -> float:
        generator = torch.Generator().manual_seed(0)
        found = log_sums(weights, visible, hidden, chains=chains, steps=steps, generator=generator)
        return float(found.variance.mean())

    assert error(400, 200) < error(400, 10)
    assert error(400, 20) < error(40, 20)


def test_the_same_generator_gives_the_same_estimate() -> None:
    weights, visible, hidden = machines(0.5)
    found = [
        log_sums(weights, visible, hidden, chains=5, steps=5, generator=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(found[0].value, found[1].value)
    assert not torch.equal(found[0].value, found[2].value)
