"""Properties of reading MIDI, over files of our own writer and what becomes of them when they are damaged."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from symusic import Note, Score, Track

from musegen.errors import MidiError
from musegen.music.reading.midi import parse_midi
from musegen.music.reading.midi_file import close_tracks, read_smf
from musegen.music.reading.read import read_midi, read_score
from musegen.music.writing.midi import midi_bytes
from tests.music.scores import notes, score
from tests.music.smf_files import smf, track

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
