"""Prompts of several tracks: each is kept, and the user reads which go on."""

from dataclasses import replace
from pathlib import Path

import pytest
from symusic import Note, Score, Track
from symusic.core import ScoreTick

import musegen
from musegen.api.model import Model
from musegen.cli import main
from musegen.config.settings import TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.music.metre import bar_ticks
from musegen.music.writing.midi import write_score
from musegen.training.train import train
from tests.music.scores import notes
from tests.music_fixtures import TINY


@pytest.fixture
def chorale(chorales: Dataset) -> ScoreTick:
    """Four voices, the soprano silent in the last bar."""
    score = chorales.score(chorales.pieces[0])
    last = int(bar_ticks(score)[-2])
    score.tracks[0].notes = [note for note in score.tracks[0].notes if note.end <= last]
    return score


@pytest.fixture(scope="module")
def organ(chorales: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Of all voices in one stream, without programs."""
    config = replace(TINY, tokenizer=TokenizerConfig(programs=False))
    return musegen.load(train(config, chorales, tmp_path_factory.mktemp("checkpoints") / "organ"))


def parts(prompt: ScoreTick, found: Score) -> tuple[list[bool], list[str]]:
    """Whether each track of a prompt goes on after it; names of new tracks; what is there is unchanged."""
    seam = int(bar_ticks(prompt)[-1])
    for before, after in zip(prompt.tracks, found.tracks, strict=False):
        assert notes(after)[: len(before.notes)] == notes(before)
        assert all(onset >= seam for onset, *_ in notes(after)[len(before.notes) :])
    count = len(prompt.tracks)
    goes_on = [len(b.notes) < len(a.notes) for b, a in zip(prompt.tracks, found.tracks, strict=False)]
    return goes_on, [track.name for track in found.tracks[count:]]


def test_a_model_of_one_line_continues_the_melody(
    trained: Path, chorale: ScoreTick, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = musegen.load(trained)
    assert 1 <= model.checkpoint.data["notes_per_onset"] < 1.1
    capsys.readouterr()
    piece = model.generate(prompt=chorale, bars=4, seed=1)
    line = (
        "tiny writes one line: of the 4 tracks of the prompt it continues the melody, track 1 Soprano; the "
        "others are kept, and end there. To continue all, train a model on such music\n"
    )
    assert capsys.readouterr().err == line
    assert parts(chorale, piece.score) == ([True, False, False, False], [])
    assert len(bar_ticks(piece.score)) == len(bar_ticks(chorale)) + 4

    write_score(chorale, tmp_path / "p.mid")
    words = f"generate {trained} --prompt {tmp_path / 'p.mid'} --bars 4 --seed 1 --out {tmp_path / 'o'}"
    assert main(words.split()) == 0
    assert line in capsys.readouterr().err
    piece.save(tmp_path / "python.mid")
    assert (tmp_path / "o" / "001.mid").read_bytes() == (tmp_path / "python.mid").read_bytes()

    chorale.tracks = chorale.tracks[:1]
    model.generate(prompt=chorale, bars=1, seed=1)
    assert capsys.readouterr().err == ""


def test_a_beat_under_a_tune_ends_with_it(
    trained: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    tune = tunes.score(tunes.pieces[0])
    beat = Track("Drums", 0, is_drum=True, ttype="Tick")
    beat.notes.extend([Note(time, 120, 36, 90) for time in range(0, tune.end(), 480)])
    tune.tracks.insert(0, beat)
    capsys.readouterr()
    piece = musegen.load(trained).generate(prompt=tune, bars=2, seed=1)
    assert parts(tune, piece.score) == ([False, True], [])
    assert "of the 2 tracks of the prompt it continues the melody, track 2" in capsys.readouterr().err


def test_a_model_of_all_voices_in_one(
    organ: Model, chorale: ScoreTick, capsys: pytest.CaptureFixture[str]
) -> None:
    assert organ.checkpoint.data["notes_per_onset"] > 2
    capsys.readouterr()
    piece = organ.generate(prompt=chorale, bars=2, seed=1)
    assert parts(chorale, piece.score) == ([False] * 4, ["Continuation"])
    assert "organ writes all tracks as one" in capsys.readouterr().err
