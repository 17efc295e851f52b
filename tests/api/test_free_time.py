"""Models in free time: lengths in seconds, a prompt that goes on as it is, and what has bars is refused."""

from pathlib import Path

import mido
import numpy as np
import pytest
from symusic import Score

import musegen
from musegen.api.model import Model
from musegen.data.dataset import Dataset
from musegen.music.free_time import in_free_time, seconds_at
from musegen.music.notes import all_onsets, last_end, note_arrays
from musegen.tokenizers import FreeTokenizer
from musegen.tokenizers.tables import PEDAL
from tests.cli.test_main import refused
from tests.played_fixtures import record


@pytest.fixture(scope="module")
def model(recitalist: Path) -> Model:
    return musegen.load(recitalist)


@pytest.fixture
def take(tunes: Dataset, tmp_path: Path) -> Path:
    """A recording, with its pedal."""
    (tmp_path / "take.mid").write_bytes(record(tunes.score(tunes.pieces[0]), 77).dumps_midi())
    return tmp_path / "take.mid"


def seconds_of(score: Score) -> float:
    """When the last note and the last press of the pedal have ended."""
    pedal = [control.time for track in score.tracks for control in track.controls]
    return float(seconds_at(score, np.array([max([last_end(score), *pedal])]))[0])


def test_recordings_are_kept_as_played(recordings: Dataset, model: Model) -> None:
    assert recordings.timing == "free"
    assert recordings.info["off_grid"] > 0.5
    assert recordings.info["beat_strength"] < 0.2
    tokenizer = model.checkpoint.tokenizer
    assert isinstance(tokenizer, FreeTokenizer)
    assert (tokenizer.tables.is_drum == PEDAL).sum() == 1
    assert model.checkpoint.config.tokenizer.kind == "free"


def test_what_was_recorded_comes_back(model: Model, recordings: Dataset) -> None:
    """Onsets within 5 ms, lengths within 10, velocities within half a step, the pedal too."""
    tokenizer = model.checkpoint.tokenizer
    for piece in recordings.pieces:
        score = recordings.score(piece)
        back = tokenizer.decode(tokenizer.encode(score), ticks_per_quarter=score.tpq)
        rows, found = (
            sorted(zip(*(each.tolist() for each in (p, o, d, v)), strict=True))
            for o, d, p, v in (note_arrays(each.tracks[0]) for each in (score, back))
        )
        difference = np.abs(np.array(rows) - np.array(found))
        assert difference.max(axis=0).tolist() <= [0, 10, 20, 2]  # half milliseconds
        assert {row[0] for row in rows} >= {0}


def test_new_recordings_last_as_long_as_requested(model: Model) -> None:
    for seconds in (2.5, 7.0):
        pieces = model.generate(num=6, seconds=seconds, seed=2)
        assert all(seconds - 2 < seconds_of(piece.score) <= seconds for piece in pieces)
        assert any(len(piece.score.tracks[0].controls) for piece in pieces)
        assert not any((note_arrays(track)[2] == 0).any() for piece in pieces for track in piece.score.tracks)
    assert 28 < seconds_of(model.generate(seed=1).score) <= 30


def test_a_prompt_comes_back_tick_for_tick(model: Model, take: Path, tmp_path: Path) -> None:
    """By mido's reading of both files: every message of the prompt, and nothing new before its last onset."""
    out = tmp_path / "out.mid"
    piece = model.generate(prompt=take, seconds=4, seed=3)
    piece.save(out)
    before, after = (messages(mido.MidiFile(path)) for path in (take, out))
    assert mido.MidiFile(out).ticks_per_beat == mido.MidiFile(take).ticks_per_beat
    raw = Score(str(take))
    seam = int(all_onsets(raw).max())
    assert [row for row in after if row[0] < seam and row[1] != "note_off"] == [
        row for row in before if row[0] < seam and row[1] != "note_off"
    ]
    ons = [row for row in before if row[1] == "note_on"]
    assert [row for row in after if row[1] == "note_on"][: len(ons)] == ons
    end, begin = seconds_of(piece.score), seconds_of(in_free_time(raw)[0])
    assert begin + 2 < end <= begin + 4.01


def messages(file: mido.MidiFile) -> list[tuple[int, str, int, int]]:
    """Tick, kind, number and value of notes and controllers, in time."""
    found = []
    for track in file.tracks:
        now = 0
        for message in track:
            now += message.time
            if message.type in ("note_on", "note_off") and not (
                message.type == "note_on" and not message.velocity
            ):
                found.append((now, message.type, message.note, message.velocity))
            elif message.type == "control_change":
                found.append((now, "control", message.control, message.value))
    return sorted(found)


def test_the_same_seed_gives_the_same_bytes(model: Model, take: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        model.generate(prompt=take, seconds=3, seed=5).save(tmp_path / f"{name}.mid")
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--bars", "8"], "--bars is for models of bars, and recital writes free time, .*: use --seconds"),
        (["--tempo", "90"], "--tempo is for models of bars, .*: leave it out"),
        (["--time-signature", "3/4"], "--time-signature is for models of bars, .*: leave it out"),
        (["--key", "D major"], "--key is for models of bars, .*: leave it out"),
        (["--seconds", "0"], "--seconds is 0.0: it must be from 1 to 3600"),
    ],
)
def test_bars_are_refused(
    recitalist: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    import re

    line = refused(capsys, "generate", recitalist, *flags, "--out", tmp_path / "out")
    assert re.search(message, line), line
    assert not (tmp_path / "out").exists()


def test_what_has_no_bars_is_refused(
    recitalist: Path, trained: Path, take: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, "generate", trained, "--seconds", 9, "--out", tmp_path / "out")
    assert "--seconds is for models in free time, and tiny writes bars: use --bars" in line
    line = refused(capsys, "fill", recitalist, take, "--bars", "2:3", "--out", tmp_path / "out")
    assert "recital is in free time, and there are no bars to fill: use musegen generate" in line


def test_families_of_bars_refuse_recordings(
    recordings: Dataset, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for family in ("performer", "vae", "seq2seq"):
        line = refused(capsys, "train", family, recordings.path, "--out", tmp_path / "out")
        assert "is in free time" in line
