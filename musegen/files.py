"""Atomic file writing: a file is written completely or not at all."""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

from musegen.errors import ConfigError

UNFINISHED = ".tmp"
"""Suffix of files that are being written; they are hidden too."""
RESUME, COMMAND = ".resume", "command.txt"
"""Folder of the state of an unfinished training, and the file in it with the command that resumes it."""


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` through a temporary file in the same folder, then rename.

    A reader sees the old file or the new one, never a part. A missing folder is created.

    Raises:
        OSError: the folder cannot be written to, or the disk is full; the old file is intact.
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


def cache_folder() -> Path:
    """$MUSEGEN_CACHE, or the user's cache folder on this platform."""
    if os.environ.get("MUSEGEN_CACHE"):
        return Path(os.environ["MUSEGEN_CACHE"])
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "musegen"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "musegen" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "musegen"


def umask() -> int:
    """The permission bits that new files and folders do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files in `folder` and below of processes that were killed while writing."""
    for path in folder.rglob(f".*{UNFINISHED}"):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Flush the folder entry to disk, where the system supports it (Windows does it by itself)."""
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
    import numpy as np  # slow to import; most commands do not need it

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_atomic(path, buffer.getvalue())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON, atomically.

    Raises:
        OSError: see `write_atomic`.
    """
    write_atomic(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def resume_command(out: Path) -> str:
    """The command that resumes the unfinished training in a checkpoint folder; "": there is none."""
    command = out / RESUME / COMMAND
    return command.read_text("utf-8").strip() if command.is_file() else ""


def refuse_taken(out: Path, *, force: bool) -> None:
    """Reject an output folder that is not empty, before anything slow begins; nothing is written.

    Raises:
        ConfigError: it is a file, or it is not empty and `force` is off.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"⟨out⟩ {out} is a file: name a folder")
    if out.is_dir() and not force and (command := resume_command(out)):
        raise ConfigError(
            f"⟨out⟩ {out} has a training that has not ended: resume it with: {command}; "
            "or name another folder, or add ⟨force⟩, which deletes it"
        )
    if out.is_dir() and any(out.iterdir()) and not force:
        raise ConfigError(f"⟨out⟩ {out} exists already and is not empty: name another folder, or add ⟨force⟩")
