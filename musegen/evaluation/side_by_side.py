"""Models of one family side by side: measured on the same pieces, which are new to all of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from musegen.checkpoint.folder import WEIGHTS, Checkpoint
from musegen.checkpoint.names import main_figures
from musegen.checkpoint.sizes import expected_sizes
from musegen.checkpoint.weights import count_parameters
from musegen.data.dataset import Dataset
from musegen.data.novelty import copied
from musegen.data.training_index import TrainingIndex
from musegen.errors import DataError
from musegen.evaluation.comparison import Evaluation
from musegen.evaluation.copies import MIN_RUN
from musegen.evaluation.likelihood import WITHOUT, model_view, no_pieces
from musegen.families import family_of, load


class SharedPieces(NamedTuple):
    """The pieces on which models are measured."""

    dataset: Dataset
    """With the other pieces of the split in no split."""
    pieces: int
    trained_on: int
    """How many pieces of the split were left out because a model was trained on them."""
    unreadable: int
    """How many others were left out because a model cannot encode them."""


def shared_pieces(checkpoints: Sequence[Checkpoint], dataset: Dataset, split: str) -> SharedPieces:
    """The pieces of a split that all models can encode and none was trained on.

    Raises:
        DataError: there are none.
    """
    own, trained = dataset.split(split), set[str]()
    if not own:
        raise no_pieces(dataset, split)
    for checkpoint in checkpoints:
        trained |= _training_pieces(checkpoint, dataset)
    new = [piece for piece in own if not {piece.name, piece.sha256} & trained]
    names = {piece.name for piece in new}
    for checkpoint in checkpoints:
        view = model_view(checkpoint, dataset)
        names &= {view.pieces[index].name for index in view.indices(split)}
    if not names:
        raise DataError(
            f"none of the {len(own)} {split} pieces of dataset {dataset.name} can be used: a model was "
            f"trained on {len(own) - len(new)}, and not all can read {len(new)}; name other music with ⟨data⟩"
        )
    pieces = [
        replace(piece, split="") if piece.split == split and piece.name not in names else piece
        for piece in dataset.pieces
    ]
    shared = Dataset(dataset.path, dataset.info, pieces)
    return SharedPieces(shared, len(names), len(own) - len(new), len(new) - len(names))


def _training_pieces(checkpoint: Checkpoint, dataset: Dataset) -> set[str]:
    """What identifies the training pieces: the hash of the music, and in the same dataset the name."""
    train = checkpoint.data["train"]
    names = {entry["name"] for entry in train} if checkpoint.dataset == dataset.name else set()
    return {entry["sha256"] for entry in train} | names


def measure_model(
    checkpoint: Checkpoint,
    shared: SharedPieces,
    split: str,
    known: TrainingIndex | None,
    *,
    samples: int | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """One row of the table.

    Args:
        checkpoint: of the model.
        shared: the pieces.
        split: of the pieces.
        known: the model's own training pieces, if they are at hand.
        samples: how many samples, see the family's evaluation; None: its default, 0: none.
        seed: of all random numbers.

    Returns:
        Facts about the model: path, data (the name of its dataset), training_pieces, weights (their number),
        minutes and step of training until the best validation; then the figures: those of `main_figures`,
        those without velocity and tempo if the model has these, ngram, the same of the best short n-gram;
        not_passed, see `likelihood_figures`; copied, the share of the notes of its samples in runs of
        `MIN_RUN` or more of its training pieces, and copied_real, the same of real held-out pieces.
    """
    evaluate = load(family_of(checkpoint.config.family).evaluate)
    found: Evaluation = evaluate(checkpoint, shared.dataset, split, samples=samples, seed=seed)
    figures = found.figures
    sizes = expected_sizes(checkpoint.config, checkpoint.tokenizer)
    row: dict[str, Any] = {
        "path": str(checkpoint.path),
        "data": checkpoint.dataset,
        "training_pieces": len(checkpoint.data["train"]),
        "weights": count_parameters(checkpoint.path / WEIGHTS, sizes),
        "minutes": checkpoint.metrics.get("minutes"),
        "step": checkpoint.metrics.get("step"),
        "notes": figures.get("notes"),
        **main_figures(figures),
    }
    if WITHOUT in figures:
        row[WITHOUT] = figures[WITHOUT]["bits_per_note"]
    if "baselines" in figures:
        ngram = figures["baselines"]["ngram"]
        row["ngram"] = {"name": ngram["name"], "bits_per_note": ngram["bits_per_note"]}
        row["not_passed"] = figures["not_passed"]
    if known and found.samples:
        shares = [copied(score, known.known).share(MIN_RUN) for score in found.samples]
        row["copied"] = float(np.mean(shares))
        row["copied_real"] = float(known.base.shares(MIN_RUN).mean()) if known.base.pieces else None
    return row
