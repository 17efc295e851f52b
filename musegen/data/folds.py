"""Folds of a cross-validation: groups of pieces stay together, and each fold has its share of each label."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from musegen.data.dataset import Dataset
from musegen.data.groups import group_pieces
from musegen.data.labels import source_names
from musegen.data.versions import melodic_runs
from musegen.errors import ConfigError

LEAVE_ONE_OUT = "leave-one-out"
HELD_OUT = 10
"""The validation split of a fold is one of so many parts of its other pieces."""


def dataset_groups(dataset: Dataset) -> list[int]:
    """The group of each piece, (pieces,): versions, and what the dataset was prepared to keep together."""
    named = zip(dataset.pieces, source_names(dataset), strict=True)
    pieces = [replace(piece, name=name) for piece, name in named]
    runs = [melodic_runs(dataset.score(piece)) for piece in dataset.pieces]
    return group_pieces(pieces, runs, dataset.info.get("group")).versions


def deal_folds(groups: Sequence[int], labels: Sequence[str], folds: str | int, *, seed: int = 0) -> list[int]:
    """The fold of each piece, from 0, (pieces,).

    The groups are dealt in order of size, each to the fold that has least of its labels.

    Args:
        groups: of the pieces, (pieces,); equal numbers stay together.
        labels: of the pieces, (pieces,).
        folds: their number, or "leave-one-out": as many as there are groups.
        seed: of the order of equally large groups.

    Raises:
        ConfigError: not a number from 2 up, or more than there are groups.
    """
    members: dict[int, Counter[str]] = {}
    for group, label in zip(groups, labels, strict=True):
        members.setdefault(group, Counter())[label] += 1
    count = _count(folds, len(members), len(groups))
    order = np.random.default_rng(seed).permutation(list(members)).tolist()
    if count == len(members):
        fold_of = {group: fold for fold, group in enumerate(members)}
        return [fold_of[group] for group in groups]
    total, dealt = Counter(labels), [Counter[str]() for _ in range(count)]
    fold_of = {}
    for group in sorted(order, key=lambda each: -members[each].total()):
        own = members[group]

        def cost(fold: int, own: Counter[str] = own) -> tuple[float, int]:
            have = dealt[fold]
            return sum(own[label] * have[label] / total[label] for label in own), have.total()

        fold_of[group] = min(range(count), key=cost)
        dealt[fold_of[group]].update(own)
    return [fold_of[group] for group in groups]


def _count(folds: str | int, groups: int, pieces: int) -> int:
    """The number of folds."""
    if folds == LEAVE_ONE_OUT:
        return groups
    if not str(folds).isdigit() or int(folds) < 2:
        raise ConfigError(f"⟨folds⟩ is {folds}: it must be 2 or more, or {LEAVE_ONE_OUT}")
    if int(folds) > groups:
        raise ConfigError(
            f"⟨folds⟩ is {folds}: the {pieces} pieces are in {groups} groups, which stay together, so that "
            f"there are at most {groups} folds; name fewer, or {LEAVE_ONE_OUT}"
        )
    return int(folds)


def with_fold(
    dataset: Dataset, groups: Sequence[int], labels: Sequence[str], folds: Sequence[int], fold: int
) -> Dataset:
    """A dataset whose test split is one fold; a tenth of the other groups is for validation.

    Args:
        dataset: the music.
        groups: of its pieces, (pieces,).
        labels: of its pieces, (pieces,); "" for none: these are in no split.
        folds: of the pieces that have a label, in order.
        fold: the number of the one to test on.
    """
    known = [index for index, label in enumerate(labels) if label]
    split = dict.fromkeys(range(len(labels)), "")
    split |= {index: "test" for index, own in zip(known, folds, strict=True) if own == fold}
    rest = [index for index in known if not split[index]]
    rest_groups = [groups[index] for index in rest]
    parts = min(HELD_OUT, len(set(rest_groups)))
    inner = (
        deal_folds(rest_groups, [labels[index] for index in rest], parts, seed=fold)
        if parts > 2  # of two groups both are for training
        else [1] * len(rest)
    )
    split |= {index: "train" if part else "valid" for index, part in zip(rest, inner, strict=True)}
    pieces = [replace(piece, split=split[index]) for index, piece in enumerate(dataset.pieces)]
    return Dataset(dataset.path, dataset.info, pieces)
