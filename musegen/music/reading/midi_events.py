"""The events of one MIDI track, read one by one and repaired; and their bytes.

After the MIDI 1.0 specification and "Standard MIDI Files 1.0". A track is plain if it has nothing that
parsers interpret differently: complete channel messages, running status within one kind of message, short
meta events and SysEx, and an end mark as its last event. Its notes are counted by regular expressions, ten
times as fast as reading its events; only one alternative can match at any byte, so this takes linear time.
"""

import re
from collections import Counter
from typing import NamedTuple

MAX_TICK = 2**28
"""The longest delta time in ticks that MIDI can express; no track is read beyond this tick."""
BAD_DATA = "pitches, controllers or programs above 127 read without their top bit"
_END, _TEMPO = 0x2F, 0x51
_META_SIZES = {_TEMPO: 3, 0x58: 4, 0x59: 2}
"""Bytes of a tempo, a time signature, a key."""
_SYSTEM_SIZES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Data bytes of system messages; they do not belong in a file."""
LONGEST = 4
"""Maximum length in quarter notes of a note without a note-off."""
_SILENCE = (120, 123)
"""Controllers: all sound off, all notes off."""
_GAP = rb"[\x80-\xff]{0,2}[\x00-\x7f]"
_TWO = rb"[\x00-\x7f][\x00-\x7f]"
_SIZED = b"(?:%s)" % b"|".join(re.escape(bytes([n])) + b".{%d}" % n for n in range(128))
_ON = rb"%b[\x90-\x9f](%b(?:%b%b)*)" % (_GAP, _TWO, _GAP, _TWO)
_OTHER = rb"%b(?:%b|%b|\xf0%b|\xff%b)" % (
    _GAP,
    rb"[\x80-\x8f\xa0-\xbf\xe0-\xef]%b(?:%b%b)*" % (_TWO, _GAP, _TWO),
    rb"[\xc0-\xdf][\x00-\x7f](?:%b[\x00-\x7f])*" % _GAP,
    _SIZED,
    rb"(?:\x51\x03(?!\x00\x00\x00).{3}|\x58\x04.{4}|\x59\x02.{2}|[\x00-\x2e\x30-\x50\x52-\x57\x5a-\x7f]%b)"
    % _SIZED,
)
_PLAIN = re.compile(rb"%b|%b|%b\xff\x2f\x00\Z" % (_ON, _OTHER, _GAP), re.DOTALL)
"""One match: a run of note-ons (the group has its data and delta times), or other events, or the end."""
_VELOCITY = re.compile(rb"%b.(.)" % _GAP, re.DOTALL)
_HIGH = bytes(byte >> 7 for byte in range(256))

_GAP_AND_STATUS = re.compile(rb"[\x80-\xff]{0,3}[\x00-\x7f][\x80-\xff]")
Event = tuple[int, bytes]


class Walk(NamedTuple):
    """The result of reading a track."""

    events: list[tuple[int, bytes]]
    """Tick and message with explicit status; without end mark, and without SysEx unless it is kept."""
    faults: Counter[str]
    """Descriptions of the repairs, and how often each was made."""
    at: int
    """The byte after the last event read."""
    tick: int
    """The tick of that event."""
    ended: bool
    """Whether it was an end mark."""
    broken: str
    """Why the next event cannot be read; "" at the end of the bytes or an end mark."""


def count_notes(events: list[tuple[int, bytes]]) -> int:
    """Number of note-ons with a velocity above 0."""
    return sum(1 for _, message in events if message[0] & 0xF0 == 0x90 and message[2])


def walk(
    data: bytes, at: int, limit: int, tick: int = 0, *, past_ends: bool = False, sysex: bool = False
) -> Walk:
    """Read events from byte `at` on, until an end mark (or past it), byte `limit`, or invalid bytes."""
    track, broken = _Reader(data[at:limit], tick, sysex=sysex), ""
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
    """Bytes that are not a valid event."""


class _Reader:
    """The state of reading a track."""

    def __init__(self, data: bytes, tick: int, *, sysex: bool) -> None:
        self.data, self.at, self.tick, self.sysex = data, 0, tick, sysex
        self.events: list[tuple[int, bytes]] = []
        self.faults: Counter[str] = Counter()
        self.running = 0  # status of the last channel message
        self.stale = False  # whether an event since then should have ended running status
        self.ended = False

    def read_event(self) -> None:
        """Read a delta time and an event.

        Raises:
            IndexError: the bytes end within it.
            _BrokenError: there is no valid event.
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
            payload = self.payload()
            if self.sysex:
                self.events.append((self.tick, bytes([status]) + number_bytes(len(payload)) + payload))
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
        """The bytes of a length-prefixed event."""
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
        """A meta event; unknown ones and those of a wrong length are dropped."""
        kind = self.data[self.at]
        self.at += 1
        if kind == _END:
            self.ended = True  # whatever its length, even if the length itself is cut off
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
        """A system message, which does not belong in a file; its data bytes may be missing."""
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
    """The bytes of a track of events in order of time, with the end mark."""
    now, parts = 0, []
    for tick, message in events:
        parts.append(number_bytes(tick - now) + message)
        now = tick
    return b"".join(parts) + b"\0\xff\x2f\0"


def close_hanging(events: list[Event], end: int, quarter: int) -> tuple[list[Event], int]:
    """The events with a note-off for every hanging note, and the number of those.

    A hanging note ends where its pitch starts again on its channel, the channel is silenced, or the track
    ends, whichever is first, and after at most four quarter notes. A note-off belongs to the nearest earlier
    note of its pitch that has none yet, so the number of note-offs decides which notes hang.

    Args:
        events: (tick, message) in order of time.
        end: tick of the end of the track.
        quarter: ticks per quarter note.
    """
    closing = []
    releases: dict[tuple[int, int], int] = {}  # channel and pitch -> unmatched note-offs
    following: dict[tuple[int, int], list[int]] = {}  # channel and pitch -> later onsets, nearest last
    silence: dict[int, int] = {}  # channel -> tick at which it is next silenced
    for tick, message in reversed(events):
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == 0xB0 and message[1] in _SILENCE:
            silence[channel] = tick
        if kind not in (0x80, 0x90):
            continue
        key = channel, message[1]
        if kind == 0x80 or not message[2]:
            releases[key] = releases.get(key, 0) + 1
            continue
        onsets = following.setdefault(key, [])
        if releases.get(key, 0):
            releases[key] -= 1
        else:
            ends = [*onsets[-2:], silence.get(channel, tick), end]
            last = min([e for e in ends if e > tick], default=tick + quarter)
            closing.append((min(last, tick + LONGEST * quarter), bytes([0x80 | channel, message[1], 0])))
        onsets.append(tick)
    if not closing:
        return events, 0
    return sorted(closing + events, key=lambda event: event[0]), len(closing)


def plain_notes(track: bytes) -> int | None:
    """Number of notes in a plain track; None if it is not plain, or its times may overflow."""
    long_gaps = track.translate(_HIGH).count(b"\1\1")  # two bytes above 127: a long delta time, or text
    most = len(track) // 3 * 2**14 + long_gaps * 2**21  # ticks, at the very most
    if most >= 2**31 or not track.endswith(b"\xff\x2f\x00") or _PLAIN.sub(b"", track):
        return None
    runs = [run for run in _PLAIN.findall(track) if run]
    joined = b"".join(runs)
    if len(joined) == 2 * len(runs):  # no run longer than one note: every other byte is a velocity
        velocities = joined[1::2]
        return len(velocities) - velocities.count(0)
    found = _VELOCITY.findall(b"\0".join([b"", *runs]))
    return len(found) - found.count(b"\0")
