"""The dataset that a model learnt from, or that is named itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from musegen.cli.places import DATASETS, open_data, training_data
from musegen.console import say
from musegen.errors import CheckpointError, DataError
from musegen.checkpoint.names import checkpoint_places

if TYPE_CHECKING:
    from musegen.data.dataset import Dataset


def learnt_dataset(name: str) -> Dataset:
    """A dataset, or that of a checkpoint, each by its path or name; or what `open_data` makes of the word.

    Raises:
        CheckpointError: the checkpoint is damaged.
        DataError: the dataset is not there.
    """
    for folder in checkpoint_places(name):
        if (folder / "data.json").is_file():
            return _of_checkpoint(folder)
    return open_data(name)


def _of_checkpoint(folder: Path) -> Dataset:
    """The dataset of a checkpoint, by its name under ./datasets; it is said where that has changed since."""
    from musegen.data.corpora import CORPORA

    try:
        known = json.loads((folder / "config.json").read_text("utf-8"))["dataset"]
        sha256 = json.loads((folder / "data.json").read_text("utf-8"))["dataset_sha256"]
        path = DATASETS / str(known)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"checkpoint {folder} does not say what it was trained on: {error}") from error
    if known not in CORPORA and not (path / "dataset.json").is_file():
        raise DataError(
            f"{folder} was trained on dataset {known}, which is not at {path}: name its folder instead"
        )
    dataset = training_data(known)
    if dataset.sha256 != sha256:
        say(f"warning: {path} has changed since {folder} was trained on it")
    return dataset
