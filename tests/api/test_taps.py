"""A rhythm on one key becomes a kit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import musegen
from musegen.api.model import Model
from musegen.config.settings import DataConfig, Seq2SeqTrainConfig
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays
from musegen.music.taps import KEY, taps_of
from musegen.music.writing.midi import write_score
from musegen.tokenizers import Kind, melody_tokenizer
from musegen.training.train import train
from tests.cli.test_main import refused
from tests.music.scores import line, score
from tests.music_fixtures import TINY
from tests.played_fixtures import beat, play


@pytest.fixture(scope="module")
def kit(played: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A tiny model, really trained on the beats of `played`."""
    config = Seq2SeqTrainConfig(
        data=DataConfig(window=256, taps=True),
        model=TINY.model,
        optim=TINY.optim,
        trainer=replace(TINY.trainer, max_steps=40, val_check_interval=20),
    )
    return musegen.load(train(config, played, tmp_path_factory.mktemp("checkpoints") / "kit"))


@pytest.fixture
def tapped(tmp_path: Path) -> Path:
    """The rhythm of a beat, tapped on one key."""
    write_score(taps_of(play(beat(5), 55)), tmp_path / "tapped.mid")
    return tmp_path / "tapped.mid"


def test_of_the_hits_at_a_position_the_loudest_is_a_tap() -> None:
    kick = line([36, 36], drums=True, step=480)
    hat = line([42, 42, 42, 42], drums=True, start=9)
    hat.notes[0].velocity, hat.notes[2].velocity = 90, 70
    onsets, durations, pitches, velocities = note_arrays(taps_of(score(kick, hat)).tracks[0])
    assert onsets.tolist() == [9, 249, 480, 729]
    assert velocities.tolist() == [90, 80, 80, 80]
    assert set(pitches.tolist()) == {KEY}
    assert (onsets + durations)[:-1].tolist() <= onsets[1:].tolist()


def test_the_taps_are_read_as_they_were_played(kit: Model) -> None:
    tables = melody_tokenizer(kit.checkpoint.tokenizer).tables  # type: ignore[arg-type]
    assert tables.note_kinds == [Kind.PITCH, Kind.SHIFT, Kind.VELOCITY, Kind.DURATION]
    assert not tables.has_programs
    assert kit.checkpoint.config.tokenizer.shift


def test_a_kit_comes_in_place_of_the_taps(kit: Model, tapped: Path, played: Dataset) -> None:
    rhythm = musegen.read(tapped).score
    pieces = kit.accompany(tapped, num=4, seed=1)
    hits = {
        pitch
        for piece in played.split("train")
        for track in played.score(piece).tracks
        if track.is_drum
        for pitch in note_arrays(track)[2].tolist()
    }
    for piece in pieces:
        assert [track.is_drum for track in piece.score.tracks] == [True]
        assert set(note_arrays(piece.score.tracks[0])[2].tolist()) <= hits
        assert len(bar_ticks(piece.score)) == len(bar_ticks(rhythm))
        assert [mark.qpm for mark in piece.score.tempos] == [mark.qpm for mark in rhythm.tempos]
    assert np.ptp([piece.score.note_num() for piece in pieces]) > 0
    again = kit.accompany(tapped, num=4, seed=1)
    assert [piece.score for piece in again] == [piece.score for piece in pieces]


def test_other_families_have_no_taps(
    played: Dataset, tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, "train", "lm", played.path, "--data.taps", "--out", tmp_path / "out")
    assert "--data.taps is for family seq2seq, and this is family lm: leave it out" in line
    line = refused(capsys, "train", "seq2seq", tunes.path, "--data.taps", "--out", tmp_path / "out")
    assert "no drums" in line
    with pytest.raises(ConfigError, match=r"data\.taps does not go with data\.holes bars"):
        Seq2SeqTrainConfig(data=DataConfig(taps=True, holes="bars"))
