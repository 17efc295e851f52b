"""Labels of the pieces that a language model is trained on, of one kind or of several."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from musegen.config.label_kinds import KEY, label_kinds
from musegen.config.settings import DataConfig
from musegen.console import say
from musegen.data.dataset import Dataset, IndexEntry
from musegen.data.labels import dataset_labels, kind_of
from musegen.data.splits import first_few
from musegen.errors import DataError, MusegenError, attempt
from musegen.music.facts import PITCH_CLASSES
from musegen.music.key import MODES
from musegen.tokenizers.label_ids import SAME, LabelVocabulary, key_label
from musegen.tokenizers.tables import Ints


def label_pieces(
    dataset: Dataset, data: DataConfig, names: Sequence[str], report: Callable[[str], None]
) -> tuple[Dataset, DataConfig, tuple[str, ...]]:
    """A dataset whose pieces have the labels that a language model reads.

    Args:
        dataset: the music.
        data: of the run, with the kinds of labels; the default are those of `names`.
        names: the labels that the model knows, as "kind=label"; (): all that training pieces have.
        report: prints one line about pieces without labels.

    Returns:
        the dataset, the settings with the kinds of labels, and the names.

    Raises:
        ConfigError: no such labels.
        DataError: no training piece has one.
    """
    hows = label_kinds(data.labels) or LabelVocabulary(tuple(names)).kinds
    by_kind = {kind_of(how): dataset_labels(dataset, how, data) for how in hows}
    pieces = [
        replace(piece, labels={kind: label for kind, each in by_kind.items() if (label := each[number])})
        for number, piece in enumerate(dataset.pieces)
    ]
    named = Dataset(dataset.path, dataset.info, pieces)
    train = [f"{kind}={label}" for piece in named.split("train") for kind, label in piece.labels.items()]
    known = tuple(names) or _sorted(set(train), tuple(by_kind), data.transpose)
    if not set(train) & set(known):
        raise DataError(
            f"no training piece of dataset {dataset.name} has a label of {first_few(list(known or hows))}: "
            "add music that has, or name other ⟨labels⟩"
        )
    for kind in by_kind:
        count = sum(kind not in piece.labels for piece in pieces)
        if count:
            report(
                f"{count} of {len(pieces)} pieces have no label of kind {kind}: they are trained on without"
            )
    return named, replace(data, labels=",".join(hows)), known


def _sorted(found: set[str], kinds: Sequence[str], reach: int) -> tuple[str, ...]:
    """Labels in the order of their ids: by kind, keys by mode, with those that transposed music has."""
    names: list[str] = []
    for kind in kinds:
        own = {name for name in found if name.startswith(f"{kind}=")}
        names += _keys(own, reach) if kind == KEY else sorted(own)
    return tuple(names)


def _keys(found: set[str], reach: int) -> list[str]:
    modes = [mode for mode in MODES if mode not in SAME]
    there = [(tonic, mode) for mode in modes for tonic in range(12) if key_label(tonic, mode) in found]
    shifts = range(-reach + 1, reach + 1) if reach else range(1)
    moved = {((tonic + shift) % len(PITCH_CLASSES), mode) for tonic, mode in there for shift in shifts}
    return [key_label(*key) for key in sorted(moved, key=lambda key: (MODES.index(key[1]), key[0]))]


def label_manifest(pieces: Sequence[IndexEntry], names: Sequence[str]) -> dict[str, Any]:
    """What a checkpoint keeps of labels: those of each piece, and how many training pieces have each."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in LabelVocabulary(tuple(names)).kinds}
    for piece in pieces:
        for kind, label in piece.labels.items():
            if piece.split == "train" and f"{kind}={label}" in names:
                counts[kind][label] += 1
    return {
        "labels": [{"name": piece.name, "labels": piece.labels} for piece in pieces if piece.labels],
        "label_counts": {kind: dict(each.most_common()) for kind, each in counts.items()},
    }


def piece_label_ids(
    dataset: Dataset,
    pieces: Sequence[IndexEntry],
    names: Sequence[str],
    data: DataConfig,
    recorded: Mapping[str, Any],
) -> Ints | None:
    """The ids of the labels of some pieces, (P, K); None: the model knows none.

    Args:
        dataset: of the pieces.
        pieces: any of it.
        names: the labels that the model knows, as "kind=label".
        data: settings of the model.
        recorded: data.json of the model, with the labels of its own dataset.
    """
    vocabulary = LabelVocabulary(tuple(names))
    if not names:
        return None
    if dataset.sha256 == recorded["dataset_sha256"]:
        known = {each["name"]: each["labels"] for each in recorded["labels"]}
    else:
        found = attempt(label_pieces, dataset, data, names, lambda _line: None)
        if isinstance(found, MusegenError):
            say(f"{dataset.name} has no labels that the model knows: its pieces are read without ({found})")
            return np.zeros((len(pieces), len(vocabulary.kinds)), np.int64)
        known = {piece.name: piece.labels for piece in found[0].pieces}
    return np.stack([vocabulary.ids(known.get(piece.name, {})) for piece in pieces])
