"""Writing files whole or not at all."""

from __future__ import annotations

import io
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

from musegen.errors import ConfigError

UNFINISHED = ".tmp"
"""How the names of files end that are being written; hidden besides."""


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` through a temporary file in the same folder, then rename.

    A reader sees the old file or the new one, never a part. The folder is made where missing.

    Raises:
        OSError: the folder cannot be written or the disk is full; the old file is intact.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~umask())  # mkstemp makes private files; ours are ordinary ones
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def umask() -> int:
    """What new files and folders are not allowed."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def remove_unfinished(folder: Path) -> None:
    """Remove what `write_atomic` left in `folder` and below, where a process was killed while it wrote."""
    for path in folder.rglob(f".*{UNFINISHED}"):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have the disk keep the new name too, where the system can say so (Windows does it by itself)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_array(path: Path, array: NDArray[np.generic]) -> None:
    """Write a numpy array as .npy, atomically.

    Raises:
        OSError: see `write_atomic`.
    """
    import numpy as np  # the command line does without

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_atomic(path, buffer.getvalue())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON, atomically.

    Raises:
        OSError: see `write_atomic`.
    """
    write_atomic(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def refuse_taken(out: Path, *, force: bool) -> None:
    """Refuse an output folder that holds something, before anything slow begins; nothing is written.

    Raises:
        ConfigError: it is a file, or a folder that is not empty and `force` is off.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file: name a folder")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise ConfigError(f"--out {out} is there already and not empty: name another folder, or add --force")
