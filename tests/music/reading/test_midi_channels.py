import struct

import pytest

from musegen.music.reading.midi_file import parse_midi

QUARTER = 96
GS_DRUMS = b"\xf0\x0a\x41\x10\x42\x12\x40\x1a\x15\x02\x0f\xf7"
"""Part of channel 11 as rhythm part."""
GS_NO_DRUMS = b"\xf0\x0a\x41\x10\x42\x12\x40\x10\x15\x00\x1b\xf7"
"""Part of channel 10 as melodic part."""
XG_ON = b"\xf0\x08\x43\x10\x4c\x00\x00\x7e\x00\xf7"
XG_DRUMS = b"\xf0\x08\x43\x10\x4c\x08\x0a\x07\x02\xf7"
"""Mode of part 11."""


def note(channel: int, pitch: int, length: int = QUARTER) -> bytes:
    """A note with the delta times before its beginning (0) and its end."""
    return bytes([0, 0x90 | channel, pitch, 80, length, 0x80 | channel, pitch, 64])


def program(channel: int, number: int) -> bytes:
    return bytes([0, 0xC0 | channel, number])


def bank(channel: int, number: int) -> bytes:
    return bytes([0, 0xB0 | channel, 0, number])


def sysex(data: bytes) -> bytes:
    return b"\0" + data


def read(*tracks: bytes) -> tuple[list[tuple[int, bool, list[int]]], list[str]]:
    """Program, drums and pitches of each track, and the repairs."""
    data = b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), QUARTER)
    for track in tracks:
        whole = track + b"\0\xff\x2f\0"
        data += b"MTrk" + struct.pack(">I", len(whole)) + whole
    score, repairs = parse_midi(data)
    return [(t.program, t.is_drum, [n.pitch for n in t.notes]) for t in score.tracks if len(t.notes)], repairs


def test_programs_of_a_first_track_hold_in_the_others() -> None:
    tracks, repairs = read(program(0, 73) + program(1, 33), note(0, 72), note(1, 40))
    assert tracks == [(73, False, [72]), (33, False, [40])]
    assert repairs == []


def test_the_latest_program_before_the_first_note_holds() -> None:
    late = bytes([QUARTER, 0xC0, 40]) + note(0, 60)
    assert read(program(0, 73), late)[0] == [(40, False, [60])]


def test_a_change_of_program_leaves_one_track_and_is_said() -> None:
    melody = program(0, 73) + note(0, 72) + program(0, 68) + note(0, 74) + program(0, 68) + note(0, 76)
    tracks, repairs = read(melody)
    assert tracks == [(73, False, [72, 74, 76])]
    assert repairs == ["2 program changes within a part not followed"]


@pytest.mark.parametrize(
    "setting",
    [sysex(GS_DRUMS), sysex(XG_DRUMS), sysex(XG_ON) + bank(10, 127), bank(10, 120)],
    ids=["GS", "XG part", "XG bank", "GM 2 bank"],
)
def test_drums_on_another_channel_are_drums(setting: bytes) -> None:
    tracks, _ = read(setting + note(10, 36), note(0, 60))
    assert [drums for _, drums, _ in tracks] == [True, False]


def test_a_bank_of_drum_kits_is_one_in_xg_alone() -> None:
    assert [drums for _, drums, _ in read(bank(10, 127) + note(10, 36))[0]] == [False]


@pytest.mark.parametrize("setting", [sysex(GS_NO_DRUMS), bank(9, 121)], ids=["GS", "GM 2 bank"])
def test_channel_ten_may_be_melodic(setting: bytes) -> None:
    tracks, _ = read(setting + program(9, 40) + note(9, 60), note(0, 48))
    assert tracks == [(40, False, [60]), (0, False, [48])]


def test_a_plain_file_keeps_its_bytes() -> None:
    tracks, repairs = read(program(0, 5) + note(0, 60), program(1, 6) + note(1, 61), note(9, 36))
    assert tracks == [(5, False, [60]), (6, False, [61]), (0, True, [36])]
    assert repairs == []
