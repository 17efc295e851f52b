"""Haydn or Mozart: the encoders of classifiers, cross-validated on quartet movements.

    python -m benchmarks.composers haydn-mozart/HM285 --encoder mlp conv1d --folds 10 --repeats 3

The folder holds a folder of music for each composer. The movements of a quartet, and versions of a movement,
stay in one fold. The weights are chosen by the loss on a tenth of the other quartets, never by the fold.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.runner import benchmark
from musegen.cli.tables import interval, print_table
from musegen.config.classifier import ClassifierConfig, ClassifierTrainConfig
from musegen.config.from_json import parse_config
from musegen.config.settings import DataConfig
from musegen.config.trainer import OptimConfig, TrainerConfig
from musegen.data.dataset import Dataset
from musegen.data.labels import FOLDERS, labelled
from musegen.data.prepare import prepare
from musegen.evaluation.cross_validation import CrossValidated, cross_validate
from musegen.evaluation.labelling import MODEL
from musegen.metrics.classification import accuracy_and_f1

ENCODERS = ("mlp", "lstm", "conv1d", "conv2d", "crnn", "transformer")
QUARTETS = r"^(.+)[-_]\d+\.\w+$"
"""The path of a movement without its number: the quartet."""
VALIDATIONS = 10


def movements(folder: Path, out: Path) -> Dataset:
    """The dataset of a folder of movements, made only once."""
    path = out / folder.name
    if not path.exists():
        prepare(str(folder), path, group=QUARTETS, labels=FOLDERS)
    dataset, _, _ = labelled(Dataset.open(path), FOLDERS, (), print)
    return dataset


def figures(runs: Sequence[CrossValidated], system: str) -> dict[str, Any]:
    """Accuracy and macro F1 of a system over all repeats, with intervals over the pieces."""
    classes = int(max(run.true.max() for run in runs)) + 1
    rows = [np.argsort(run.names) for run in runs]  # the pieces in one order
    true = runs[0].true[rows[0]]
    predicted = np.stack([run.predicted[system][order] for run, order in zip(runs, rows, strict=True)])
    return {name: value._asdict() for name, value in accuracy_and_f1(true, predicted, classes).items()}


def show(found: dict[str, Any]) -> None:
    """A row per encoder, and those of the baselines."""
    rows = [
        [name, *(interval(row[key], ".1f", 100) for key in ("accuracy", "macro_f1"))]
        for name, row in found["systems"].items()
    ]
    about = f"{found['pieces']} movements, {found['groups']} groups, {found['folds']} folds"
    print_table(["", "accuracy %", "macro F1 %"], rows, [f"{about}, repeats: {found['repeats']}"], width=100)


@benchmark(show)
def main(
    folder: Path,
    /,
    *,
    encoder: Sequence[str] = ENCODERS,
    folds: str = "10",
    repeats: int = 1,
    steps: int = 300,
    window: int = 512,
    hidden: int = 64,
    transpose: int = 6,
    out: Path = Path("out/composers"),
) -> dict[str, Any]:
    """Cross-validate each encoder.

    Args:
        folder: of music, a folder per composer
        encoder: names of encoders
        folds: their number, or leave-one-out
        repeats: with other folds and weights
        steps: of each training
        window: tokens per window
        hidden: width of the layers
        transpose: semitones by which training pieces are transposed at most
        out: folder of the dataset
    """
    dataset = movements(folder, out)
    systems: dict[str, Any] = {}
    for name in encoder:
        config = ClassifierTrainConfig(
            data=DataConfig(labels=FOLDERS, window=window, transpose=transpose),
            model=parse_config(ClassifierConfig, {"encoder": name, "hidden_size": hidden}, "model."),
            optim=OptimConfig(batch_tokens=16 * window),
            trainer=TrainerConfig(max_steps=steps, val_check_interval=max(1, steps // VALIDATIONS)),
        )
        runs = [
            cross_validate(
                replace(config, seed=seed), dataset, folds, seed=seed, has_baselines=name == encoder[0]
            )
            for seed in range(repeats)
        ]
        systems[name] = figures(runs, MODEL)
        systems |= {other: figures(runs, other) for other in runs[0].predicted if other != MODEL}
    last = runs[-1]
    facts = {"pieces": len(last.true), "folds": last.folds, "groups": last.groups, "repeats": repeats}
    return facts | {"systems": systems}
