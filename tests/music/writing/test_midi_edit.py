"""The events of a file as they are, which other events may follow."""

import io
import struct

import mido
import pytest

from musegen.music.writing.midi_edit import read_events, write_events

SYSEX = bytes.fromhex("f0057e7f0901f7")
NOTE = bytes.fromhex("00903c4060803c40")
END = bytes.fromhex("00ff2f00")


def file_of(track: bytes) -> bytes:
    header = struct.pack(">IHHH", 6, 1, 1, 96)
    return b"MThd" + header + b"MTrk" + struct.pack(">I", len(track)) + track


@pytest.mark.parametrize(
    "track",
    [
        b"\x00" + SYSEX + NOTE + END,
        b"\xff\xff\xff\x00" + SYSEX + NOTE + END,  # after a long rest
        b"\x00" + SYSEX + NOTE,  # without an end mark
        b"\x00" + SYSEX + bytes.fromhex("00903c40") + END,  # with a note that hangs
        NOTE + END + b"\x00" + SYSEX + NOTE + END,  # events after the end mark
    ],
)
def test_system_exclusive_messages_stay_where_they_are(track: bytes) -> None:
    """Also in tracks that are repaired; mido finds them at the same tick."""
    events = read_events(file_of(track))
    [own] = [[tick for tick, message in each if message == SYSEX] for each in events.tracks]
    assert len(own) == 1
    written = mido.MidiFile(file=io.BytesIO(write_events(events)))
    ticks, now = [], 0
    for message in written.tracks[0]:
        now += message.time
        if message.type == "sysex":
            ticks.append(now)
    assert ticks == own
