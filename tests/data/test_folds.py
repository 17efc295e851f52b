"""Folds: groups stay together, labels are spread, and what cannot be dealt is refused in one line."""

from collections import Counter

import pytest

from musegen.data.dataset import Dataset
from musegen.data.folds import LEAVE_ONE_OUT, dataset_groups, deal_folds, with_fold
from musegen.errors import ConfigError

GROUPS = [0, 0, 0, 1, 1, 2, 3, 4, 5, 5, 6, 7]
LABELS = ["a"] * 6 + ["b"] * 6


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together_and_labels_are_spread(seed: int) -> None:
    folds = deal_folds(GROUPS, LABELS, 3, seed=seed)
    assert set(folds) == {0, 1, 2}
    for group in set(GROUPS):
        assert len({fold for fold, own in zip(folds, GROUPS, strict=True) if own == group}) == 1
    counts = Counter(zip(folds, LABELS, strict=True))
    assert all(1 <= counts[fold, label] <= 3 for fold in range(3) for label in "ab")


def test_leave_one_out_has_a_fold_for_each_group() -> None:
    folds = deal_folds(GROUPS, LABELS, LEAVE_ONE_OUT)
    assert folds == GROUPS


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ("9", "the 12 pieces are in 8 groups, which stay together, so that there are at most 8 folds"),
        ("1", "it must be 2 or more, or leave-one-out"),
        ("ten", "it must be 2 or more, or leave-one-out"),
    ],
)
def test_what_cannot_be_dealt_is_refused(folds: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"folds is {folds}: .*{message}"):
        deal_folds(GROUPS, LABELS, folds)


def test_a_fold_is_the_test_split_and_no_group_is_in_two_splits(two_kinds: Dataset) -> None:
    labels = [piece.labels.get("folders", "") for piece in two_kinds.pieces]
    labels[0] = ""  # in no split
    groups = dataset_groups(two_kinds)
    folds = deal_folds(groups[1:], labels[1:], 4)
    for fold in range(4):
        part = with_fold(two_kinds, groups, labels, folds, fold)
        assert part.pieces[0].split == ""
        splits = [piece.split for piece in part.pieces]
        assert [own == "test" for own in splits[1:]] == [own == fold for own in folds]
        assert {"train", "valid", "test"} <= set(splits)
        for group in set(groups[1:]):
            assert len({s for s, own in zip(splits[1:], groups[1:], strict=True) if own == group}) == 1
