"""MIDI files byte by byte, for the tests of reading."""

import struct

END = bytes.fromhex("00ff2f00")


def track(body: str | bytes, *, size: int | None = None, end: bytes = END) -> bytes:
    """A track chunk of events (hex, or bytes), with an end mark, of a declared size if one is given."""
    events = (bytes.fromhex(body) if isinstance(body, str) else body) + end
    return b"MTrk" + struct.pack(">I", len(events) if size is None else size) + events


def smf(*chunks: bytes, form: int = 1, count: int | None = None, division: int = 16) -> bytes:
    """A file of chunks; 16 ticks a quarter."""
    return b"MThd" + struct.pack(">IHHH", 6, form, count or len(chunks), division) + b"".join(chunks)
