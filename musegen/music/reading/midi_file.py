"""The structure of a MIDI file: header and tracks, checked and repaired before parsing.

The result has plain tracks (see `midi_events`) and a known number of notes, so that none is lost silently.
Repairs are counted by description. A file that is truncated, or whose events cannot be read, is rejected,
since the loss is unknown.
"""

import struct
from collections import Counter
from typing import NamedTuple

from symusic import Score

from musegen.errors import MidiError
from musegen.music.reading.guard import what_is
from musegen.music.reading.midi_channels import carry_channels
from musegen.music.reading.midi_events import Walk, close_hanging, count_notes, plain_notes, track_bytes, walk

MAX_TRACKS = 1024
MAX_WALKED = 4 * 2**20
"""Maximum bytes of a file whose events must be read one by one: a few seconds."""
_MAC_BINARY = 128
"""Bytes of the header that old Macintosh transfers prepend to a file."""


class Smf(NamedTuple):
    """A checked file."""

    division: int
    """Ticks per quarter note."""
    tracks: list[bytes]
    """The events of each track."""
    notes: int
    """The number of note-ons: what a faithful parser finds."""
    faults: Counter[str]
    """Descriptions of the repairs, and how often each was made."""
    remarks: list[str]
    """Other remarks, one per line."""

    def data(self) -> bytes:
        """The repaired file as type 1."""
        header = b"MThd" + struct.pack(">IHHH", 6, 1, len(self.tracks), self.division)
        return header + b"".join(b"MTrk" + struct.pack(">I", len(t)) + t for t in self.tracks)


def read_smf(data: bytes, *, as_written: bool = False) -> Smf:
    """The structure of MIDI bytes, repaired where that is safe.

    Args:
        data: of a file.
        as_written: leave programs and channels as they are, which parsers may interpret differently, and
            system-exclusive messages where they are; a repaired track has none otherwise.

    Raises:
        MidiError: not MIDI (with what it is), zero or SMPTE division, no tracks, truncated, damaged.
    """
    data, remarks = _unwrap(data)
    if len(data) < 14:
        raise MidiError("damaged MIDI: it ends within its header")
    size, form, count, division = struct.unpack(">IHHH", data[4:14])
    if size < 6:
        raise MidiError(f"damaged MIDI: a header of {size} bytes")
    if division == 0:
        raise MidiError("damaged MIDI: zero ticks per quarter note")
    if division & 0x8000:
        raise MidiError("timed in SMPTE frames, not in ticks per quarter note: it has no beats or bars")
    if form == 2:
        remarks.append("independent patterns (type 2) read as tracks")
    elif form > 2:
        remarks.append(f"unknown type {form} read as type 1")
    begin = 8 + size
    if size > 6 and data.startswith(b"MTrk", 14):
        remarks.append(f"the header says it has {size} bytes, it has 6")
        begin = 14
    faults: Counter[str] = Counter()
    tracks, notes = _read_tracks(data, begin, division, faults, sysex=as_written)
    tracks = tracks if as_written else carry_channels(tracks, faults)
    if not tracks:
        raise MidiError("no notes: the file has no tracks")
    if len(tracks) != count:
        remarks.append(f"the header says {count} tracks, the file has {len(tracks)}")
    return Smf(division, tracks, notes, faults, remarks)


def close_tracks(smf: Smf) -> Smf:
    """The same file with a note-off for every hanging note.

    Raises:
        MidiError: it is too large.
    """
    _check_walkable(sum(map(len, smf.tracks)))
    faults = smf.faults.copy()
    tracks = [_closed(walk(track, 0, len(track)), smf.division, faults) for track in smf.tracks]
    return smf._replace(tracks=tracks, faults=faults)


def _check_walkable(size: int) -> None:
    if size > MAX_WALKED:
        raise MidiError(f"too large to be read event by event: {size} bytes; at most {MAX_WALKED} are")


def _closed(read: Walk, division: int, faults: Counter[str]) -> bytes:
    events, hanging = close_hanging(read.events, read.tick, division)
    faults["hanging notes closed"] += hanging
    return track_bytes(events)


def _unwrap(data: bytes) -> tuple[bytes, list[str]]:
    """The data from the MIDI header on: without RIFF, byte order mark or Macintosh header."""
    if data.startswith(b"MThd"):
        return data, []
    at = _riff_data(data) if data.startswith(b"RIFF") and data[8:12] == b"RMID" else -1
    for begin in (at, 3, _MAC_BINARY):
        if begin > 0 and data.startswith(b"MThd", begin):
            return data[begin:], ["wrapper around the MIDI taken off"]
    raise MidiError(f"not MIDI: it is {what_is(data)}")


def _riff_data(data: bytes) -> int:
    """The offset of the content of the first "data" chunk of a RIFF file."""
    at = 12
    while at + 8 <= len(data) and data[at : at + 4] != b"data":
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return at + 8


def _read_tracks(
    data: bytes, at: int, division: int, faults: Counter[str], *, sysex: bool
) -> tuple[list[bytes], int]:
    """Every track from byte `at` on, and the number of their notes."""
    tracks: list[bytes] = []
    total = 0
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        if kind == b"MTrk":
            if len(tracks) == MAX_TRACKS:
                raise MidiError(f"more than {MAX_TRACKS} tracks; at most {MAX_TRACKS} are read")
            try:
                track, notes, at = _read_track(data, at + 8, size, division, faults, sysex=sysex)
            except MidiError as error:
                raise MidiError(f"damaged MIDI: track {len(tracks) + 1}: {error}") from error
            tracks.append(track)
            total += notes
        elif kind.isascii() and kind.isalnum() and at + 8 + size <= len(data):
            at += 8 + size  # other kinds of chunks are legal
        else:
            following = data.find(b"MTrk", at)
            if following < 0:
                break
            faults["bytes between tracks ignored"] += following - at
            at = following
    rest = data[at:]
    if rest and b"MTrk".startswith(rest[:4]):
        raise MidiError(f"damaged MIDI: it is cut short after {len(tracks)} tracks")
    faults["bytes after the last track ignored"] += len(rest)
    return tracks, total


def _read_track(
    data: bytes, at: int, size: int, division: int, faults: Counter[str], *, sysex: bool
) -> tuple[bytes, int, int]:
    """A plain track, the number of its notes, and the byte after it.

    Raises:
        MidiError: it is truncated, an event cannot be read, or the file is too large.
    """
    if at + size <= len(data):
        track = data[at : at + size]
        notes = plain_notes(track)
        if notes is not None:
            return track, notes, at + size
    _check_walkable(len(data))
    read, at = _walk_track(data, at, size, sysex=sysex)
    faults.update(read.faults)
    return _closed(read, division, faults), count_notes(read.events), at


def _walk_track(data: bytes, at: int, size: int, *, sysex: bool) -> tuple[Walk, int]:
    """The events of a track whose declared length may be wrong, and the byte after it."""
    end = at + size
    read = walk(data, at, min(end, len(data)), sysex=sysex)
    if read.ended:
        if read.at == end:
            return read, end
        if end > len(data) or data.startswith(b"MTrk", read.at):
            return _with(read, "track lengths corrected"), read.at
        return _after_end(data, read, end, sysex=sysex), end
    wall = data.find(b"MTrk", at)
    longer = walk(data, at, len(data) if wall < 0 else wall, sysex=sysex)
    if longer.ended and longer.at > end:
        return _with(longer, "track lengths corrected"), longer.at
    if read.broken or end > len(data):
        reason = "it is cut short" if end > len(data) else read.broken
        raise MidiError(f"{reason}, after {count_notes(read.events)} notes")
    return _with(read, "missing end marks added"), end


def _after_end(data: bytes, read: Walk, end: int, *, sysex: bool) -> Walk:
    """The track with the events after its end mark, if these are valid."""
    more = walk(data, read.at, end, read.tick, past_ends=True, sysex=sysex)
    if more.broken:
        return _with(read, "bytes after the end of a track ignored", end - read.at)
    kept = Counter({"events after the end of a track kept": len(more.events)})
    return more._replace(events=read.events + more.events, faults=read.faults + more.faults + kept)


def _with(read: Walk, fault: str, count: int = 1) -> Walk:
    """The walk with one more fault."""
    return read._replace(faults=read.faults + Counter({fault: count}))


def parse_midi(data: bytes) -> tuple[Score, list[str]]:
    """MIDI bytes, checked and read by symusic, and descriptions of the repairs.

    symusic drops notes without a note-off. If it finds fewer notes than there are note-ons, these are closed.

    Raises:
        MidiError: not MIDI or damaged.
    """
    smf = read_smf(data)
    score = _parse(smf)
    if score.note_num() != smf.notes:
        smf = close_tracks(smf)
        score = _parse(smf)
    repairs = smf.remarks + [f"{count} {what}" for what, count in smf.faults.items() if count]
    if score.note_num() != smf.notes:
        repairs.append(f"{smf.notes} notes start, {score.note_num()} could be read")
    return score, repairs


def _parse(smf: Smf) -> Score:
    try:
        return Score.from_midi(smf.data())
    except (RuntimeError, ValueError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise MidiError(f"damaged MIDI: {reason}") from error
