"""The Python API of `musegen prepare` and `musegen train`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from musegen.api.datasets import DATASETS, open_data
from musegen.api.model import Model
from musegen.checkpoint.names import find_checkpoint
from musegen.config.from_json import with_settings
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare as prepare_music
from musegen.errors import ConfigError
from musegen.families import FAMILIES, family_of


def prepare(source: str | Path, out: str | Path | None = None, **options: Any) -> Dataset:
    """See `musegen.prepare`."""
    return prepare_music(str(source), Path(out or DATASETS / Path(source).resolve().stem), **options)


def train(
    family: str,
    data: str | Path | Dataset,
    out: str | Path,
    *,
    max_time: str | None = None,
    init: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Model:
    """See `musegen.train`."""
    if family not in FAMILIES:
        raise ConfigError(f"unknown family {family!r}: choose one of {', '.join(FAMILIES)}")
    if resume and (force or init):
        raise ConfigError("⟨resume⟩ continues a run unchanged: leave out ⟨force⟩ and ⟨init⟩")
    named = {name.replace("-", "_"): value for name, value in (settings or {}).items()}
    named |= {"trainer.max_time": max_time} if max_time else {}
    config = with_settings(family_of(family).config(), named)
    start = find_checkpoint(str(init)) if init else None
    from musegen.training.train import check  # with Lightning, which takes seconds
    from musegen.training.train import train as run

    how: dict[str, Any] = {"init": start, "resume": resume, "force": force, "fixed": frozenset(named)}
    check(config, Path(out), **how)  # before the music is prepared
    dataset = data if isinstance(data, Dataset) else open_data(str(data), config.data.labels or "")
    path = run(config, dataset, Path(out), **how)
    return Model.load(path)
