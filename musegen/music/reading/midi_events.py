"""The events of one MIDI track, walked one by one and mended; and their bytes.

After the MIDI 1.0 specification and "Standard MIDI Files 1.0".
"""

import re
from collections import Counter
from typing import NamedTuple

MAX_TICK = 2**28
"""Ticks, the longest gap MIDI can write; no track is read beyond."""
BAD_DATA = "pitches, controllers or programs above 127 read without their top bit"
_END, _TEMPO = 0x2F, 0x51
_META_SIZES = {_TEMPO: 3, 0x58: 4, 0x59: 2}
"""Bytes of a tempo, a time signature, a key."""
_SYSTEM_SIZES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Data bytes of system messages on a wire; they have no place in a file."""

_GAP_AND_STATUS = re.compile(rb"[\x80-\xff]{0,3}[\x00-\x7f][\x80-\xff]")


class Walk(NamedTuple):
    """What was read of a track."""

    events: list[tuple[int, bytes]]
    """Tick and message, its status written out; without SysEx and end mark."""
    faults: Counter[str]
    """What was mended, and how often."""
    at: int
    """The byte after the last event read."""
    tick: int
    """When that event was."""
    ended: bool
    """Whether it was an end mark."""
    broken: str
    """Why the next event cannot be read; "" where the bytes were used up, or at an end mark."""


def count_notes(events: list[tuple[int, bytes]]) -> int:
    """How many notes start: note-ons with a velocity."""
    return sum(1 for _, message in events if message[0] & 0xF0 == 0x90 and message[2])


def walk(data: bytes, at: int, limit: int, tick: int = 0, *, past_ends: bool = False) -> Walk:
    """Read events from byte `at` on, until an end mark (or past it), byte `limit`, or what is no event."""
    track, broken = _Reader(data[at:limit], tick), ""
    read = 0
    while read < len(track.data) and not broken and (past_ends or not track.ended):
        try:
            track.read_event()
            read, tick = track.at, track.tick
        except IndexError:
            broken = "it ends within an event"
        except _BrokenError as error:
            broken = str(error)
    if track.faults[BAD_DATA] > 1 + len(track.events) // 100:
        broken = f"{track.faults[BAD_DATA]} {BAD_DATA.partition(' read')[0]}"
    return Walk(track.events, track.faults, at + read, tick, track.ended and not broken, broken)


class _BrokenError(Exception):
    """Bytes that are no event."""


class _Reader:
    """Where the walk stands."""

    def __init__(self, data: bytes, tick: int) -> None:
        self.data, self.at, self.tick = data, 0, tick
        self.events: list[tuple[int, bytes]] = []
        self.faults: Counter[str] = Counter()
        self.running = 0  # status of the last channel message
        self.stale = False  # whether something stood between that should have ended it
        self.ended = False

    def read_event(self) -> None:
        """Read a gap and an event.

        Raises:
            IndexError: the bytes end within it.
            _BrokenError: there is none.
        """
        self.tick += self.number()
        if self.tick > MAX_TICK:
            raise _BrokenError(f"an absurdly long time: {self.tick} ticks; at most {MAX_TICK} are read")
        status = self.data[self.at]
        if status < 0x80:
            self.channel_message(self.running)
            return
        self.at += 1
        if status < 0xF0:
            self.running, self.stale = status, False
            self.channel_message(status)
            return
        self.stale = True
        if status == 0xFF:
            self.meta()
        elif status in (0xF0, 0xF7):
            self.payload()
        else:
            self.system_message(status)

    def number(self) -> int:
        """A number of at most four bytes, seven bits each."""
        value = 0
        for _ in range(4):
            byte = self.data[self.at]
            self.at += 1
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise _BrokenError("a number of more than four bytes")

    def payload(self) -> bytes:
        """A length and as many bytes."""
        size = self.number()
        if self.at + size > len(self.data):
            raise _BrokenError(f"an event of {size} bytes, more than are left")
        self.at += size
        return self.data[self.at - size : self.at]

    def channel_message(self, status: int) -> None:
        """The one or two data bytes of a channel message."""
        if not status:
            raise _BrokenError("data without a status byte before it")
        if self.stale:
            self.faults["messages read with a status from before a meta event or SysEx"] += 1
            self.stale = False
        size = 1 if status & 0xE0 == 0xC0 else 2
        first, last = self.data[self.at], self.data[self.at + size - 1]
        self.at += size
        if first > 0x7F:
            self.faults[BAD_DATA] += 1
            first &= 0x7F
        if last > 0x7F:
            self.faults["values above 127 read as 127"] += size == 2
            last = 0x7F
        self.events.append((self.tick, bytes((status, first, last)[: size + 1])))

    def meta(self) -> None:
        """A meta event; one of no known kind, or of a wrong length, is left out."""
        kind = self.data[self.at]
        self.at += 1
        if kind == _END:
            self.ended = True  # whatever its length says, or where just that is cut off
            self.at = min(len(self.data), self.at + 1)
            return
        payload = self.payload()
        if len(payload) != _META_SIZES.get(kind, len(payload)):
            self.faults["tempo, metre or key events of a wrong length left out"] += 1
        elif kind == _TEMPO and not any(payload):
            self.faults["tempos of zero left out"] += 1
        elif kind < 0x80:
            self.events.append((self.tick, b"\xff" + bytes([kind]) + number_bytes(len(payload)) + payload))
        else:
            self.faults["unknown meta events left out"] += 1

    def system_message(self, status: int) -> None:
        """A message that belongs on a wire; its data bytes may be missing too."""
        size = _SYSTEM_SIZES.get(status, 0)
        if size and not _GAP_AND_STATUS.match(self.data, self.at):
            self.at += size
        self.faults["system messages that have no place in a file left out"] += 1


def number_bytes(value: int) -> bytes:
    """A number from 0 to 2^28 - 1 in one to four bytes, seven bits each."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(parts[::-1])


def track_bytes(events: list[tuple[int, bytes]]) -> bytes:
    """Events in order of time as the bytes of a track, with the end mark."""
    now, parts = 0, []
    for tick, message in events:
        parts.append(number_bytes(tick - now) + message)
        now = tick
    return b"".join(parts) + b"\0\xff\x2f\0"
