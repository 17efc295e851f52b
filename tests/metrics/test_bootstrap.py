import math

import numpy as np
import pytest

from musegen.metrics.bootstrap import bootstrap_mean


def test_the_interval_holds_the_mean_and_narrows_with_more_pieces() -> None:
    values = np.random.default_rng(1).normal(5.0, 1.0, 400)
    few, many = bootstrap_mean(values[:25]), bootstrap_mean(values)
    assert few.low < few.mean < few.high
    assert many.high - many.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.05)  # the normal one
    assert many.high - many.low < few.high - few.low


def test_it_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(100):
        found = bootstrap_mean(rng.exponential(1.0, 60))
        hits += found.low <= 1.0 <= found.high
    assert 85 <= hits <= 99


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(3).normal(size=50)
    assert bootstrap_mean(values) == bootstrap_mean(values)
    assert bootstrap_mean(values) != bootstrap_mean(values, seed=1)


def test_missing_values_are_left_out() -> None:
    assert bootstrap_mean([1.0, float("nan"), 1.0]) == (1.0, 1.0, 1.0)
    assert math.isnan(bootstrap_mean([float("nan")]).mean)
    assert math.isnan(bootstrap_mean([]).low)
