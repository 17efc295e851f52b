"""Evaluation of a classifier, and its labels of music."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack, cast

import numpy as np
import torch
from symusic import Score
from torch.nn.utils.rnn import pad_sequence

from musegen.checkpoint.folder import Checkpoint
from musegen.config.classifier import ClassifierTrainConfig
from musegen.console import say
from musegen.data.batches import fill_batches
from musegen.data.dataset import Dataset
from musegen.data.labels import dataset_labels, with_labels
from musegen.data.selection import select_tracks
from musegen.data.sources import ReadPiece
from musegen.data.splits import first_few
from musegen.data.views import TokenView, token_view
from musegen.data.windows import Window, cut_windows
from musegen.errors import DataError
from musegen.evaluation.class_baselines import majority, ngram_labels
from musegen.evaluation.comparison import Evaluation, EvaluationArguments
from musegen.evaluation.likelihood import BATCH_TOKENS, heading, no_pieces
from musegen.evaluation.measures import Measure
from musegen.metrics.classification import accuracy_and_f1, confusion_matrix, f1_scores
from musegen.models.classifier import piece_log_probabilities
from musegen.music.notes import Floats, Ints
from musegen.tokenizers import whole_tokenizer

MODEL, MAJORITY, NGRAM = "model", "majority", "n-grams"
FOLDS = "folds"
"""In place of a split."""
MEASURES = {
    "accuracy": Measure("accuracy %", "pieces with the right label", is_share=True),
    "macro_f1": Measure("macro F1 %", "mean over the labels of precision and recall, as F1", is_share=True),
}
"""In the order of display."""


class Classified(NamedTuple):
    """The probability of each label of a piece of music."""

    label: str
    """The most likely."""
    probabilities: dict[str, float]
    """By label, the most likely first."""


def classify(checkpoint: Checkpoint, read: ReadPiece) -> Classified:
    """The label of a piece; long music is read in windows, whose probabilities are averaged.

    Args:
        checkpoint: of a classifier.
        read: a piece that could be read.

    Raises:
        MusegenError: the music has not the tracks that the model reads, or cannot be encoded.
    """
    tokenizer, piece = whole_tokenizer(checkpoint.tokenizer), read.piece
    assert piece is not None
    score = Score.from_midi(read.data)
    chosen = select_tracks(score, piece, checkpoint.config.data, metres=tokenizer.time_signatures)
    stream = tokenizer.encode(chosen.score)
    offsets, notes = np.array([0, len(stream)]), np.array([piece.notes])
    view = TokenView(stream.astype(np.uint16), offsets, notes, [piece], {}, 120.0, 0)
    [row] = probabilities(checkpoint, view, [0])
    names = classes_of(checkpoint)
    order = np.argsort(-row, kind="stable")
    return Classified(names[order[0]], {names[i]: float(row[i]) for i in order})


def classes_of(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The labels that a classifier tells apart."""
    return cast(ClassifierTrainConfig, checkpoint.config).model.classes


@torch.no_grad()
def probabilities(checkpoint: Checkpoint, view: TokenView, pieces: Sequence[int]) -> Floats:
    """The mean over the windows of each piece of the probability of each label, (pieces, C)."""
    kind, longest = checkpoint.tokenizer.tables.kind, checkpoint.config.data.window
    windows = cut_windows(view, kind, split="all", longest=longest)
    owner = np.searchsorted(view.offsets, [window.start for window in windows], side="right") - 1
    chosen = np.flatnonzero(np.isin(owner, pieces))
    lengths = np.array([window.stop - window.start for window in windows])
    order = chosen[np.argsort(lengths[chosen], kind="stable")]
    logits = torch.zeros(len(windows), len(classes_of(checkpoint)))
    for batch in fill_batches(order, lengths, BATCH_TOKENS):
        rows = [_ids(view, windows[index]) for index in batch]
        ids = pad_sequence(rows, batch_first=True).to(checkpoint.device)
        logits[batch] = checkpoint.model(ids).float().cpu()
    found = [piece_log_probabilities(logits[owner == piece]).exp().numpy() for piece in pieces]
    return np.stack(found).astype(np.float64)


def _ids(view: TokenView, window: Window) -> torch.Tensor:
    return torch.from_numpy(view.ids[window.start : window.stop].astype(np.int64))


class LabelledView(NamedTuple):
    """The pieces of a dataset as a classifier reads them, and their labels."""

    view: TokenView
    labels: Ints
    """(P,) the class of each piece; -1: none that the model knows."""

    def indices(self, split: str) -> list[int]:
        """The pieces of a split that have a label."""
        return [index for index in self.view.indices(split) if self.labels[index] >= 0]


def labelled_view(checkpoint: Checkpoint, dataset: Dataset) -> LabelledView:
    """The pieces of a dataset with their labels, see `known_labels`.

    Raises:
        MusegenError: nothing can be encoded, or there are no labels.
    """
    names, labels = classes_of(checkpoint), known_labels(checkpoint, dataset)
    known = {piece.name: label for piece, label in zip(dataset.pieces, labels, strict=True) if label}
    view = token_view(dataset, checkpoint.tokenizer, checkpoint.config.data)
    found = [known.get(piece.name) for piece in view.pieces]
    return LabelledView(view, np.array([names.index(each) if each in names else -1 for each in found]))


def known_labels(checkpoint: Checkpoint, dataset: Dataset) -> list[str | None]:
    """The label of each piece: as recorded with a classifier for its own dataset, else by that dataset."""
    if dataset.sha256 == checkpoint.data["dataset_sha256"]:
        known = {each["name"]: each["label"] for each in checkpoint.data.get("labels", [])}
        return [known.get(piece.name) for piece in dataset.pieces]
    labels = dataset_labels(dataset, checkpoint.config.data.labels or "")
    if new := sorted({label for label in labels if label} - {*classes_of(checkpoint)}):
        say(f"left out pieces with labels that {checkpoint.path.name} does not know: {first_few(new)}")
    return labels


def evaluate_classifier(
    checkpoint: Checkpoint, dataset: Dataset, split: str = "test", **arguments: Unpack[EvaluationArguments]
) -> Evaluation:
    """Accuracy, macro F1 and the confusion matrix, beside the most frequent label and n-grams.

    Args:
        checkpoint: of a classifier.
        dataset: the music, with labels.
        split: "train", "valid", "test" or "all".
        **arguments: `seed` of the intervals; `folds`: a cross-validation of the checkpoint's settings on all
            pieces, in place of its own metrics.

    Raises:
        DataError: the split has no labelled pieces.
    """
    seed, names = arguments.get("seed") or 0, classes_of(checkpoint)
    if folds := arguments.get("folds"):
        from musegen.evaluation.cross_validation import cross_validate  # with Lightning, which takes seconds

        kind, labels = checkpoint.config.data.labels or "", known_labels(checkpoint, dataset)
        crossed = cross_validate(checkpoint.config, with_labels(dataset, kind, labels), folds, seed=seed)
        figures = heading(checkpoint, dataset, FOLDS) | crossed.facts()
        return Evaluation(figures | class_figures(crossed.true, crossed.predicted, names, seed=seed))
    found = labelled_view(checkpoint, dataset)
    pieces = found.indices(split)
    if not pieces:
        raise _no_labelled(dataset, split, found)
    predicted = predict(checkpoint, found, pieces, has_baselines=split in ("valid", "test"))
    figures = heading(checkpoint, dataset, split)
    return Evaluation(figures | class_figures(found.labels[pieces], predicted, names, seed=seed))


def _no_labelled(dataset: Dataset, split: str, found: LabelledView) -> DataError:
    """The error that a split has no labelled pieces."""
    if not found.view.indices(split):
        return no_pieces(dataset, split)
    return DataError(
        f"no {split} piece of dataset {dataset.name} has a label that the model knows: name other music with "
        "⟨DATA⟩, or another ⟨split⟩"
    )


def predict(
    checkpoint: Checkpoint, found: LabelledView, pieces: list[int], *, has_baselines: bool
) -> dict[str, Ints]:
    """The class of each piece by the model, and by the baselines, (pieces,) each.

    Args:
        checkpoint: of a classifier.
        found: the music.
        pieces: of its view.
        has_baselines: whether the pieces are not those of training; baselines need training pieces as well.
    """
    predicted = {MODEL: probabilities(checkpoint, found.view, pieces).argmax(axis=1)}
    train, vocab = found.indices("train"), checkpoint.tokenizer.tables.vocab_size
    if not has_baselines or len(set(found.labels[train].tolist())) < len(classes_of(checkpoint)):
        return predicted
    splits = {"train": train, "valid": found.indices("valid"), "pieces": pieces}
    ngram, _ = ngram_labels(found.view, found.labels, vocab, **splits)
    return predicted | {MAJORITY: majority(found.labels, train, pieces), NGRAM: ngram}


def class_figures(
    true: Ints, predicted: dict[str, Ints], names: Sequence[str], *, seed: int = 0
) -> dict[str, Any]:
    """Accuracy and macro F1 of each system; of the model the figures of each label, and its mistakes.

    Args:
        true: (pieces,) classes.
        predicted: (pieces,) of the model and its baselines.
        names: of the classes.
        seed: of the intervals.
    """
    systems = {
        system: {
            name: value._asdict()
            for name, value in accuracy_and_f1(true, each, len(names), seed=seed).items()
        }
        for system, each in predicted.items()
    }
    confusion = confusion_matrix(true, predicted[MODEL], len(names))
    hits, f1 = confusion.diagonal(), f1_scores(confusion)
    found, there = confusion.sum(axis=0).clip(min=1), confusion.sum(axis=1).clip(min=1)
    rows = zip(names, confusion.sum(axis=1).tolist(), hits / found, hits / there, f1, strict=True)
    columns = ("pieces", "precision", "recall", "f1")
    return {
        "pieces": len(true),
        "systems": systems,
        "classes": {
            name: dict(zip(columns, (count, *map(float, shares)), strict=True))
            for name, count, *shares in rows
        },
        "confusion": {
            name: dict(zip(names, row, strict=True))
            for name, row in zip(names, confusion.tolist(), strict=True)
        },
    }
