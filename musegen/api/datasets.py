"""Find datasets: by path or name, prepared from music on the way, or the training data of a checkpoint."""

from __future__ import annotations

import json
from difflib import get_close_matches
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musegen.checkpoint.names import checkpoint_places
from musegen.console import say
from musegen.errors import CheckpointError, DataError

if TYPE_CHECKING:
    from musegen.checkpoint.folder import Checkpoint
    from musegen.data.dataset import Dataset

DATASETS = Path("datasets")


def open_data(name: str, labels: str = "") -> Dataset:
    """A dataset by its path or its name under ./datasets, or prepared now from music files or a corpus.

    Args:
        name: its path or name.
        labels: what it must be labelled by if that is read from its files, see `data/labels.py`.

    Raises:
        DataError: nothing has that name, or it contains no usable music.
    """
    from musegen.data.dataset import Dataset

    check_data(name)
    path = Path(name) if Path(name).exists() else DATASETS / name
    if (path / "dataset.json").exists():
        return Dataset.open(path)
    return _of_files(name, labels) if path.exists() else _prepare(name, _free_place(name))


def check_data(name: str) -> None:
    """Reject a name of which `open_data` knows nothing; nothing is read.

    Raises:
        DataError: nothing has that name.
    """
    from musegen.data.corpora import CORPORA

    if Path(name).exists() or (DATASETS / name / "dataset.json").exists() or name in CORPORA:
        return
    existing = [str(folder.parent) for folder in DATASETS.glob("*/dataset.json")]
    near = get_close_matches(name, [*existing, *CORPORA], n=1)
    hint = f"did you mean {near[0]}?" if near else f"name a folder of music or one of {', '.join(CORPORA)}"
    raise DataError(f"no dataset {name}: {hint}")


def held_out_data(checkpoint: Checkpoint, name: str | None) -> Dataset:
    """The dataset on which to measure a checkpoint: its own, with the splits that it recorded, or another.

    Raises:
        DataError: there is no such dataset.
    """
    if name is None:
        return _recorded(checkpoint.path, checkpoint.dataset, checkpoint.data, "⟨DATA⟩")
    dataset, train = open_data(name), {piece["name"] for piece in checkpoint.data["train"]}
    is_same = dataset.sha256 == checkpoint.data["dataset_sha256"] and _has(dataset, train)
    return dataset.as_recorded(train) if is_same or dataset.name == checkpoint.dataset else dataset


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


def recorded_path(checkpoint: Path) -> Path | None:
    """The dataset that a checkpoint folder was trained on, if it records its place and is still there."""
    data = _json(checkpoint / "data.json")
    path = _place(checkpoint, data)
    if path is None or _json(path / "dataset.json").get("sha256") != data.get("dataset_sha256"):
        return None
    return path


def _of_checkpoint(folder: Path) -> Dataset:
    try:
        name = str(json.loads((folder / "config.json").read_text("utf-8"))["dataset"])
        data = json.loads((folder / "data.json").read_text("utf-8"))
        train, sha256 = [{"name": each["name"]} for each in data["train"]], data["dataset_sha256"]
        data = {"dataset_path": data.get("dataset_path"), "dataset_sha256": sha256, "train": train}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"checkpoint {folder} does not record its training data: {error}") from error
    return _recorded(folder, name, data, "⟨against⟩")


def _recorded(checkpoint: Path, name: str, data: dict[str, Any], option: str) -> Dataset:
    """The training data of a checkpoint, with the splits that it recorded; a name alone is not enough.

    It is the dataset with that music: at the recorded place, else under ./datasets. Else, with a warning, its
    next version: the dataset of that name with all training pieces, or the built-in corpus.

    Args:
        checkpoint: its folder.
        name: of the dataset.
        data: the content of data.json.
        option: that names another dataset.
    """
    from musegen.data.corpora import CORPORA
    from musegen.data.dataset import Dataset

    sha256, train = data["dataset_sha256"], {piece["name"] for piece in data["train"]}
    recorded, known = _place(checkpoint, data), _known()
    own = [*([recorded] if recorded else []), DATASETS / name]
    same = [path for path in [*own, *known] if _json(path / "dataset.json").get("sha256") == sha256]
    named = [path for path in own if _json(path / "dataset.json").get("name") == name]
    datasets = (Dataset.open(path) for path in same + named)
    found = next((each for each in datasets if _has(each, train)), None)
    if found is None and name in CORPORA:
        prepared = [path for path, info in known.items() if info.get("source") == name]
        found = Dataset.open(prepared[0]) if prepared else _prepare(name, _free_place(name))
    if found is None:
        then = f", nor at {recorded}, where it was then" if recorded not in (None, own[-1]) else ""
        raise DataError(
            f"{checkpoint} was trained on dataset {name}, which is not at {DATASETS / name}{then}: "
            f"name its folder instead ({option})"
        )
    if found.sha256 != sha256:
        say(f"warning: {found.path} has changed since {checkpoint} was trained on it")
    return found.as_recorded(train)


def _has(dataset: Dataset, names: set[str]) -> bool:
    """Whether a dataset has all pieces of these names."""
    return names <= {piece.name for piece in dataset.pieces}


def _place(checkpoint: Path, data: dict[str, Any]) -> Path | None:
    """The recorded place of a checkpoint's dataset, None in older ones; as short as it can be written."""
    if not isinstance(data.get("dataset_path"), str):
        return None
    here, path = Path.cwd(), (checkpoint / str(data["dataset_path"])).resolve()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _of_files(name: str, labels: str) -> Dataset:
    """The dataset that was prepared from these files as they are now, else prepared now."""
    from musegen.config.label_kinds import label_kinds
    from musegen.data.dataset import Dataset
    from musegen.data.labels import COMPOSER, check_labels
    from musegen.data.origin import sources_sha256
    from musegen.data.sources import find_sources, single_pieces

    sources = find_sources(Path(name), None)
    if labels:
        check_labels(labels, list(single_pieces(sources)))
    sha256 = sources_sha256(sources)
    origins = {path: info.get("origin") or {} for path, info in _known().items()}
    read = COMPOSER if COMPOSER in label_kinds(labels) else None  # others follow from the names of the files
    for path, origin in origins.items():
        if origin.get("sha256") == sha256 and (read is None or read in _known()[path].get("labels", {})):
            say(f"{name} is prepared already: {path}")
            return Dataset.open(path)
    here = Path(name).resolve()
    earlier = [path for path, each in origins.items() if each and (path / each["path"]).resolve() == here]
    if earlier:
        say(f"{name} has changed since it was prepared into {earlier[-1]}, which stays as it is")
    return _prepare(name, _free_place(here.stem), read)


def _prepare(source: str, out: Path, labels: str | None = None) -> Dataset:
    from musegen.data.prepare import prepare

    say(f"preparing {source} once, into {out}: takes minutes for a large corpus")
    dataset = prepare(source, out, labels=labels)
    say(f"prepared {source}: {out} (later runs use it)")
    return dataset


def _free_place(name: str) -> Path:
    """A new folder under ./datasets: with this name, or with a number after it."""
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(path for path in map(DATASETS.joinpath, names) if not path.exists())


def _known() -> dict[Path, dict[str, Any]]:
    """The datasets under ./datasets, with the content of their dataset.json."""
    return {file.parent: _json(file) for file in sorted(DATASETS.glob("*/dataset.json"))}


def _json(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if it cannot be read."""
    try:
        value = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
