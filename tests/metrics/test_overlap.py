import math

import numpy as np
import pytest

from musegen.metrics.overlap import BINS, density, divergence, likeness, overlap

RNG = np.random.default_rng(7)
SET = RNG.normal(size=(60, 3))


def test_equal_sets_overlap_wholly() -> None:
    found = likeness(SET, SET)
    assert found.overlap.mean > 0.98  # between the sets each piece also meets itself
    assert found.kl.mean < 0.01


def test_the_farther_apart_the_less_alike() -> None:
    found = [likeness(SET, SET + shift) for shift in (0.0, 0.5, 1.0, 2.0, 8.0)]
    overlaps = [each.overlap.mean for each in found]
    assert overlaps == sorted(overlaps, reverse=True)
    assert [each.kl.mean for each in found] == sorted(each.kl.mean for each in found)
    assert overlaps[-1] < 0.01


def test_a_set_without_variety_shows_in_its_own_distances() -> None:
    found = likeness(SET, SET.mean(axis=0) + SET / 50)
    assert found.overlap_generated.mean < 0.2
    assert found.overlap_real.mean > 0.5
    assert found.overlap == found.overlap_generated
    assert found.kl == found.kl_generated


def test_intervals_hold_the_value_and_shrink_with_the_sets() -> None:
    moved = np.array([0.0, 0.7])[:, None, None]
    small, large = (RNG.normal(size=(2, count, 1)) + moved for count in (20, 250))
    widths = []
    for pair in (small, large):
        found = likeness(*pair).overlap
        assert found.low <= found.mean <= found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


def test_one_odd_piece_changes_little() -> None:
    quiet, odd = np.zeros((40, 1)), np.zeros((40, 1))
    odd[0] = 5.0
    assert likeness(quiet, odd).overlap.mean > 0.9


def test_sets_of_one_value() -> None:
    assert likeness(np.zeros((5, 1)), np.zeros((5, 1))).overlap.mean == pytest.approx(1)
    assert likeness(np.zeros((5, 1)), np.ones((5, 1))).overlap.mean == pytest.approx(0, abs=1e-6)
    assert math.isnan(likeness(np.zeros((1, 1)), np.ones((5, 1))).overlap.mean)


def test_densities_by_their_formulas() -> None:
    bins = np.arange(BINS)
    p, q = (density(np.exp(-0.5 * ((bins - centre) / 10) ** 2) * 1e6, 15.0) for centre in (100, 122))
    width = np.hypot(10, 15)
    assert p.sum() == pytest.approx(1)
    assert overlap(p, q) == pytest.approx(math.erfc(22 / (2 * math.sqrt(2) * width)), abs=1e-3)
    assert divergence(p, q) == pytest.approx(0.5 * (22 / width) ** 2, rel=0.01)  # of Gaussians
