"""The sixteen channels of a MIDI file: their programs, and which of them play drums, hold for all tracks.

Parsers look for a program in the track of the notes alone, split a part at each change of program, and know
drums on channel 10 only. Here each track gets the program that its channel has at its first note, once, and
drums are moved to channel 10. After "Recommended Practice: GM 2", Roland's GS and Yamaha's XG specifications.
"""

import re
from collections import Counter
from typing import NamedTuple

from musegen.music.reading.midi_events import Event, track_bytes, walk

DRUMS = 9
"""The channel of the drums, from 0."""
_PROGRAM = re.compile(rb"([\xc0-\xcf])[\x00-\x7f]")
_BANK = re.compile(rb"[\xb0-\xbf]\x00[\x78\x79\x7e\x7f]")
_GS_PART = re.compile(rb"\x41.\x42\x12\x40([\x10-\x1f])\x15([\x00-\x02]).\xf7", re.DOTALL)
"""Use of a part for rhythm: part (the first is channel 10, then 1 to 9, 11 to 16) and map (0: none)."""
_GS_CHANNELS = (DRUMS, *range(9), *range(10, 16))
_XG_ON = re.compile(rb"\x43.\x4c\x00\x00\x7e\x00\xf7", re.DOTALL)
_XG_PART = re.compile(rb"\x43.\x4c\x08([\x00-\x0f])\x07([\x00-\x05])\xf7", re.DOTALL)
"""Mode of a part (its channel, from 0): 0 is melodic, others are drums."""
_DRUM_BANKS = {120: False, 126: True, 127: True}
"""Banks of drum kits, and whether they are so in XG alone."""
_MELODIC_BANK = 121
"""The bank of GM 2 that makes any channel melodic."""


class _Part(NamedTuple):
    """The notes of a channel in a track."""

    program: int | None
    is_drum: bool


def carry_channels(tracks: list[bytes], faults: Counter[str]) -> list[bytes]:
    """The tracks, each with the state that its channels have; what is not followed is counted in `faults`.

    Args:
        tracks: the bytes of checked tracks.
        faults: number of repairs by description.
    """
    if not _needs_it(tracks):
        return tracks
    walked = [walk(track, 0, len(track)).events for track in tracks]
    drums, is_xg = _drum_channels(tracks)
    parts = _parts(walked, drums, is_xg=is_xg)
    used = {channel for _, channel in parts}
    free = next((c for c in range(16) if c not in used and c != DRUMS), DRUMS)
    carried = []
    for number, (track, events) in enumerate(zip(tracks, walked, strict=True)):
        own = {channel: part for (n, channel), part in parts.items() if n == number}
        changed = _carry(events, own, free, faults)
        carried.append(track if changed == events else track_bytes(changed))
    return carried


def _needs_it(tracks: list[bytes]) -> bool:
    """Whether something is set that a parser would overlook; quick, and true rather too often."""
    setting = [Counter(status & 15 for [status] in _PROGRAM.findall(track)) for track in tracks]
    if any(count > 1 for channels in setting for count in channels.values()):
        return True
    for number, track in enumerate(tracks):
        elsewhere = {
            channel for other, channels in enumerate(setting) if other != number for channel in channels
        }
        playing = {byte & 15 for byte in set(track) if 0x90 <= byte <= 0x9F}
        if playing & elsewhere - set(setting[number]):
            return True
    return any(p.search(track) for track in tracks for p in (_BANK, _GS_PART, _XG_PART))


def _drum_channels(tracks: list[bytes]) -> tuple[set[int], bool]:
    """The channels that SysEx makes drums, with the usual one, and whether XG is switched on."""
    drums = {DRUMS}
    for track in tracks:
        modes = [
            ((DRUMS, *range(9), *range(10, 16))[part[0] & 15], mode[0])
            for part, mode in _GS_PART.findall(track)
        ]
        modes += [(part[0], mode[0]) for part, mode in _XG_PART.findall(track)]
        for channel, mode in modes:
            drums = drums | {channel} if mode else drums - {channel}
    return drums, any(_XG_ON.search(track) for track in tracks)


def _parts(walked: list[list[Event]], drums: set[int], *, is_xg: bool) -> dict[tuple[int, int], _Part]:
    """Every channel with notes in a track, by track and channel, with its state at the first of them."""
    order = sorted(
        (tick, message[0] & 0xF0 == 0x90, number, place)
        for number, events in enumerate(walked)
        for place, (tick, message) in enumerate(events)
        if message[0] & 0xF0 in (0x90, 0xC0) or (message[0] & 0xF0 == 0xB0 and message[1] == 0)
    )
    programs: dict[int, int] = {}
    banks: dict[int, int] = {}
    parts: dict[tuple[int, int], _Part] = {}
    for _, _, number, place in order:
        message = walked[number][place][1]
        kind, channel = message[0] & 0xF0, message[0] & 15
        if kind == 0xC0:
            programs[channel] = message[1]
        elif kind == 0xB0:
            banks[channel] = message[2]
        elif message[2] and (number, channel) not in parts:
            bank = banks.get(channel, 0)
            needs_xg = _DRUM_BANKS.get(bank)
            is_kit = needs_xg is not None and (is_xg or not needs_xg)
            is_drum = (channel in drums and bank != _MELODIC_BANK) or is_kit
            parts[number, channel] = _Part(programs.get(channel), is_drum)
    return parts


def _carry(events: list[Event], own: dict[int, _Part], free: int, faults: Counter[str]) -> list[Event]:
    """The events of a track with one program for each of its parts, and drums on their channel."""
    carried: list[Event] = []
    for channel, its in own.items():
        if its.program is not None:
            carried.append((0, bytes([0xC0 | _channel(channel, its, free), its.program])))
    started: set[int] = set()
    for tick, message in events:
        kind, channel = message[0] & 0xF0, message[0] & 15
        part = own.get(channel)
        if part is None or not 0x80 <= message[0] < 0xF0:
            carried.append((tick, message))
            continue
        if kind == 0xC0:
            faults["program changes within a part not followed"] += (
                channel in started and message[1] != part.program
            )
            continue
        if kind == 0x90:
            started.add(channel)
        carried.append((tick, bytes([kind | _channel(channel, part, free), *message[1:]])))
    return carried


def _channel(channel: int, part: _Part, free: int) -> int:
    if part.is_drum:
        return DRUMS
    return free if channel == DRUMS else channel
