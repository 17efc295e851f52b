"""Melodies over chords: the human's fits best, and both models are measured on the same notes."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.over_chords import chord_tones, main, songs
from musegen.checkpoint.folder import load_checkpoint
from musegen.config.settings import Seq2SeqTrainConfig
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.music.chord_sequence import parse_chords, placed
from musegen.music.chord_symbols import put_symbols
from musegen.music.writing.midi import write_score
from musegen.training.train import train
from tests.music_fixtures import TINY


@pytest.fixture(scope="module")
def leads(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Tunes with chord symbols."""
    folder = tmp_path_factory.mktemp("leads")
    for number, piece in enumerate(tunes.pieces):
        score = tunes.score(piece)
        put_symbols(score, placed(parse_chords("C F G7 C"), score))
        write_score(score, folder / f"{number}.mid")
    return prepare(str(folder), tmp_path_factory.mktemp("datasets") / "leads", workers=1)


@pytest.fixture(scope="module")
def models(leads: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One that reads chords, one of melodies."""
    folder, quiet = tmp_path_factory.mktemp("checkpoints"), lambda _: None
    data = replace(TINY.data, holes="cells", chords=True)
    song = Seq2SeqTrainConfig(data=data, model=TINY.model, optim=TINY.optim, trainer=TINY.trainer)
    lm = replace(TINY, data=replace(TINY.data, tracks="melody"))
    return train(song, leads, folder / "song", say=quiet), train(lm, leads, folder / "lm", say=quiet)


def test_the_table(models: tuple[Path, Path], leads: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    song, lm = map(str, models)
    assert main([song, lm, str(leads.path), "--limit", "2"]) == 0
    shown = capsys.readouterr().out
    assert "given the chords" in shown
    assert "over the chords" in shown
    assert main([lm, lm, str(leads.path)]) == 2


def test_chord_tones_of_the_chords_themselves_are_all(models: tuple[Path, Path], leads: Dataset) -> None:
    every = list(songs(load_checkpoint(models[0]), leads, "train"))
    assert len(every) > 3
    for each in every:
        assert chord_tones(each, each.score.tracks[1]) == 1
        assert 0 <= chord_tones(each, each.score.tracks[0]) < 1
