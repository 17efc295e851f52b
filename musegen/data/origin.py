"""Where a dataset comes from: the place of its files and the hash of them by which it is found again."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from musegen.data.sources import Source


def origin_of(source: Path, sources: Sequence[Source], dataset: Path, split: Path | None) -> dict[str, str]:
    """The origin that a dataset records.

    Args:
        source: the folder or file that it is prepared from.
        sources: its files that are read.
        dataset: its folder.
        split: the file of its splits, if one is named.
    """
    return {"path": path_from(dataset, source), "sha256": sources_sha256(sources, split)}


def sources_sha256(sources: Sequence[Source], split: Path | None = None) -> str:
    """The hash of all that a dataset is prepared from: names and bytes of its files, and the options used."""
    digest = hashlib.sha256(split.read_bytes() if split else b"")
    for name, content, melody, *played in sources:
        assert isinstance(content, Path)
        digest.update(f"\0{name}\0{melody or ''}\0".encode(errors="surrogateescape"))
        if any(played):
            digest.update(repr(played).encode())
        if content.is_file():  # a pipe with the name of a file is rejected when it is read
            with suppress(OSError), content.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def path_from(folder: Path, path: Path) -> str:
    """The path from a folder to another place: it holds when both are moved together."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive (Windows)
        return path.resolve().as_posix()
