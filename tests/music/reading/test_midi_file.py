import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from symusic import Note, Score, Track

from musegen.errors import MidiError
from musegen.music.reading.midi_file import close_tracks, parse_midi, read_smf
from musegen.music.reading.read import read_midi, read_score
from musegen.music.writing.midi import midi_bytes
from tests.music.scores import line, notes, score
from tests.music.smf_files import END, smf, track

GOOD = midi_bytes(score(line([60, 62, 64])))
NOTE = "00903c40 10803c00"
"""A quarter."""


def read(data: bytes) -> tuple[list[list[tuple[int, int, int]]], list[str]]:
    """The notes of every track, and the repairs."""
    parsed, repairs = parse_midi(data)
    return [notes(t) for t in parsed.tracks if len(t.notes)], repairs


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><p>404", "an HTML page"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"\0" * 100, "zero bytes"),
        (b"to be or not to be", "text"),
        (b"RIFF\0\0\0\0WAVE" + GOOD, "RIFF"),
        ((b"RIFF\0\0\0\0RMIDdata\0\0\0\0" * 2) + GOOD, "RIFF"),
        (GOOD[:10], "ends within its header"),
        (GOOD[:7] + b"\0" + GOOD[8:], "a header of 0 bytes"),
        (GOOD[:14], "no tracks"),
        (GOOD[:14] + b"XYZW\0\0\0\0", "no tracks"),
        (GOOD[:12] + b"\0\0" + GOOD[14:], "zero ticks"),
        (GOOD[:12] + b"\xe7\x28" + GOOD[14:], "SMPTE"),
        (smf(*[track("")] * 1025), "at most 1024"),
    ],
)
def test_what_is_no_midi_is_refused_with_its_reason(data: bytes, said: str) -> None:
    with pytest.raises(MidiError, match=said):
        read_midi(data)


@pytest.mark.parametrize("cut", [24, 30, 60, 64, 80, len(GOOD) - 4])
def test_a_file_that_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(MidiError, match="it is cut short"):
        parse_midi(GOOD[:cut])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("003c40", "data without a status byte"),
        ("00ff01ffffff7f", "an event of 268435455 bytes, more than are left"),
        ("00f0ffffff7f", "more than are left"),
        ("8080808000" + NOTE, "a number of more than four bytes"),
        ("ffffff7f903c40 10803c00", "absurdly long"),
        ("0090bc40 0090bd40" + NOTE, "2 pitches"),
        ("00ff", "within an event"),
    ],
)
def test_events_that_cannot_be_followed_are_refused(body: str, said: str) -> None:
    with pytest.raises(MidiError, match=f"damaged MIDI: track 2: .*{said}"):
        parse_midi(smf(track(NOTE), track(body, end=b"" if body == "00ff" else END)))


def test_wrappers_and_headers_are_mended() -> None:
    length = struct.pack("<I", len(GOOD))
    info = b"LIST\x03\0\0\0abc\0"
    wrapped = b"RIFF" + length + b"RMID" + info + b"data" + length + GOOD
    for data in (wrapped, b"\xef\xbb\xbf" + GOOD, bytes(128) + GOOD):
        assert read(data) == (read(GOOD)[0], ["wrapper around the MIDI taken off"])
    longer = GOOD[:4] + struct.pack(">I", 8) + GOOD[8:14] + b"\0\0" + GOOD[14:]
    assert read(longer) == (read(GOOD)[0], [])
    lying = GOOD[:4] + struct.pack(">I", 22) + GOOD[8:]
    assert read(lying) == (read(GOOD)[0], ["the header says it has 22 bytes, it has 6"])
    few = GOOD[:10] + b"\0\1" + GOOD[12:]
    assert read(few) == (read(GOOD)[0], ["the header says 1 tracks, the file has 2"])


def test_types_are_read_alike() -> None:
    tracks = track(NOTE), track(NOTE)
    one = [(0, 16, 60)]
    assert read(smf(*tracks, form=1)) == ([one, one], [])
    assert read(smf(*tracks, form=2)) == ([one, one], ["independent patterns (type 2) read as tracks"])
    assert read(smf(*tracks, form=3)) == ([one, one], ["unknown type 3 read as type 1"])


def test_type_0_is_divided_into_channels_and_channel_10_is_drums() -> None:
    parsed, repairs = parse_midi(
        smf(track("00c018 00903c40 00913e40 00992440 10803c00 00813e00 00892400"), form=0)
    )
    assert [(t.program, t.is_drum, notes(t)) for t in parsed.tracks] == [
        (24, False, [(0, 16, 60)]),
        (0, False, [(0, 16, 62)]),
        (0, True, [(0, 16, 36)]),
    ]
    assert repairs == []


def test_chunks_of_other_kinds_are_passed_over() -> None:
    assert read(smf(track(NOTE), b"XFIH\0\0\0\2ab", track(NOTE), count=2))[1] == []


@pytest.mark.parametrize(
    ("data", "count", "said"),
    [
        (smf(track(NOTE)) + b"\0garbage", 1, "8 bytes after the last track ignored"),
        (smf(track(NOTE), b"\0\0\1", track(NOTE), count=2), 2, "3 bytes between tracks ignored"),
        (smf(track(NOTE), b"XYZW\xff\0\0\0", track(NOTE), count=2), 2, "8 bytes between tracks ignored"),
        (smf(track(NOTE, end=b"")), 1, "1 missing end marks added"),
        (smf(track(NOTE, end=b""), track(NOTE)), 2, "1 missing end marks added"),
        (smf(track(NOTE, size=12, end=END[:3])), 1, "1 track lengths corrected"),
        (smf(track(NOTE * 2, size=5)), 2, "1 track lengths corrected"),
        (smf(track(NOTE * 2, size=8), track(NOTE)), 3, "1 track lengths corrected"),
        (smf(track(NOTE, size=2**32 - 1), track(NOTE)), 2, "1 track lengths corrected"),
        (smf(track(NOTE, size=16), track(NOTE)), 2, "1 track lengths corrected"),
        (smf(track(NOTE + "00ff2f00" + NOTE)), 2, "2 events after the end of a track kept"),
        (smf(track((NOTE + "00ff2f00") * 3)), 3, "4 events after the end of a track kept"),
        (smf(track(NOTE, end=END + b"\xaa" * 5)), 1, "5 bytes after the end of a track ignored"),
    ],
)
def test_chunks_are_mended(data: bytes, count: int, said: str) -> None:
    tracks, repairs = read(data)
    assert (sum(map(len, tracks)), repairs) == (count, [said])
    assert read_smf(read_smf(data).data()).faults.total() == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("00ff510307a120 00f0037e09f7 00f7020102" + NOTE, ""),
        ("00903c40 10ff0100 003c00", "1 messages read with a status from before a meta event or SysEx"),
        ("00903c40 10f00100 003c00", "1 messages read with a status from before a meta event or SysEx"),
        ("00f8" + NOTE, "1 system messages that have no place in a file left out"),
        ("00f1" + NOTE, "1 system messages that have no place in a file left out"),
        ("00f135" + NOTE, "1 system messages that have no place in a file left out"),
        ("00f23540" + NOTE + "00f6", "2 system messages that have no place in a file left out"),
        ("00ff51020707" + NOTE, "1 tempo, metre or key events of a wrong length left out"),
        ("00ff5800 00ff590100" + NOTE, "2 tempo, metre or key events of a wrong length left out"),
        ("00ff5103000000" + NOTE, "1 tempos of zero left out"),
        ("00ffc00101" + NOTE, "1 unknown meta events left out"),
        ("00903cff 10803cff", "2 values above 127 read as 127"),
        ("0090bc40 10803c00", "1 pitches, controllers or programs above 127 read without their top bit"),
    ],
)
def test_events_are_mended_and_no_note_is_lost_or_moved(body: str, said: str) -> None:
    tracks, repairs = read(smf(track(body), track(NOTE)))
    assert (tracks, repairs) == ([[(0, 16, 60)]] * 2, [said] if said else [])


def test_a_long_text_is_no_fault() -> None:
    text = b"\0\xff\x03\x86\x20" + b"x" * 800
    assert read(smf(track(text + bytes.fromhex(NOTE)))) == ([[(0, 16, 60)]], [])


def test_times_that_overflow_a_parser_are_refused() -> None:
    far = bytes.fromhex("ffffff7f ff0100") * 16  # 2^32 ticks: a parser that wraps would start at 0 again
    with pytest.raises(MidiError, match="absurdly long"):
        parse_midi(smf(track(far + bytes.fromhex(NOTE))))
    many = bytes.fromhex("ffff7f ff0100") * 1025
    with pytest.raises(MidiError, match="absurdly long"):
        parse_midi(smf(track(many + bytes.fromhex(NOTE))))


NOTES = st.builds(Note, st.integers(0, 9999), st.integers(1, 2000), st.integers(0, 127), st.integers(1, 127))
TRACKS = st.tuples(st.text(max_size=200), st.integers(0, 127), st.booleans(), st.lists(NOTES, max_size=30))


@st.composite
def scores(draw: st.DrawFn) -> Score:
    """One to four tracks with any names and notes, at least one note."""
    result = score()
    for name, program, drums, some in draw(st.lists(TRACKS, min_size=1, max_size=4)):
        result.tracks.append(Track(name, program, drums))
        result.tracks[-1].notes.extend(some)
    result.tracks[0].notes.append(draw(NOTES))
    return result


@settings(max_examples=100, deadline=None)
@given(scores())
def test_files_of_ours_need_no_repair(piece: Score) -> None:
    data = midi_bytes(piece)
    checked = read_smf(data)
    assert checked.notes == Score.from_midi(data).note_num()
    assert (checked.faults.total(), checked.remarks) == (0, [])
    assert parse_midi(data)[1] == []


@settings(max_examples=100, deadline=None)
@given(scores())
def test_walking_every_event_finds_the_same_music(piece: Score) -> None:
    plain = read_smf(midi_bytes(piece))
    walked = close_tracks(plain)
    assert walked.faults.total() == 0
    assert Score.from_midi(walked.data()) == Score.from_midi(plain.data())


@settings(max_examples=150, deadline=None)
@given(scores(), st.sampled_from(["cut", "flip", "move"]), st.data())
def test_damage_is_mended_with_a_line_or_refused(piece: Score, how: str, draw: st.DataObject) -> None:
    data = bytearray(midi_bytes(piece))
    place = st.integers(14, len(data) - 1)
    at, to = draw.draw(place), draw.draw(place)
    if how == "cut":
        del data[at:]
    elif how == "flip":
        data[at] ^= 1 << draw.draw(st.integers(0, 7))
    else:
        data[to:to] = data[at : at + 9]
    try:
        parsed, repairs = parse_midi(bytes(data))
    except MidiError:
        return
    mended = read_smf(bytes(data))
    assert parsed.note_num() == mended.notes or any("could be read" in line for line in repairs)
    again = read_smf(close_tracks(mended).data())
    assert (again.notes, again.faults.total()) == (mended.notes, 0)  # what is mended stays so


def test_notes_without_an_end_are_read_with_the_others() -> None:
    read, repairs = read_midi(smf(track("00903c40 10903e40 10903c00")))
    assert notes(read.tracks[0]) == [(0, 32, 60), (16, 16, 62)]
    assert repairs == ["1 hanging notes closed"]


def test_karaoke_is_midi(tmp_path: Path) -> None:
    words = b"\0\xff\x01\x82\x2c" + "né ".encode("latin-1") * 100
    (tmp_path / "song.kar").write_bytes(smf(track(words + bytes.fromhex("00903c40 10803c00"))))
    read, repairs = read_score(tmp_path / "song.kar")
    assert (notes(read.tracks[0]), repairs) == ([(0, 16, 60)], [])
