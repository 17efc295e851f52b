"""Metrics of classifiers, on small cases counted by hand."""

import numpy as np
import pytest

from musegen.metrics.classification import accuracy_and_f1, confusion_matrix, f1_scores, macro_f1

TRUE = np.array([0, 0, 0, 1, 1, 2])
FOUND = np.array([0, 0, 1, 1, 1, 0])


def test_confusion_and_f1_by_hand() -> None:
    confusion = confusion_matrix(TRUE, FOUND, 3)
    assert confusion.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert f1_scores(confusion) == pytest.approx([4 / 6, 4 / 5, 0])
    assert macro_f1(TRUE, FOUND, 3) == pytest.approx((4 / 6 + 4 / 5) / 3)


def test_a_class_that_does_not_occur_does_not_count() -> None:
    assert macro_f1(TRUE, TRUE, 5) == 1


def test_intervals_and_the_mean_over_repeats() -> None:
    found = accuracy_and_f1(TRUE, np.stack([FOUND, TRUE]), 3)
    assert found["accuracy"].mean == pytest.approx((4 / 6 + 1) / 2)
    assert found["macro_f1"].mean == pytest.approx((macro_f1(TRUE, FOUND, 3) + 1) / 2)
    for low, mean, high in ((each.low, each.mean, each.high) for each in found.values()):
        assert 0 <= low <= mean <= high <= 1
        assert low < high
    assert found == accuracy_and_f1(TRUE, np.stack([FOUND, TRUE]), 3)
