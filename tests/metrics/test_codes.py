"""How codes use their dimensions, against cases that can be counted by hand."""

import numpy as np
import pytest

from musegen.metrics.codes import active_units, sparsity, units_on


def test_sparsity_is_zero_for_equal_values_and_one_for_a_single_value() -> None:
    assert sparsity(np.array([[2.0, -2.0, 2.0, 2.0]])) == pytest.approx(0.0)
    assert sparsity(np.array([[0.0, 0.0, -3.0, 0.0]])) == pytest.approx(1.0)
    assert sparsity(np.array([[2.0, -2.0, 2.0, 2.0], [0.0, 0.0, -3.0, 0.0]])) == pytest.approx(0.5)


def test_sparsity_does_not_depend_on_scale_and_a_code_of_zeros_counts_as_even() -> None:
    codes = np.random.default_rng(0).normal(size=(5, 16))
    assert sparsity(codes) == pytest.approx(sparsity(100 * codes))
    assert sparsity(np.zeros((2, 16))) == 0.0


def test_units() -> None:
    codes = np.array([[1.0, 0.0, 5.0, 0.05], [0.0, 0.0, 5.0, 0.0]])
    assert active_units(codes) == 1
    assert units_on(codes) == 2.0
