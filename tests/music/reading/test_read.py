from pathlib import Path

import pytest
from symusic import Score

from musegen.errors import MidiError
from musegen.music.metre import bar_ticks
from musegen.music.reading.midi_file import parse_midi
from musegen.music.reading.read import read_score, read_tune, tidy, tunes_of
from musegen.music.writing.midi import midi_bytes
from tests.music.scores import line, notes, score

TUNE = "X:1\nT:one\nM:3/4\nL:1/4\nK:G\nD|GAB|c2:|\nd|efg|G2|]\n"
MUSICXML = """<?xml version="1.0" encoding="UTF-8"?>
<score-partwise version="3.1"><part-list><score-part id="P1"><part-name>Flute</part-name>
<score-instrument id="I1"><instrument-name>Flute</instrument-name></score-instrument>
<midi-instrument id="I1"><midi-channel>1</midi-channel><midi-program>74</midi-program></midi-instrument>
</score-part></part-list><part id="P1">
<measure number="1"><attributes><divisions>2</divisions><key><fifths>-1</fifths></key>
<time><beats>2</beats><beat-type>4</beat-type></time></attributes>
<note><pitch><step>F</step><octave>4</octave></pitch><duration>4</duration><tie type="start"/></note>
</measure>
<measure number="2"><barline location="left"><repeat direction="forward"/></barline>
<note><pitch><step>F</step><octave>4</octave></pitch><duration>2</duration><tie type="stop"/></note>
<note><pitch><step>A</step><octave>4</octave></pitch><duration>2</duration></note>
<note><chord/><pitch><step>C</step><octave>5</octave></pitch><duration>2</duration></note>
<barline location="right"><repeat direction="backward"/></barline></measure></part></score-partwise>"""


def test_abc_is_unrolled_on_bar_lines(tmp_path: Path) -> None:
    (tmp_path / "a.abc").write_text(TUNE)
    tune, repairs = read_score(tmp_path / "a.abc")
    assert [n.pitch for n in tune.tracks[0].notes] == [
        62,
        67,
        69,
        71,
        72,
        62,
        67,
        69,
        71,
        72,
        74,
        76,
        78,
        79,
        67,
    ]
    assert [n.time // 480 for n in tune.tracks[0].notes] == [
        2,
        3,
        4,
        5,
        6,
        8,
        9,
        10,
        11,
        12,
        14,
        15,
        16,
        17,
        18,
    ]
    assert bar_ticks(tune).tolist() == [i * 1440 for i in range(8)]
    assert [(t.numerator, t.denominator) for t in tune.time_signatures] == [(3, 4)]
    assert [k.key for k in tune.key_signatures] == [1]
    assert repairs == ["pickup filled up with a rest"]


def test_musicxml_keeps_ties_chords_names_and_programs(tmp_path: Path) -> None:
    (tmp_path / "a.musicxml").write_text(MUSICXML)
    piece, _ = read_score(tmp_path / "a.musicxml")
    assert (piece.tracks[0].name, piece.tracks[0].program) == ("Flute", 73)
    assert notes(piece.tracks[0]) == [
        (0, 1440, 65),
        (1440, 480, 69),
        (1440, 480, 72),
        (1920, 480, 65),
        (2400, 480, 69),
        (2400, 480, 72),
    ]


def test_the_first_of_many_tunes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "book.abc"
    path.write_text(TUNE + "\nX:2\nT:bad\nM:4/4\nL:1/4\nK:C\nA99999|B|\n" + TUNE)
    assert [t.splitlines()[0] for t in tunes_of(path)] == ["X:1", "X:2", "X:1"]
    assert "the first of 3 pieces read" in read_score(path)[1]
    with pytest.raises(MidiError, match="four figures"):
        read_tune(tunes_of(path)[1])


def test_notes_are_not_lost_under_marks_and_signs() -> None:
    tune, _ = read_tune('X:1\nM:2/4\nL:1/8\nK:C\n(3{g}ABc "^>fz"d~E|ABcE::\nFGAB|[CE]2[M:3/8]z|cde:|\n')
    first = [n.pitch for n in tune.tracks[0].notes][:9]
    assert first == [69, 71, 72, 74, 64, 69, 71, 72, 64]
    assert [n.duration for n in tune.tracks[0].notes][:5] == [160, 160, 160, 240, 240]


def test_broken_rhythm_and_tuplets_reach_over_chords() -> None:
    tune, _ = read_tune("X:1\nM:4/4\nL:1/8\nK:C\n[CE]>[DF] [CE]<G (3:2:3[CE]AB (3cde|\n")
    assert sorted({(n.time, n.duration) for n in tune.tracks[0].notes}) == [
        *((0, 360), (360, 120), (480, 120), (600, 360)),
        *((960 + 160 * i, 160) for i in range(6)),
    ]


def test_a_voice_longer_than_the_first_is_read_to_its_end() -> None:
    tune, _ = read_tune("X:1\nM:2/4\nL:1/4\nK:C\n[V:1]AB|\n[V:2]CD|E2|FG|]\n")
    assert [len(t.notes) for t in tune.tracks] == [2, 5]


def test_long_endings_are_played_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.abc"
    path.write_text("X:1\nM:1/4\nL:1/4\nK:C\nA|1B|c|d:|2e|f|g||a|b|]\n")
    pitches = [n.pitch for n in read_score(path)[0].tracks[0].notes]
    assert pitches == [69, 71, 72, 74, 69, 76, 77, 79, 81, 83]


def test_voices_become_tracks(tmp_path: Path) -> None:
    path = tmp_path / "a.abc"
    path.write_text("X:1\nM:2/4\nL:1/4\nK:C\n[V:1]AB|c2|\n[V:2]CD|E2|\n[V:1]de|f2|]\n[V:2]FG|A2|]\n")
    piece, _ = read_score(path)
    assert [[n.pitch for n in t.notes] for t in piece.tracks] == [
        [69, 71, 72, 74, 76, 77],
        [60, 62, 64, 65, 67, 69],
    ]


def test_a_written_score_reads_back(tmp_path: Path) -> None:
    given = score(line([60, 62, 64, 65], program=3, name="a"), line([36, 38], drums=True), metres=[(0, 3, 4)])
    (tmp_path / "a.mid").write_bytes(midi_bytes(given))
    piece, repairs = read_score(tmp_path / "a.mid")
    assert repairs == []
    assert [(t.name, t.program, t.is_drum, notes(t)) for t in piece.tracks] == [
        (t.name, t.program, t.is_drum, notes(t)) for t in given.tracks
    ]


@pytest.mark.parametrize("name", ["a.abc", "a.xml", "a.mxl", "a.krn", "a.mid"])
def test_nonsense_is_refused_whatever_its_name(tmp_path: Path, name: str) -> None:
    for data in (
        b"%PDF-1.4 nonsense",
        b"\0\1\2\3",
        b"hello | there",
        b"<score-partwise",
        b"<score-partwise/>",
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(MidiError, match=name):
            read_score(tmp_path / name)


def test_damaged_bytes_raise_only_midi_errors() -> None:
    good = midi_bytes(score(line([60, 62, 64, 65]), metres=[(0, 3, 4)]))
    for at in range(len(good)):
        for bad in (good[:at], good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :]):
            try:
                tidied, _, _ = tidy(parse_midi(bad)[0])
            except MidiError:
                continue
            assert isinstance(tidied, Score)
