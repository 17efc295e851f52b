"""Ways through a latent space."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from musegen.generation.interpolate import (
    NEIGHBOUR_DISTANCE,
    NEIGHBOURS,
    candidates,
    choose_steps,
    interpolate,
    paths,
)

NUMBERS = st.lists(st.floats(-10, 10, width=32), min_size=3, max_size=3).map(torch.tensor)


@given(NUMBERS, NUMBERS, st.integers(2, 9), st.booleans())
def test_any_two_points_have_a_way_with_exact_ends(a: Tensor, b: Tensor, num: int, spherical: bool) -> None:
    way = interpolate(a, b, num, spherical=spherical)
    assert way.shape == (num, 3)
    assert bool(way.isfinite().all())
    assert torch.equal(way[0], a)
    assert torch.equal(way[-1], b)


@given(NUMBERS, st.integers(2, 9), st.booleans())
def test_between_equal_points_lies_that_point(a: Tensor, num: int, spherical: bool) -> None:
    assert torch.equal(interpolate(a, a.clone(), num, spherical=spherical), a.expand(num, -1))


def test_opposite_points_and_zero_have_the_straight_way() -> None:
    a = torch.tensor([1.0, 2.0, -2.0])
    assert torch.allclose(interpolate(a, -a, 3)[1], torch.zeros(3))
    assert torch.allclose(interpolate(a, torch.zeros(3), 3)[1], a / 2)
    assert torch.allclose(interpolate(a, 3 * a, 3)[1], 2 * a)


def test_the_arc_keeps_its_distance_from_zero_and_its_pace() -> None:
    way = interpolate(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 5)
    assert torch.allclose(way.norm(dim=1), torch.full((5,), 2.0))
    turned = torch.atan2(way[:, 1], way[:, 0])
    assert torch.allclose(turned, torch.linspace(0, math.pi / 2, 5))
    straight = interpolate(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 3, spherical=False)
    assert torch.allclose(straight[1], torch.tensor([1.0, 1.0]))


def test_the_steps_chosen_lead_on_evenly() -> None:
    places = np.array([0, 0, 2, 9, 4, 4, 6, 12, 7, 8])  # on a line; two points stray from it
    apart = np.abs(places[:, None] - places)
    assert places[choose_steps(apart, 5)].tolist() == [0, 2, 4, 6, 8]
    assert choose_steps(apart, 2) == [0, 9]
    assert choose_steps(apart, 10) == list(range(10))


@given(st.integers(3, 12), st.integers(2, 12), st.integers(0, 99))
def test_the_steps_chosen_are_as_many_as_asked_for_and_go_onward(points: int, num: int, seed: int) -> None:
    apart = np.random.default_rng(seed).integers(0, 30, (points, points))
    steps = choose_steps(apart + apart.T, min(num, points))
    assert len(steps) == min(num, points)
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (0, points - 1)


def test_candidates_lead_from_end_to_end_and_lie_beside_the_way() -> None:
    generator = torch.Generator().manual_seed(3)
    a, b = torch.randn(2, 64, generator=generator)
    points = candidates(a, b, 5, "both", seed=1)
    assert len(points) == 2 + (2 * 5 - 2) * (1 + NEIGHBOURS)
    assert torch.equal(points[0], a)
    assert torch.equal(points[-1], b)
    way = paths(a, b, 5, "both")
    assert torch.equal(points[1:-1][:: 1 + NEIGHBOURS], way[1:-1])
    apart = (points[2] - way[1]).norm() / (b - a).norm()
    assert 0 < apart < 2 * NEIGHBOUR_DISTANCE
    assert torch.equal(points, candidates(a, b, 5, "both", seed=1))
    assert not torch.equal(points, candidates(a, b, 5, "both", seed=2))


def test_beside_a_way_of_no_length_lies_nothing_else() -> None:
    a = torch.randn(64, generator=torch.Generator().manual_seed(3))
    assert torch.equal(candidates(a, a, 4, "both"), a.expand(2 + 6 * (1 + NEIGHBOURS), -1))
