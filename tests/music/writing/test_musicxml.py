"""Scores as MusicXML: what our own reader finds in it again, and what the file itself must hold."""

from collections import Counter
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from symusic import KeySignature, Note, Score, Tempo, Track

from musegen.data.dataset import Dataset
from musegen.music.notes import note_arrays
from musegen.music.reading.read import read_midi, read_score
from musegen.music.writing.midi import midi_bytes
from musegen.music.writing.musicxml import musicxml_bytes, write_musicxml
from tests.music.scores import line, score

Rows = Counter[tuple[bool, int, Fraction, Fraction, int]]


def tidy(music: Score) -> Score:
    return read_midi(midi_bytes(music))[0]


def rows(music: Score) -> Rows:
    """Every note: drums, program, onset and duration in quarters, pitch."""
    found: Rows = Counter()
    for track in music.tracks:
        onsets, durations, pitches, _ = (column.tolist() for column in note_arrays(track))
        for onset, duration, pitch in zip(onsets, durations, pitches, strict=True):
            times = Fraction(onset, music.tpq), Fraction(duration, music.tpq)
            found[track.is_drum, track.program, *times, pitch] += 1
    return found


def metres(music: Score) -> list[tuple[Fraction, int, int]]:
    return [(Fraction(t.time, music.tpq), t.numerator, t.denominator) for t in music.time_signatures]


def xml(music: Score) -> ET.Element:
    data, words = musicxml_bytes(music)
    assert words == []
    return ET.fromstring(data)  # noqa: S314 - our own bytes


def there_and_back(music: Score, folder: Path) -> tuple[Score, ET.Element]:
    """As our reader finds it again, and the file itself."""
    assert write_musicxml(music, folder / "a.musicxml") == []
    return read_score(folder / "a.musicxml")[0], ET.parse(folder / "a.musicxml").getroot()  # noqa: S314


def texts(root: ET.Element, path: str) -> list[str]:
    return [element.text or "" for element in root.iterfind(path)]


def assert_well_formed(root: ET.Element, music: Score) -> None:
    """Voices fill their measures, ties and triplets close, every id is known."""
    parts = root.findall("part")
    assert [part.get("id") for part in parts] == [part.get("id") for part in root.iter("score-part")]
    for part in parts:
        beats, divisions, open_ties = Fraction(4), 1, Counter[tuple[str, str, str]]()
        for number, measure in enumerate(part.findall("measure")):
            divisions = int(measure.findtext("attributes/divisions", str(divisions)))
            if measure.find("attributes/time") is not None:
                top, unit = (
                    int(measure.findtext(f"attributes/time/{n}", "")) for n in ("beats", "beat-type")
                )
                beats = Fraction(4 * top, unit)
            filled = measure_lengths(measure, open_ties)
            pickup = number == 0 and measure.get("implicit") == "yes"
            for ticks in filled.values():
                length = Fraction(ticks, divisions)
                assert length == beats or (pickup and length * 2 <= beats), (number, filled)
        assert not +open_ties
    assert len(root.findall("part-list/score-part")) <= len(music.tracks) * 2


def measure_lengths(measure: ET.Element, open_ties: Counter[tuple[str, str, str]]) -> dict[str, int]:
    """How much each voice holds; ties are counted up and down, triplets closed."""
    filled: dict[str, int] = {}
    triplets = Counter[str]()
    for note in measure.findall("note"):
        voice = f"{note.findtext('staff', '1')} {note.findtext('voice', '1')}"
        if note.find("chord") is None:
            filled[voice] = filled.get(voice, 0) + int(note.findtext("duration", ""))
        for tie in note.findall("tie"):
            pitch = tuple(note.findtext(f"pitch/{each}") or "0" for each in ("step", "alter", "octave"))
            open_ties[pitch] += 1 if tie.get("type") == "start" else -1
            assert open_ties[pitch] >= 0
        for mark in note.findall("notations/tuplet"):
            triplets[voice] += 1 if mark.get("type") == "start" else -1
            assert triplets[voice] in (0, 1)
    assert not +triplets
    return filled


class TestRealMusic:
    def test_tunes_come_back_note_for_note(self, tunes: Dataset, tmp_path: Path) -> None:
        for piece in tunes.pieces[::2]:
            tune = tunes.score(piece)
            again, root = there_and_back(tune, tmp_path)
            assert rows(again) == rows(tune), piece.name
            assert metres(again) == metres(tune)
            assert_well_formed(root, tune)

    def test_chorales_come_back_part_for_part(self, tmp_path: Path) -> None:
        from music21 import corpus

        for number in ("1.6", "66.6", "358"):
            chorale, _ = read_score(Path(str(corpus.getWork(f"bwv{number}"))))
            again, root = there_and_back(chorale, tmp_path)
            assert [t.name for t in again.tracks] == [t.name for t in chorale.tracks]
            assert [list(t.notes) for t in again.tracks] == [list(t.notes) for t in chorale.tracks]
            assert metres(again) == metres(chorale)
            assert_well_formed(root, chorale)


class TestNotation:
    def test_a_band_with_drums_metres_keys_and_tempos(self, tmp_path: Path) -> None:
        band = score(
            line([60, 63, 67, 70, 72, 75] * 4, step=160, name="Zurna é", program=111),
            line([36, 42, 38, 42] * 4, drums=True),
            line([36, 43] * 4, step=480, program=32, name="贝斯"),
            metres=[(0, 4, 4), (1920, 7, 8)],
            tempo=96,
        )
        band.tempos.append(Tempo(1920, 131.5))
        band.key_signatures = [KeySignature(0, -3, 1), KeySignature(1920, 2, 0)]
        band = tidy(band)
        again, root = there_and_back(band, tmp_path)
        assert rows(again) == rows(band)
        assert metres(again) == metres(band)
        assert [(t.time, round(t.qpm, 2)) for t in again.tempos] == [(0, 96), (1920, 131.5)]
        assert [(k.time, k.key, k.tonality) for k in again.key_signatures] == [(0, -3, 1), (1920, 2, 0)]
        assert_well_formed(root, band)
        assert texts(root, "part-list/score-part/part-name") == ["Zurna é", "Drums", "贝斯"]
        assert texts(root, ".//midi-channel") == ["1", "10", "3"]
        assert texts(root, ".//clef/sign") == ["G", "percussion", "F"]
        assert texts(root, "part/measure/attributes/key/fifths") == ["-3", "2"] * 3
        assert not root.findall(".//transpose")

    def test_two_voices_and_chords_of_one_track(self, tmp_path: Path) -> None:
        track = Track("Choir", 52, False)
        held = [
            (0, 1920, 60),
            (0, 480, 67),
            (480, 480, 69),
            (480, 480, 72),
            (960, 2400, 71),
            (1920, 1440, 55),
        ]
        track.notes.extend(Note(*row, 80) for row in held)
        music = tidy(score(track, line([60] * 8, step=480)))
        again, root = there_and_back(music, tmp_path)
        assert rows(again) == rows(music)
        assert_well_formed(root, music)
        assert set(texts(root.findall("part")[0], ".//voice")) == {"1", "2"}

    def test_a_piano_is_written_on_two_staves(self, tmp_path: Path) -> None:
        right, left = line([72, 76, 79, 76] * 2, name="Piano"), line([36, 48] * 2, step=480)
        right.notes.extend(left.notes)
        music = tidy(score(right))
        again, root = there_and_back(music, tmp_path)
        assert rows(again) == rows(music)
        assert_well_formed(root, music)
        assert texts(root, "part-list/score-part/part-name") == ["Piano"]
        assert texts(root, ".//staves") == ["2"]
        assert texts(root, ".//clef/sign") == ["G", "F"]

    def test_more_voices_than_a_staff_has(self, tmp_path: Path) -> None:
        thick = Track("Organ", 19, False)
        thick.notes.extend(Note(120 * i, 1920 - 120 * i, 60 + i, 80) for i in range(6))
        music = tidy(score(thick))
        again, root = there_and_back(music, tmp_path)
        assert rows(again) == rows(music)
        assert_well_formed(root, music)

    def test_a_pickup_is_a_short_first_measure(self, tmp_path: Path) -> None:
        music = tidy(score(line([67, 72, 74, 76, 72], step=480, start=1440), metres=[(0, 4, 4)]))
        write_musicxml(music, tmp_path / "a.musicxml")
        again, repairs = read_score(tmp_path / "a.musicxml")
        assert repairs == ["pickup filled up with a rest"]
        assert rows(again) == rows(music)
        first, second = xml(music).findall("part/measure")
        assert (first.get("number"), first.get("implicit"), len(first.findall("note"))) == ("0", "yes", 1)
        assert (second.get("number"), second.get("implicit"), len(second.findall("note"))) == ("1", "no", 4)

    @pytest.mark.parametrize(
        ("sharps", "pitch", "spelt"),
        [
            (0, 66, "F1"),
            (0, 70, "B-1"),
            (-4, 66, "G-1"),
            (4, 60, "B1"),
            (-6, 59, "C-1"),
            (2, 61, "C1"),
            (0, 0, "C"),
        ],
    )
    def test_pitches_are_spelt_for_the_key(self, sharps: int, pitch: int, spelt: str) -> None:
        music = score(line([pitch]))
        music.key_signatures.append(KeySignature(0, sharps, 0))
        found = xml(tidy(music)).find("part/measure/note/pitch")
        assert found is not None
        assert found.findtext("step", "") + found.findtext("alter", "") == spelt

    @pytest.mark.parametrize(("scale", "fifths"), [([0, 2, 4, 5, 7, 9, 11], 0), ([2, 4, 6, 7, 9, 11, 1], 2)])
    def test_a_key_is_found_where_none_is_given(self, scale: list[int], fifths: int) -> None:
        assert texts(xml(tidy(score(line([60 + p for p in scale])))), ".//fifths") == [str(fifths)]

    def test_played_music_is_put_on_the_grid_and_it_is_said(self) -> None:
        played = Track("", 0, False)
        played.notes.extend(Note(i * 241 + i % 3 * 7, 200, 60 + i, 80) for i in range(12))
        data, words = musicxml_bytes(score(played))
        assert words == ["12 notes moved to the nearest note value"]
        assert_well_formed(ET.fromstring(data), score(played))  # noqa: S314

    def test_more_parts_than_channels_and_two_of_drums(self, tmp_path: Path) -> None:
        drums = (line([pitch] * 2, drums=True) for pitch in (36, 38))
        music = tidy(score(*(line([60 + i], program=20 + i) for i in range(18)), *drums))
        again, root = there_and_back(music, tmp_path)
        assert rows(again) == rows(music)
        melodic = [*range(1, 10), *range(11, 17), 1, 2, 3]
        assert texts(root, ".//midi-channel") == [str(channel) for channel in [*melodic, 10, 10]]

    def test_the_same_score_gives_the_same_parts(self) -> None:
        music = tidy(score(line([60]), line([64]), line([36], drums=True), line([38], drums=True)))
        first, second = (ET.tostring(part) for part in (xml(music)[-1], xml(music)[-1]))
        assert first == second
