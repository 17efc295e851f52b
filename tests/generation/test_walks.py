"""Ways through a latent space."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from musegen.generation.interpolate import (
    NEIGHBOUR_DISTANCE,
    NEIGHBOURS,
    _normal,
    candidates,
    choose_steps,
    interpolate,
    paths,
)
from musegen.generation.machine import Array

NUMBERS = st.lists(st.floats(-10, 10, width=32), min_size=3, max_size=3).map(
    lambda numbers: np.array(numbers, np.float32)
)


@given(NUMBERS, NUMBERS, st.integers(2, 9), st.booleans())
def test_any_two_points_have_a_way_with_exact_ends(a: Array, b: Array, num: int, spherical: bool) -> None:
    way = interpolate(a, b, num, spherical=spherical)
    assert way.shape == (num, 3)
    assert np.isfinite(way).all()
    assert np.array_equal(way[0], a)
    assert np.array_equal(way[-1], b)


@given(NUMBERS, st.integers(2, 9), st.booleans())
def test_between_equal_points_lies_that_point(a: Array, num: int, spherical: bool) -> None:
    assert np.array_equal(interpolate(a, a.copy(), num, spherical=spherical), np.tile(a, (num, 1)))


def test_opposite_points_and_zero_have_the_straight_way() -> None:
    a = np.array([1.0, 2.0, -2.0])
    assert np.allclose(interpolate(a, -a, 3)[1], 0)
    assert np.allclose(interpolate(a, 0 * a, 3)[1], a / 2)
    assert np.allclose(interpolate(a, 3 * a, 3)[1], 2 * a)


def test_the_arc_keeps_its_distance_from_zero_and_its_pace() -> None:
    right, up = np.array([2.0, 0.0]), np.array([0.0, 2.0])
    way = interpolate(right, up, 5)
    assert np.allclose(np.linalg.norm(way, axis=1), 2)
    assert np.allclose(np.arctan2(way[:, 1], way[:, 0]), np.linspace(0, math.pi / 2, 5))
    assert np.allclose(interpolate(right, up, 3, spherical=False)[1], 1)


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
    a, b = torch.randn(2, 64, generator=torch.Generator().manual_seed(3)).numpy()
    points = candidates(a, b, 5, "both", seed=1)
    assert len(points) == 2 + (2 * 5 - 2) * (1 + NEIGHBOURS)
    assert np.array_equal(points[0], a)
    assert np.array_equal(points[-1], b)
    way = paths(a, b, 5, "both")
    assert np.array_equal(points[1:-1][:: 1 + NEIGHBOURS], way[1:-1])
    apart = np.linalg.norm(points[2] - way[1]) / np.linalg.norm(b - a)
    assert 0 < apart < 2 * NEIGHBOUR_DISTANCE
    assert np.array_equal(points, candidates(a, b, 5, "both", seed=1))
    assert not np.array_equal(points, candidates(a, b, 5, "both", seed=2))


def test_beside_a_way_of_no_length_lies_nothing_else() -> None:
    a = torch.randn(64, generator=torch.Generator().manual_seed(3)).numpy()
    assert np.array_equal(candidates(a, a, 4, "both"), np.tile(a, (2 + 6 * (1 + NEIGHBOURS), 1)))


@pytest.mark.parametrize("shape", [(16,), (17,), (31,), (4, 2, 16), (62, 2, 33), (62, 2, 256)])
def test_normal_numbers_are_those_of_torch(shape: tuple[int, ...]) -> None:
    """So that a seed gives the clips that it gave when they were drawn with torch."""
    for seed in (0, 1, 7, 2**31, 2**32 - 1):
        generator = torch.Generator().manual_seed(seed)
        wanted = torch.randn(shape, generator=generator, dtype=torch.float64)
        assert np.allclose(_normal(seed, shape), wanted.numpy(), rtol=0, atol=1e-12)
