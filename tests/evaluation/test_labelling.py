"""Evaluation of classifiers: figures, baselines, cross-validation, and labels of single pieces."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from musegen.checkpoint.folder import load_checkpoint
from musegen.checkpoint.names import main_figures
from musegen.data.dataset import Dataset
from musegen.data.sources import Source, read_source
from musegen.errors import ConfigError, DataError, MusegenError
from musegen.evaluation.class_baselines import majority, ngram_labels
from musegen.evaluation.cross_validation import cross_validate
from musegen.evaluation.labelling import (
    classify,
    evaluate_classifier,
    labelled_view,
    probabilities,
)


def test_figures_agree_with_each_other(labeller: Path, two_kinds: Dataset) -> None:
    figures = evaluate_classifier(load_checkpoint(labeller), two_kinds, "all", seed=1).figures
    confusion, classes = figures["confusion"], figures["classes"]
    right = sum(confusion[name][name] for name in confusion)
    assert figures["pieces"] == sum(sum(row.values()) for row in confusion.values()) == 18
    assert figures["systems"]["model"]["accuracy"]["mean"] == right / 18
    assert {name: row["pieces"] for name, row in classes.items()} == {"bach": 6, "fiddle": 12}
    mean = np.mean([row["f1"] for row in classes.values()])
    assert figures["systems"]["model"]["macro_f1"]["mean"] == pytest.approx(mean)
    assert set(figures["systems"]) == {"model"}  # of training pieces there are no baselines
    assert main_figures(figures) == {"accuracy": right / 18, "macro_f1": pytest.approx(mean)}


def test_baselines_stand_beside_held_out_pieces(labeller: Path, two_kinds: Dataset) -> None:
    systems = evaluate_classifier(load_checkpoint(labeller), two_kinds, "test").figures["systems"]
    assert list(systems) == ["model", "majority", "n-grams"]
    assert systems["majority"]["accuracy"]["mean"] == 0.5  # a tune and a chorale
    assert systems["n-grams"]["accuracy"]["mean"] == 1


def test_ngrams_tell_chorales_from_tunes_and_the_majority_does_not(
    labeller: Path, two_kinds: Dataset
) -> None:
    checkpoint = load_checkpoint(labeller)
    view, labels = labelled_view(checkpoint, two_kinds)
    train, rest = view.indices("train")[::2], view.indices("train")[1::2]
    vocab = checkpoint.tokenizer.tables.vocab_size
    valid = view.indices("valid")
    found, order = ngram_labels(view, labels, vocab, train=train, valid=valid, pieces=rest)
    assert (found == labels[rest]).mean() > 0.8
    assert 1 <= order <= 6
    most = Counter(labels[train].tolist()).most_common(1)[0][0]
    assert majority(labels, train, rest).tolist() == [most] * len(rest)


def test_one_piece_is_labelled_as_in_its_dataset(labeller: Path, two_kinds: Dataset, corpora: Path) -> None:
    checkpoint = load_checkpoint(labeller)
    view, _ = labelled_view(checkpoint, two_kinds)
    rows = probabilities(checkpoint, view, range(len(view.pieces)))
    assert rows.sum(axis=1) == pytest.approx(1)
    for index in (0, 7, 17):
        name = f"{view.pieces[index].name}.mid"
        found = classify(checkpoint, read_source(Source(name, corpora / name, None)))
        assert list(found.probabilities.values()) == pytest.approx(
            sorted(rows[index], reverse=True), abs=1e-4
        )
        assert found.label == ("bach", "fiddle")[rows[index].argmax()]


def test_long_pieces_are_read_in_windows_whose_probabilities_are_averaged(
    labeller: Path, two_kinds: Dataset
) -> None:
    """The mean over the windows of a piece is that over each window on its own."""
    import torch

    from musegen.data.windows import cut_windows

    checkpoint = load_checkpoint(labeller)
    view, _ = labelled_view(checkpoint, two_kinds)
    windows = cut_windows(view, checkpoint.tokenizer.tables.kind, split="all", longest=256)
    own = [w for w in windows if view.offsets[0] <= w.start < view.offsets[1]]
    assert len(own) > 1
    with torch.no_grad():
        ids = [torch.from_numpy(view.ids[w.start : w.stop].astype(np.int64)) for w in own]
        each = [checkpoint.model(row[None]).softmax(dim=1)[0].numpy() for row in ids]
    assert probabilities(checkpoint, view, [0])[0] == pytest.approx(np.mean(each, axis=0), abs=1e-6)


def test_cross_validation_labels_each_piece_once(labeller: Path, two_kinds: Dataset) -> None:
    config = load_checkpoint(labeller).config
    found = cross_validate(config, two_kinds, 3)
    assert sorted(found.names) == sorted(piece.name for piece in two_kinds.pieces)
    assert found.folds == 3
    assert set(found.predicted) == {"model", "majority", "n-grams"}
    assert (found.predicted["model"] == found.true).mean() > 0.8
    again = cross_validate(config, two_kinds, 3, has_baselines=False)
    assert again.predicted.keys() == {"model"}
    assert again.predicted["model"].tolist() == found.predicted["model"].tolist()
    with pytest.raises(ConfigError, match="folds is 19: the 18 pieces are in 18 groups"):
        cross_validate(config, two_kinds, 19)


def test_a_split_or_music_without_labels_is_refused(
    labeller: Path, two_kinds: Dataset, tunes: Dataset
) -> None:
    checkpoint = load_checkpoint(labeller)
    empty = Dataset(two_kinds.path, two_kinds.info, [p for p in two_kinds.pieces if p.split != "test"])
    with pytest.raises(DataError, match="has no test pieces"):
        evaluate_classifier(checkpoint, empty, "test")
    with pytest.raises(MusegenError, match="has a label that the model knows"):
        evaluate_classifier(checkpoint, tunes, "test")
