"""A score as it is played: what stays is the same event for event, by mido's reading of both files."""

import json
from collections import Counter
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from symusic import Note, Score, Track

import musegen
from musegen.api.model import Model
from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.errors import MusegenError
from musegen.music.performance import written_score
from musegen.music.writing.midi import midi_bytes, write_score
from tests.api.test_fill import rewrite
from tests.cli.test_main import refused
from tests.music.scores import line, score
from tests.played_fixtures import beat, play

Struck = tuple[int, int, int, int, int]
"""Track, channel, pitch, onset and velocity."""


@pytest.fixture(scope="module")
def model(performer: Path) -> Model:
    return musegen.load(performer)


@pytest.fixture
def drums(tmp_path: Path) -> Path:
    """Eight bars of drums on the grid."""
    write_score(written_score(beat(1), 4), tmp_path / "beat.mid")
    return tmp_path / "beat.mid"


@pytest.fixture
def song(tunes: Dataset, tmp_path: Path) -> Path:
    """A tune with drums, and all that a MIDI file can have beside notes."""
    written = written_score(tunes.score(tunes.pieces[0]), 4)
    written.tracks = [*written.tracks, *written_score(beat(2), 4).tracks]
    write_score(written, tmp_path / "song.mid")
    file = mido.MidiFile(tmp_path / "song.mid")
    extra: list[tuple[int, mido.Message | mido.MetaMessage]] = [
        (240 * n, mido.Message("control_change", channel=0, control=64, value=127 * (n % 2)))
        for n in range(40)
    ]
    extra += [(480 * n, mido.MetaMessage("lyrics", text=f"la{n}")) for n in range(20)]
    extra += [(480 * n + 7, mido.Message("pitchwheel", channel=0, pitch=n)) for n in range(20)]
    extra += [(0, mido.Message("sysex", data=(65, 16, 66))), (960, mido.Message("aftertouch", value=9))]
    rewrite(file.tracks[1], extra)
    rewrite(file.tracks[0], [(480 * n, mido.MetaMessage("set_tempo", tempo=400_000 + n)) for n in (5, 12)])
    file.save(tmp_path / "song.mid")
    return tmp_path / "song.mid"


def split(path: Path) -> tuple[Counter[str], list[Struck], list[Struck]]:
    """All events but notes, in their ticks; the onsets of notes, and their ends (velocity 0)."""
    others: Counter[str] = Counter()
    onsets: list[Struck] = []
    ends: list[Struck] = []
    for number, track in enumerate(mido.MidiFile(path).tracks):
        now = 0
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                onsets.append((number, message.channel, message.note, now, message.velocity))
            elif message.type in ("note_on", "note_off"):
                ends.append((number, message.channel, message.note, now, 0))
            elif message.type != "end_of_track":
                others[f"{number} {now} {message.copy(time=0)}"] += 1
    return others, onsets, ends


def humanized(model: Model, path: Path, out: Path, **how: object) -> Path:
    [piece] = model.humanize(path, seed=1, **how)  # type: ignore[arg-type]
    return piece.save(out / "take.mid")


def test_it_moves_and_accents_notes_and_leaves_the_rest(model: Model, song: Path, tmp_path: Path) -> None:
    others, onsets, _ = split(song)
    after, played, _ = split(humanized(model, song, tmp_path))
    assert after == others
    assert Counter(each[:3] for each in played) == Counter(each[:3] for each in onsets)
    assert {each[3] for each in played} != {each[3] for each in onsets}
    assert len({each[4] for each in played}) > 10


def test_it_plays_as_it_was_taught(model: Model, drums: Path, tmp_path: Path) -> None:
    """The players of the training data are late and soft between the beats, and begin bars loud."""
    _, onsets, _ = split(humanized(model, drums, tmp_path))
    moved = np.array([(tick + 120) % 240 - 120 for *_, tick, _ in onsets])
    places = np.array([(tick + 120) // 240 for *_, tick, _ in onsets])
    velocity = np.array([each[4] for each in onsets])
    assert moved[places % 2 == 1].mean() - moved[places % 2 == 0].mean() > 12
    assert velocity[places % 8 == 0].mean() - velocity[places % 2 == 1].mean() > 30


@pytest.mark.parametrize("name", ["drums", "song"])
def test_an_amount_of_zero_is_the_file_byte_for_byte(
    name: str, model: Model, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(name)
    assert humanized(model, path, tmp_path, amount=0.0).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["drums", "song"])
def test_locked_onsets_do_not_move(
    name: str, model: Model, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(name)
    others, onsets, ends = split(path)
    after, played, stopped = split(humanized(model, path, tmp_path, keep="timing"))
    assert (after, sorted(stopped)) == (others, sorted(ends))
    assert sorted(each[:4] for each in played) == sorted(each[:4] for each in onsets)
    assert {each[4] for each in played} != {each[4] for each in onsets}


def test_locked_velocities_stay(model: Model, song: Path, tmp_path: Path) -> None:
    _, onsets, _ = split(song)
    _, played, _ = split(humanized(model, song, tmp_path, keep="velocity"))
    assert Counter((*each[:3], each[4]) for each in played) == Counter((*e[:3], e[4]) for e in onsets)
    assert {each[3] for each in played} != {each[3] for each in onsets}


def test_only_drums(model: Model, song: Path, tmp_path: Path) -> None:
    _, onsets, ends = split(song)
    _, played, stopped = split(humanized(model, song, tmp_path, only="drums"))
    for before, after in ((onsets, played), (ends, stopped)):
        assert [each for each in after if each[1] != 9] == [each for each in before if each[1] != 9]
    assert [each for each in played if each[1] == 9] != [each for each in onsets if each[1] == 9]


def changes(path: Path, take: Path) -> tuple[np.ndarray, np.ndarray]:
    """How far each note has moved, in quarter notes, and how much louder it is, by pitch and order."""
    columns = []
    for each in (path, take):
        file = mido.MidiFile(each)
        rows = sorted((p, tick / file.ticks_per_beat, v) for _, _, p, tick, v in split(each)[1])
        columns.append(np.array(rows))
    before, after = columns
    return np.abs(after[:, 1] - before[:, 1]), np.abs(after[:, 2] - before[:, 2])


def test_more_is_further(model: Model, drums: Path, tmp_path: Path) -> None:
    amounts = (0.0, 0.1, 0.3, 0.6, 0.8, 1.0)
    found = [changes(drums, humanized(model, drums, tmp_path, amount=amount)) for amount in amounts]
    for number in (0, 1):
        steps = np.stack([each[number] for each in found])
        assert (
            np.diff(steps, axis=0) >= -1 / 480 - 1e-9 if number == 0 else np.diff(steps, axis=0) >= 0
        ).all()
        assert steps[-1].mean() > 2 * steps[1].mean() > 0


def test_a_seed_is_a_take(model: Model, drums: Path) -> None:
    first, second = model.humanize(drums, num=2, seed=5)
    [again] = model.humanize(drums, seed=5)
    assert first.result.midi == again.result.midi != second.result.midi
    [other] = model.humanize(drums, seed=6)
    assert other.result.midi != first.result.midi
    assert first.result.humanized is not None
    assert first.result.humanized["notes"] == 64


@st.composite
def scores(draw: st.DrawFn) -> Score:
    """Scores on the grid, with chords, repeated, overlapping and empty notes."""
    ticks = draw(st.sampled_from([96, 120, 480, 960]))
    notes = st.tuples(st.integers(0, 40), st.integers(0, 9), st.integers(35, 40), st.integers(1, 127))
    found = Score(ticks)
    for is_drum in draw(st.sampled_from([(True,), (False, True)])):
        track = Track("", 0, is_drum)
        for position, length, pitch, velocity in draw(st.lists(notes, min_size=1, max_size=30)):
            duration = length * ticks // 4 if not is_drum else max(1, length)
            track.notes.append(Note(position * ticks // 4, max(1, duration), pitch, velocity))
        found.tracks.append(track)
    return found


@given(scores(), st.sampled_from([None, "timing", "velocity"]), st.floats(0.01, 1.0), st.integers(0, 99))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_note_is_lost_and_what_is_kept_stays(
    model: Model, tmp_path: Path, music: Score, keep: str | None, amount: float, seed: int
) -> None:
    path, out = tmp_path / "in.mid", tmp_path / "out.mid"
    path.write_bytes(midi_bytes(music, user_tracks=range(len(music.tracks))))
    [piece] = model.humanize(path, amount=amount, keep=keep, seed=seed)  # type: ignore[arg-type]
    piece.save(out)
    (others, onsets, ends), (after, played, stopped) = split(path), split(out)
    factor = mido.MidiFile(out).ticks_per_beat // mido.MidiFile(path).ticks_per_beat
    assert sum(after.values()) == sum(others.values())
    assert Counter(e[:3] for e in played) == Counter(e[:3] for e in onsets)
    assert Counter(e[:3] for e in stopped) == Counter(e[:3] for e in ends)
    assert all(each[3] >= 0 for each in played)
    if keep == "timing":
        assert factor == 1
        assert sorted(e[:4] for e in played) == sorted(e[:4] for e in onsets)
        assert sorted(stopped) == sorted(ends)
    if keep == "velocity":
        assert Counter((*e[:3], e[4]) for e in played) == Counter((*e[:3], e[4]) for e in onsets)


def test_the_command_writes_takes_and_a_manifest(
    performer: Path, drums: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["humanize", str(performer), str(drums), "--amount", "0.8", "--num", "2", "--seed", "3"]
    assert main([*command, "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(out / "001.mid"), str(out / "002.mid")]
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    facts = manifest["files"][0]["humanized"]
    assert (manifest["seed"], facts["amount"], facts["keep"], facts["tracks"]) == (3, 0.8, None, [1])
    assert facts["shift_ms"] > 0
    assert facts["velocity_change"] > 0
    assert "log_likelihood" not in manifest["files"][0]
    [first, _] = musegen.load(performer).humanize(drums, amount=0.8, num=2, seed=3)
    assert first.result.midi == (out / "001.mid").read_bytes()


def test_what_it_cannot_do_is_said_in_a_line(
    performer: Path, trained: Path, drums: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_score(play(beat(0), 1), tmp_path / "live.mid")
    write_score(score(line([60, 62, 64], program=56)), tmp_path / "horn.mid")
    out = ["--out", tmp_path / "out"]

    def said(*argv: object) -> str:
        line = refused(capsys, "humanize", *argv, *out)
        assert not (tmp_path / "out").exists()
        return line

    for amount in ("-0.1", "1.1", "nan"):
        assert "--amount" in said(performer, drums, "--amount", amount)
    assert "from 0 (the score as it is) to 1" in said(performer, drums, "--amount", "2")
    assert "live.mid is played already: 27% of its onsets lie off the grid" in said(
        performer, tmp_path / "live.mid"
    )
    assert "horn.mid has brass, and player was trained on" in said(performer, tmp_path / "horn.mid")
    assert "timing" in said(performer, drums, "--keep", "rhythm")
    assert "no track of" in said(performer, drums, "--only", "flute")
    assert "is of family lm, not performer: use musegen generate or fill" in said(trained, drums)
    assert "does not exist" in said(performer, tmp_path / "none.mid")
    assert "player has no sampling step to export: use it with musegen humanize" in refused(
        capsys, "export", performer, "--onnx", tmp_path / "player.onnx"
    )
    assert "player is of family performer, not lm or seq2seq: use musegen humanize" in refused(
        capsys, "fill", performer, drums, "--bars", "2", *out
    )


def test_tracks_of_unknown_instruments_stay(
    model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    music = written_score(beat(0), 4)
    music.tracks.append(line([60, 62, 64, 65] * 4, program=56))
    path = tmp_path / "horn.mid"
    write_score(music, path)
    _, onsets, _ = split(path)
    _, played, _ = split(humanized(model, path, tmp_path))
    assert "brass of" in capsys.readouterr().err
    assert [e for e in played if e[1] != 9] == [e for e in onsets if e[1] != 9]
    assert [e for e in played if e[1] == 9] != [e for e in onsets if e[1] == 9]


def test_a_score_in_memory_is_played(model: Model) -> None:
    [piece] = model.humanize(written_score(beat(0), 4), seed=1)
    assert piece.score.note_num() == 64
    with pytest.raises(MusegenError, match="amount is 2"):
        model.humanize(beat(0), amount=2)
    with pytest.raises(TypeError, match="temperature"):
        model.humanize(beat(0), temperature=1.0)  # type: ignore[call-arg]
