"""Chords that are given, and chords that are missing."""

from dataclasses import replace
from pathlib import Path

import mido
import pytest

import musegen
from musegen.api.model import Model
from musegen.config.settings import Seq2SeqTrainConfig
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.errors import MusegenError
from musegen.music.chord_sequence import parse_chords, placed
from musegen.music.chord_symbols import chord_symbols, put_symbols
from musegen.music.chord_track import NAME, symbols_of_track
from musegen.music.metre import bar_ticks
from musegen.music.reading.read import read_score
from musegen.music.writing.midi import write_score
from musegen.training.train import train
from tests.music_fixtures import TINY


@pytest.fixture(scope="module")
def leads(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tunes with chord symbols."""
    folder = tmp_path_factory.mktemp("leads")
    for number, piece in enumerate(tunes.pieces[:12]):
        score = tunes.score(piece)
        put_symbols(score, placed(parse_chords("C F G7 C"), score))
        write_score(score, folder / f"{number}.mid")
    return folder


@pytest.fixture(scope="module")
def song(leads: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    dataset = prepare(str(leads), tmp_path_factory.mktemp("datasets") / "leads", workers=1)
    config = Seq2SeqTrainConfig(
        data=replace(TINY.data, holes="cells", chords=True),
        model=TINY.model,
        optim=TINY.optim,
        trainer=TINY.trainer,
    )
    folder = tmp_path_factory.mktemp("checkpoints") / "song"
    return musegen.load(train(config, dataset, folder, say=lambda _: None))


def notes(path: Path) -> dict[str, list[tuple[int, int]]]:
    """Onset and pitch of each track by name, as mido reads them."""
    found = {}
    for track in mido.MidiFile(path).tracks:
        tick, own = 0, []
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity:
                own.append((tick, message.note))
        found[track.name] = own
    return found


def markers(path: Path) -> list[str]:
    return [m.text for track in mido.MidiFile(path).tracks for m in track if m.type == "marker"]


def test_a_melody_over_chords(song: Model, leads: Path, tmp_path: Path) -> None:
    """The chords that were typed are written as symbols in place of those of the file."""
    piece = song.fill(leads / "0.mid", tracks="melody", chords="Am Dm E7 Am", seed=1)
    path = piece.save(tmp_path / "new.mid")
    assert {symbol.root for _, symbol in chord_symbols(read_score(path)[0])} == {9, 2, 4}
    assert "chord:C" not in markers(path)
    other = song.fill(leads / "0.mid", tracks="melody", chords="Eb Ab Bb7 Eb", seed=1)
    assert other.result.log_likelihood != piece.result.log_likelihood
    # Without any, those of the file are read.
    own = song.fill(leads / "0.mid", tracks="melody", seed=1).save(tmp_path / "own.mid")
    assert markers(own) == markers(leads / "0.mid")


def test_chords_to_a_melody(song: Model, leads: Path, tmp_path: Path) -> None:
    """They are on a new track, voiced, and stand as the same symbols; the melody stays as it is."""
    for seed in range(3):
        path = song.fill(leads / "1.mid", tracks="chords", seed=seed).save(tmp_path / f"{seed}.mid")
        after, before = notes(path), notes(leads / "1.mid")
        assert {name: own for name, own in after.items() if name != NAME} == before
        score = read_score(path)[0]
        tracks = [track for track in score.tracks if track.name == NAME]
        assert len(tracks) <= 1
        sounding = symbols_of_track(tracks[0], bar_ticks(score)) if tracks else []
        assert [symbol for _, symbol in sounding] == [symbol for _, symbol in chord_symbols(score)]


def test_some_bars_of_the_chords(song: Model, leads: Path, tmp_path: Path) -> None:
    path = song.fill(leads / "1.mid", tracks="chords", bars="3:4", seed=0).save(tmp_path / "new.mid")
    old, new = chord_symbols(read_score(leads / "1.mid")[0]), chord_symbols(read_score(path)[0])
    lines = bar_ticks(read_score(leads / "1.mid")[0])
    outside = [[(t, s) for t, s in each if not lines[2] <= t < lines[4]] for each in (old, new)]
    assert outside[0] == outside[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tracks": "chords", "chords": "C"}, "names them as missing"),
        ({"tracks": "melody", "chords": "C Hx"}, "Hx"),
    ],
)
def test_bad_chords_are_one_line(options: dict[str, str], message: str, song: Model, leads: Path) -> None:
    with pytest.raises(MusegenError, match=message):
        song.fill(leads / "0.mid", **options)  # type: ignore[arg-type]


def test_models_without_chords_refuse_them(trained: Path, filler: Path, leads: Path) -> None:
    for folder in (trained, filler):
        with pytest.raises(MusegenError, match=r"data\.chords"):
            musegen.load(folder).fill(leads / "0.mid", bars="2", chords="C G")
