"""Metrics of classifiers from the true and the predicted class of each piece, with bootstrap intervals."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from musegen.metrics.bootstrap import Interval, bootstrap_mean
from musegen.music.notes import Floats, Ints

DRAWS = 2_000


def confusion_matrix(true: Ints, predicted: Ints, classes: int) -> Ints:
    """How often each true class (row) was predicted as each class (column), (C, C)."""
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def f1_scores(confusion: NDArray[Any]) -> Floats:
    """The F1 of each class, (..., C) of confusion matrices (..., C, C); 0 for a class that is never found."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    both = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    return np.asarray(2 * hits / np.maximum(both, 1), np.float64)


def macro_f1(true: Ints, predicted: Ints, classes: int) -> float:
    """The mean over the classes that occur of their F1."""
    confusion = confusion_matrix(true, predicted, classes)
    return float(f1_scores(confusion)[confusion.sum(axis=1) > 0].mean())


def accuracy_and_f1(true: Ints, predicted: Ints, classes: int, *, seed: int = 0) -> dict[str, Interval]:
    """Accuracy and macro F1 with 95% intervals (percentile bootstrap over the pieces).

    Args:
        true: (pieces,) the class of each.
        predicted: (pieces,), or (repeats, pieces) of several models, whose mean the figures are.
        classes: C.
        seed: of the resampling.
    """
    repeats = np.atleast_2d(predicted)

    def mean_f1(rows: Ints) -> float:
        return float(np.mean([macro_f1(true[rows], each[rows], classes) for each in repeats]))

    drawn = np.random.default_rng(seed).integers(len(true), size=(DRAWS, len(true)))
    low, high = np.quantile([mean_f1(rows) for rows in drawn], [0.025, 0.975])
    return {
        "accuracy": bootstrap_mean((true == repeats).mean(axis=0), seed=seed),
        "macro_f1": Interval(mean_f1(np.arange(len(true))), float(low), float(high)),
    }
