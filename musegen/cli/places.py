"""What a word on the command line stands for: a dataset, a checkpoint, a folder to write to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from musegen.console import say
from musegen.errors import ConfigError, DataError

if TYPE_CHECKING:
    from musegen.checkpoint.folder import Checkpoint
    from musegen.data.dataset import Dataset

DATASETS = Path("datasets")


def load_family(folder: Path, *families: str) -> Checkpoint:
    """Load the checkpoint in a folder, if it is of a family wanted.

    Raises:
        CheckpointError: it is of another, or cannot be used.
    """
    from musegen.api.writing import check_family
    from musegen.checkpoint.folder import load_checkpoint

    checkpoint = load_checkpoint(folder)
    check_family(checkpoint, *families)
    return checkpoint


def open_data(name: str) -> Dataset:
    """A dataset: prepared (a path, or a name under ./datasets), or prepared now from music files or a corpus.

    Raises:
        DataError: there is nothing of that name, or nothing usable in it.
    """
    from musegen.data.corpora import CORPORA
    from musegen.data.dataset import Dataset

    path, known = Path(name), DATASETS / name
    if (path / "dataset.json").exists():
        return Dataset.open(path)
    if path.exists():
        return _prepare_on_the_way(name, DATASETS / path.resolve().stem)
    if (known / "dataset.json").exists():
        return Dataset.open(known)
    if name in CORPORA:
        return _prepare_on_the_way(name, known)
    there = [str(folder.parent) for folder in DATASETS.glob("*/dataset.json")]
    near = get_close_matches(name, [*there, *CORPORA], n=1)
    hint = f"did you mean {near[0]}?" if near else f"name a folder of music or one of {', '.join(CORPORA)}"
    raise DataError(f"no dataset {name}: {hint}")


def training_data(name: str) -> Dataset:
    """The dataset that a checkpoint names: that of ./datasets, else a built-in corpus, prepared now.

    Raises:
        DataError: there is nothing of that name.
    """
    from musegen.data.corpora import CORPORA

    path = DATASETS / name
    return open_data(name if name in CORPORA and not path.exists() else str(path))


def _prepare_on_the_way(source: str, out: Path) -> Dataset:
    from musegen.data.prepare import prepare

    if out.exists():
        raise DataError(
            f"{source} would be prepared into {out}, which exists: use that ({out}), "
            f"or prepare {source} under another name (musegen prepare {source} --out {out}-2)"
        )
    say(f"{source} is prepared first, once, into {out}: some minutes for a large corpus")
    dataset = prepare(source, out)
    say(f"{source} is prepared: {out} (from now on it is there)")
    return dataset


def refuse_taken(out: Path, *, force: bool) -> None:
    """Refuse an output folder that holds something, before anything slow begins; nothing is written.

    Raises:
        ConfigError: it is a file, or a folder that is not empty and `force` is off.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file: name a folder")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise ConfigError(f"--out {out} is there already and not empty: name another folder, or add --force")


@contextmanager
def output_folder(out: Path) -> Iterator[None]:
    """Make an output folder, and see that it can be written to, before anything slow begins.

    Where an error ends the work, the folders made for it go again if nothing is in them.

    Raises:
        ConfigError: it cannot be written to.
    """
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        try:
            out.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=out).close()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ConfigError(f"--out {out} cannot be written to ({reason}): name another folder") from error
        yield
    except BaseException:
        for folder in made:  # the innermost first
            with suppress(OSError):
                folder.rmdir()
        raise
