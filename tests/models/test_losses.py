"""The losses of a VAE against torch.distributions, and by hand."""

import math
from typing import Literal

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from musegen.config.latent import LatentConfig
from musegen.models.losses import above_free_bits, attribute_loss, beta_at, kl_nats
from musegen.models.mixture import fit_mixture, log_densities


def test_kl_is_that_of_torch() -> None:
    torch.manual_seed(0)
    posterior = Normal(torch.randn(5, 7), torch.rand(5, 7) + 0.1)
    wanted = kl_divergence(posterior, Normal(torch.zeros(5, 7), torch.ones(5, 7)))
    assert torch.allclose(kl_nats(posterior), wanted, atol=1e-5)


def test_free_bits_come_off_the_total() -> None:
    kl = torch.tensor([[1.0, 2.0, 4.0], [0.5, 0.5, 0.0]])
    free = 3 / math.log(2)  # 3 nats
    assert above_free_bits(kl, free).tolist() == pytest.approx([4.0, 0.0])
    assert above_free_bits(kl, 0.0).tolist() == pytest.approx([7.0, 1.0])


def test_beta_rises_as_its_schedule_says() -> None:
    def betas(schedule: Literal["linear", "cyclical", "constant"], *moments: float) -> list[float]:
        latent = LatentConfig(beta=0.2, schedule=schedule, cycles=4)
        return [beta_at(round(moment * 16), 16, latent) for moment in moments]

    assert betas("linear", 0, 0.125, 0.25, 0.8, 1) == pytest.approx([0, 0.1, 0.2, 0.2, 0.2])
    assert betas("cyclical", 0, 0.0625, 0.125, 0.2, 0.25, 0.3125, 1) == pytest.approx(
        [0, 0.1, 0.2, 0.2, 0, 0.1, 0.2]
    )
    assert betas("constant", 0, 1) == pytest.approx([0.2, 0.2])


def test_a_dimension_in_the_order_of_its_attribute_costs_nothing() -> None:
    values = torch.tensor([[1.0, 30.0], [2.0, 20.0], [4.0, 25.0]])
    ordered = torch.tensor([[-9.0, 9.0, 0.3], [0.0, -9.0, -2.0], [9.0, 0.0, 1.0]])
    assert attribute_loss(ordered, values).item() == pytest.approx(0.0, abs=1e-6)
    # Reversed, each of the 6 ordered pairs of 9 is wrong by 2, in both dimensions.
    assert attribute_loss(-ordered, values).item() == pytest.approx(2 * 12 / 9)
    by_hand = 2 * (1 - math.tanh(10 * 0.1)) / 4
    assert attribute_loss(torch.tensor([[0.1], [0.0]]), torch.tensor([[2.0], [1.0]])).item() == pytest.approx(
        by_hand, abs=1e-6
    )


def test_a_clip_without_an_attribute_has_no_say() -> None:
    values = torch.tensor([[1.0], [math.nan], [2.0]])
    z = torch.tensor([[-9.0], [5.0], [9.0]], requires_grad=True)
    loss = attribute_loss(z, values)
    assert loss.item() == pytest.approx(0.0, abs=1e-6)
    [slope] = torch.autograd.grad(loss, z)
    assert slope.isfinite().all()


def test_the_mixture_finds_what_points_were_drawn_from() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[5.0, 0.0], [-5.0, 3.0], [0.0, -8.0]])
    which = torch.multinomial(torch.tensor([0.5, 0.3, 0.2]), 3000, replacement=True, generator=generator)
    scales = torch.tensor([[1.0, 0.3], [0.5, 0.5], [0.2, 1.0]])
    points = centres[which] + scales[which] * torch.randn(3000, 2, generator=generator)
    found = fit_mixture(points, 3, seed=1)
    order = found.log_weights.argsort(descending=True)
    assert found.log_weights[order].exp().tolist() == pytest.approx([0.5, 0.3, 0.2], abs=0.03)
    assert torch.allclose(found.means[order], centres, atol=0.1)
    assert torch.allclose(found.scales[order], scales, atol=0.1)


def test_more_components_than_points_do_no_harm() -> None:
    found = fit_mixture(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 8)
    assert all(part.isfinite().all() for part in found)


def test_densities_are_those_of_torch() -> None:
    torch.manual_seed(0)
    points, means, scales = torch.randn(6, 3), torch.randn(4, 3), torch.rand(4, 3) + 0.2
    wanted = Normal(means, scales).log_prob(points[:, None]).sum(dim=2)
    assert torch.allclose(log_densities(points, means, scales.square()), wanted, atol=1e-4)
