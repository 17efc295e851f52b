import io
from pathlib import Path

import mido
import pretty_midi
import pytest
from symusic import ControlChange, KeySignature, Score, TimeSignature

from musegen.errors import MidiError
from musegen.music.write import midi_bytes, write_score
from tests.music.scores import TPQ, line, score

Rows = list[tuple[bool, int, list[tuple[int, int, int]]]]


def band() -> Score:
    result = score(
        line([60, 64, 67, 72], program=40, name="Fiddle"),
        line([36, 42, 38, 42], drums=True),
        line([48, 55], step=480, program=32),
        line([72] * 4, step=120, program=40),
        metres=[(0, 2, 4), (960, 3, 4)],
        tempo=90,
    )
    result.key_signatures.append(KeySignature(0, -1, 0))
    result.tracks[0].controls.append(ControlChange(10, 7, 100))
    return result


def by_symusic(data: bytes) -> Rows:
    tracks = Score.from_midi(data).tracks
    return [
        (t.is_drum, t.program, sorted((n.time, n.duration, n.pitch) for n in t.notes))
        for t in tracks
        if len(t.notes)
    ]


def by_mido(data: bytes) -> Rows:
    rows = []
    for track in mido.MidiFile(file=io.BytesIO(data)).tracks[1:]:
        now, program, sounding, found, drums = 0, 0, {}, [], False
        for message in track:
            now += message.time
            if message.type == "program_change":
                program, drums = message.program, message.channel == 9
            elif message.type == "note_on" and message.velocity:
                sounding[message.note] = now
            elif message.type in ("note_on", "note_off"):
                begin = sounding.pop(message.note)
                found.append((begin, now - begin, message.note))
        rows.append((drums, program, sorted(found)))
    return rows


def by_pretty_midi(data: bytes) -> Rows:
    midi = pretty_midi.PrettyMIDI(io.BytesIO(data))
    rows = []
    for instrument in midi.instruments:
        notes = [(midi.time_to_tick(n.start), midi.time_to_tick(n.end), n.pitch) for n in instrument.notes]
        rows.append((instrument.is_drum, instrument.program, sorted((a, b - a, p) for a, b, p in notes)))
    return rows


def test_three_libraries_read_the_same() -> None:
    data = midi_bytes(band())
    expected = by_symusic(data)
    assert [(d, p) for d, p, _ in expected] == [(False, 40), (True, 0), (False, 32), (False, 40)]
    assert by_mido(data) == expected
    assert sorted(by_pretty_midi(data)) == sorted(expected)


def test_the_first_track_is_a_conductor_without_channel_events() -> None:
    midi = mido.MidiFile(file=io.BytesIO(midi_bytes(band())))
    assert midi.type == 1
    assert midi.ticks_per_beat == TPQ
    assert {m.type for m in midi.tracks[0]} == {
        "time_signature",
        "key_signature",
        "set_tempo",
        "track_name",
        "end_of_track",
    }
    assert all(not m.is_meta or m.type in ("track_name", "end_of_track") for t in midi.tracks[1:] for m in t)
    assert [m.tempo for m in midi.tracks[0] if m.type == "set_tempo"] == [round(60e6 / 90)]


def test_a_bare_score_gets_a_tempo_and_a_metre() -> None:
    bare = Score(TPQ)
    bare.tracks.append(line([60]))
    types = [m.type for m in mido.MidiFile(file=io.BytesIO(midi_bytes(bare))).tracks[0]]
    assert "set_tempo" in types
    assert "time_signature" in types


def test_names_are_kept_or_given(tmp_path: Path) -> None:
    write_score(band(), tmp_path / "new" / "a.mid")
    names = [t.name for t in Score(tmp_path / "new" / "a.mid").tracks]
    assert names == ["Fiddle", "Drums", "Acoustic Bass", "Violin"]
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "a.mid"]


def test_no_notes_and_impossible_notes_are_refused(tmp_path: Path) -> None:
    empty = score(line([]))
    empty.time_signatures.append(TimeSignature(0, 3, 4))
    with pytest.raises(MidiError, match="no notes"):
        write_score(empty, tmp_path / "a.mid")
    assert not list(tmp_path.iterdir())
    with pytest.raises(MidiError, match="would change"):
        midi_bytes(score(line([60], step=3 * 10**8)))


def test_reading_and_writing_again_gives_the_same_bytes() -> None:
    data = midi_bytes(band())
    assert midi_bytes(Score.from_midi(data)) == data
