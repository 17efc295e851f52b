import io
import resource
import subprocess
import sys
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from symusic import ControlChange, KeySignature, Note, Score, Tempo, TimeSignature, Track

from benchmarks.written_files import READERS, of_score
from musegen.data.dataset import Dataset
from musegen.errors import MidiError
from musegen.music.notes import normalise_notes
from musegen.music.writing.midi import midi_bytes, write_score
from tests.music.scores import TPQ, line, notes, score


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


def orchestra(programs: list[int]) -> Score:
    return score(*(line([60 + i, 62], program=p, name=f"{i}") for i, p in enumerate(programs)))


def assert_all_read(data: bytes, wanted: Score) -> None:
    for reader in READERS.values():
        assert reader(data) == of_score(wanted), reader


def channels(data: bytes) -> list[set[int]]:
    tracks = mido.MidiFile(file=io.BytesIO(data)).tracks[1:]
    return [{message.channel for message in track if not message.is_meta} for track in tracks]


class TestFile:
    def test_four_libraries_read_the_same(self) -> None:
        assert_all_read(midi_bytes(band()), band())
        assert channels(midi_bytes(band())) == [{0}, {9}, {1}, {2}]

    def test_the_first_track_is_a_conductor_without_channel_events(self) -> None:
        midi = mido.MidiFile(file=io.BytesIO(midi_bytes(band())))
        assert (midi.type, midi.ticks_per_beat) == (1, TPQ)
        kinds = {"time_signature", "key_signature", "set_tempo", "track_name", "end_of_track"}
        assert {m.type for m in midi.tracks[0]} == kinds
        assert all(
            not m.is_meta or m.type in ("track_name", "end_of_track") for t in midi.tracks[1:] for m in t
        )
        assert [m.tempo for m in midi.tracks[0] if m.type == "set_tempo"] == [round(60e6 / 90)]

    def test_a_bare_score_gets_a_tempo_and_a_metre(self) -> None:
        bare = Score(TPQ)
        bare.tracks.append(line([60]))
        types = [m.type for m in mido.MidiFile(file=io.BytesIO(midi_bytes(bare))).tracks[0]]
        assert "set_tempo" in types
        assert "time_signature" in types

    def test_reading_and_writing_again_gives_the_same_bytes(self, tunes: Dataset) -> None:
        for each in (band(), orchestra(list(range(30))), *map(tunes.score, tunes.pieces[:6])):
            data = midi_bytes(each)
            assert midi_bytes(Score.from_midi(data)) == data

    def test_tempos_and_keys_stay_as_they_are(self) -> None:
        given_ = band()
        given_.tempos = [Tempo(0, mspq=500_001), Tempo(7, mspq=499_999), Tempo(480, mspq=499_999)]
        given_.key_signatures = [KeySignature(0, 3, 1), KeySignature(960, -7, 0)]
        again = Score.from_midi(midi_bytes(given_))
        assert [(t.time, t.mspq) for t in again.tempos] == [(0, 500_001), (7, 499_999), (480, 499_999)]
        assert [(k.time, k.key, k.tonality) for k in again.key_signatures] == [(0, 3, 1), (960, -7, 0)]

    def test_names_are_kept_or_given(self, tmp_path: Path) -> None:
        write_score(band(), tmp_path / "new" / "a.mid")
        names = [t.name for t in Score(tmp_path / "new" / "a.mid").tracks]
        assert names == ["Fiddle", "Drums", "Acoustic Bass", "Violin"]
        assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "a.mid"]

    @pytest.mark.parametrize("name", ["Ma mélodie", "二胡 独奏", "🎻 solo", "ما", "x" * 300])
    def test_names_in_any_alphabet(self, name: str, tmp_path: Path) -> None:
        tune = score(line([60, 62], name=name))
        path = tmp_path / name[:60] / f"{name[:60]}.mid"
        write_score(tune, path)
        assert Score(path).tracks[0].name == name
        assert_all_read(path.read_bytes(), tune)

    def test_what_midi_cannot_hold_is_refused(self, tmp_path: Path) -> None:
        slow = band()
        slow.tempos = [Tempo(0, mspq=2**24)]  # three bytes in a file
        empty = score(line([]))
        empty.time_signatures.append(TimeSignature(0, 3, 4))
        endless = score(line([60], step=3 * 10**8))
        for bad, reason in ((slow, "would change"), (empty, "no notes"), (endless, "would change")):
            with pytest.raises(MidiError, match=reason):
                write_score(bad, tmp_path / "a.mid")
        assert not list(tmp_path.iterdir())


class TestChannels:
    def test_fifteen_melodic_tracks_have_one_each(self) -> None:
        full = orchestra(list(range(15)))
        full.tracks.insert(3, line([36], drums=True))
        full.tracks.insert(9, line([38], drums=True))
        data = midi_bytes(full)
        melodic = [each for i, each in enumerate(channels(data)) if i not in (3, 9)]
        assert melodic == [{c} for c in (*range(9), *range(10, 16))]
        assert_all_read(data, full)

    def test_more_tracks_share_them_by_program(self, tmp_path: Path) -> None:
        large = orchestra([p for p in range(12) for _ in range(3)])
        assert write_score(large, tmp_path / "a.mid") == []
        data = (tmp_path / "a.mid").read_bytes()
        assert channels(data) == [{c} for c in (*range(9), *range(10, 13)) for _ in range(3)]
        assert_all_read(data, large)

    def test_more_programs_are_told_apart_by_track_alone(self, tmp_path: Path) -> None:
        huge = orchestra(list(range(40)))
        words = write_score(huge, tmp_path / "a.mid")
        assert words == [
            "40 instruments on the 15 channels that MIDI has: players will use the wrong one for 25 of them"
        ]
        assert_all_read((tmp_path / "a.mid").read_bytes(), huge)


class TestGiven:
    def test_overlaps_on_one_pitch_survive_in_tracks_of_their_own(self) -> None:
        played = Track("Melody", 73, False)
        rows = [(0, 480, 60), (0, 480, 60), (240, 480, 60), (300, 60, 60), (300, 60, 64), (720, 10, 60)]
        played.notes.extend(Note(*row, 80) for row in rows)
        both = score(line([48, 50]), played)
        data = midi_bytes(both, user_tracks=[1])
        tracks = Score.from_midi(data).tracks
        assert sorted(row for track in tracks[1:] for row in notes(track)) == sorted(rows)
        assert {(track.name, track.program) for track in tracks[1:]} == {("Melody", 73)}
        assert_all_read(data, Score.from_midi(data))
        cut = Score.from_midi(midi_bytes(both)).tracks[1]
        assert notes(cut) == [(0, 240, 60), (240, 60, 60), (300, 60, 60), (300, 60, 64), (720, 10, 60)]

    def test_clean_tracks_are_the_same_given_or_not(self, tunes: Dataset) -> None:
        for piece in tunes.pieces:
            tune = tunes.score(piece)
            assert midi_bytes(tune, user_tracks=range(len(tune.tracks))) == midi_bytes(tune)

    def test_what_is_changed_of_others_is_said(self, tmp_path: Path) -> None:
        track = line([60])
        track.notes.extend([Note(0, 100, 60, 80), Note(120, 240, 60, 80), Note(400, 0, 62, 80)])
        words = write_score(score(track), tmp_path / "a.mid")
        assert words == [
            "1 notes without length dropped",
            "1 double notes dropped",
            "1 overlapping notes cut",
        ]

    def test_silent_notes_are_refused(self) -> None:
        track = line([60])
        track.notes.append(Note(500, 10, 62, 0))
        with pytest.raises(MidiError, match="would change"):
            midi_bytes(score(track), user_tracks=[0])


NOTES = st.tuples(
    st.integers(0, 40), st.integers(1, 30), st.integers(58, 62) | st.integers(0, 127), st.integers(1, 127)
)
TRACKS = st.tuples(st.lists(NOTES, max_size=12), st.integers(0, 127), st.booleans())


@settings(max_examples=60, deadline=None)
@given(st.lists(TRACKS, min_size=1, max_size=20), st.sets(st.integers(0, 20)))
def test_any_notes_are_read_alike(
    tracks: list[tuple[list[tuple[int, ...]], int, bool]], own: set[int]
) -> None:
    music = score()
    for rows, program, drums in tracks:
        music.tracks.append(Track("", program, drums))
        music.tracks[-1].notes.extend(Note(onset * 60, length * 60, *rest) for onset, length, *rest in rows)
    if not music.note_num():
        return
    data = midi_bytes(music, user_tracks=own)
    written = Score.from_midi(data)
    assert_all_read(data, written)
    clean, _ = normalise_notes(music, user_tracks=own)
    wanted, found = (np.concatenate([t.notes.numpy()["time"] for t in s.tracks]) for s in (clean, written))
    assert sorted(wanted) == sorted(found)
    if not own:
        assert of_score(written) == of_score(clean)


def test_a_full_disk_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    """No file may grow beyond 4 kB here, so that the system itself stops the writing halfway."""
    old, large = tmp_path / "old.mid", tmp_path / "large.mid"
    write_score(band(), old)
    write_score(score(line([60, 62] * 4000)), large)
    assert large.stat().st_size > 4096
    before = old.read_bytes()
    code = (
        "import sys; from pathlib import Path; from symusic import Score\n"
        "from musegen.music.writing.midi import write_score\n"
        "write_score(Score(sys.argv[1]), Path(sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, large, old],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "OSError: [Errno 27]" in done.stderr
    assert old.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [large, old]
