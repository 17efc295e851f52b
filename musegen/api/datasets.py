"""Find datasets: by path or name, prepared from music on the way, or the training data of a checkpoint."""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from musegen.checkpoint.names import checkpoint_places
from musegen.console import say
from musegen.errors import CheckpointError, DataError

if TYPE_CHECKING:
    from musegen.checkpoint.folder import Checkpoint
    from musegen.data.dataset import Dataset

DATASETS = Path("datasets")


def open_data(name: str) -> Dataset:
    """A dataset by its path or its name under ./datasets, or prepared now from music files or a corpus.

    Raises:
        DataError: nothing has that name, or it contains no usable music.
    """
    from musegen.data.corpora import CORPORA
    from musegen.data.dataset import Dataset

    path, prepared = Path(name), DATASETS / name
    if (path / "dataset.json").exists():
        return Dataset.open(path)
    if path.exists():
        return _prepare_on_the_way(name, DATASETS / path.resolve().stem)
    if (prepared / "dataset.json").exists():
        return Dataset.open(prepared)
    if name in CORPORA:
        return _prepare_on_the_way(name, prepared)
    existing = [str(folder.parent) for folder in DATASETS.glob("*/dataset.json")]
    near = get_close_matches(name, [*existing, *CORPORA], n=1)
    hint = f"did you mean {near[0]}?" if near else f"name a folder of music or one of {', '.join(CORPORA)}"
    raise DataError(f"no dataset {name}: {hint}")


def training_data(name: str) -> Dataset:
    """The dataset that a checkpoint names: from ./datasets, else a built-in corpus, prepared now.

    Raises:
        DataError: there is no such dataset.
    """
    from musegen.data.corpora import CORPORA

    path = DATASETS / name
    return open_data(name if name in CORPORA and not path.exists() else str(path))


def held_out_data(checkpoint: Checkpoint, name: str | None) -> Dataset:
    """The dataset on which to measure a checkpoint: its own, with the splits that it recorded, or another.

    Raises:
        DataError: there is no such dataset.
    """
    dataset = open_data(name) if name else training_data(checkpoint.dataset)
    if dataset.name != checkpoint.dataset:
        return dataset
    return dataset.as_recorded({piece["name"] for piece in checkpoint.data["train"]})


def _prepare_on_the_way(source: str, out: Path) -> Dataset:
    from musegen.data.prepare import prepare

    if out.exists():
        raise DataError(
            f"{source} would be prepared into {out}, which exists: use that ({out}), "
            f"or prepare {source} under another name (musegen prepare {source} --out {out}-2)"
        )
    say(f"preparing {source} once, into {out}: takes minutes for a large corpus")
    dataset = prepare(source, out)
    say(f"prepared {source}: {out} (later runs use it)")
    return dataset


def training_dataset(name: str) -> Dataset:
    """A dataset, or the training data of a checkpoint, by path or name; else see `open_data`.

    Raises:
        CheckpointError: the checkpoint is damaged.
        DataError: the dataset does not exist.
    """
    for folder in checkpoint_places(name):
        if (folder / "data.json").is_file():
            return _of_checkpoint(folder)
    return open_data(name)


def _of_checkpoint(folder: Path) -> Dataset:
    """The training data of a checkpoint, by its name under ./datasets; warns if it has changed since."""
    from musegen.data.corpora import CORPORA

    try:
        name = json.loads((folder / "config.json").read_text("utf-8"))["dataset"]
        data = json.loads((folder / "data.json").read_text("utf-8"))
        sha256, train = data["dataset_sha256"], {piece["name"] for piece in data["train"]}
        path = DATASETS / str(name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"checkpoint {folder} does not record its training data: {error}") from error
    if name not in CORPORA and not (path / "dataset.json").is_file():
        raise DataError(
            f"{folder} was trained on dataset {name}, which is not at {path}: name its folder instead"
        )
    dataset = training_data(name)
    if dataset.sha256 != sha256:
        say(f"warning: {path} has changed since {folder} was trained on it")
    return dataset.as_recorded(train)
