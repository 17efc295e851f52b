"""Labels of many files by a classifier; those that cannot be read are listed, each with the reason."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from musegen.api.functions import function_of
from musegen.api.model import Model
from musegen.console import progress
from musegen.data.pool import parallel
from musegen.data.sources import find_sources, read_source, single_pieces
from musegen.errors import MusegenError, attempt
from musegen.music.reading.sandbox import Died


def classify_files(model: Model, paths: Iterable[Path]) -> dict[str, Any]:
    """The label and the probabilities of each file, and of each tune of an ABC file of several.

    Args:
        model: a classifier.
        paths: music files, or folders of them.

    Raises:
        CheckpointError: the model is of another family.
        DataError: a path is not there, or has no music file.
    """
    function = function_of(model.checkpoint, "classify")
    sources = [(path, source) for path in paths for source in single_pieces(find_sources(path, None))]
    files: list[dict[str, Any]] = []
    unreadable: list[dict[str, Any]] = []
    read = parallel(read_source, [source for _, source in sources])
    for (path, source), found in zip(sources, progress(read, len(sources), "Classifying"), strict=True):
        where = {"path": str(path / source.name) if path.is_dir() else str(path.with_name(source.name))}
        if isinstance(found, Died) or found.reason:
            unreadable.append(where | {"reason": found.reason})
            continue
        classified = attempt(function, model.checkpoint, found)
        if isinstance(classified, MusegenError):
            unreadable.append(where | {"reason": str(classified)})
        else:
            files.append(where | classified._asdict())
    return {"checkpoint": str(model.checkpoint.path), "files": files, "unreadable": unreadable}
