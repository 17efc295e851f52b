"""What is in a file before any parser touches it: refuse what cannot be music, mend what is harmless."""

import stat
from pathlib import Path

from musegen.errors import MidiError

MAX_BYTES = 16 * 2**20


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file of at most 16 MB.

    Raises:
        MidiError: missing, not a regular file, empty, too large, unreadable.
    """
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise MidiError("not a regular file")
        if info.st_size > MAX_BYTES:
            raise MidiError(f"too large: {info.st_size} bytes, at most {MAX_BYTES} are read")
        data = path.read_bytes()
    except OSError as error:
        raise MidiError(error.strerror or str(error)) from error
    if not data:
        raise MidiError("empty file")
    return data


def check_midi(data: bytes) -> tuple[bytes, list[str]]:
    """MIDI bytes fit for symusic, and what was mended.

    Raises:
        MidiError: not MIDI.
    """
    if not data.startswith(b"MThd"):
        raise MidiError("not MIDI")
    return data, []
