"""A model of chords: from tunes with chord symbols to chords for a tune, in MIDI and MusicXML."""

import json
from pathlib import Path

import pytest

from benchmarks.chords import main as benchmark
from musegen.cli import main
from musegen.config.settings import DataConfig, TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.data.selection import select
from musegen.data.views import token_view
from musegen.music.chord_symbols import chord_symbols, symbol_text
from musegen.music.chord_track import symbols_of_track
from musegen.music.metre import bar_ticks
from musegen.music.reading.read import read_score
from musegen.tokenizers import RemiTokenizer

CHORDS = DataConfig(chords=True, accompaniment=("chords",))
TUNE = 'X:{n}\nT:{n}\nM:4/4\nL:1/4\nK:{key}\n"{i}"CE"{iv}"FA|"{v}7"GB"{i}"ce|"{iv}"{x}AF"{v}"GD|"{i}"C4|]\n'
KEYS = {"C": ("C", "F", "G"), "G": ("G", "C", "D"), "F": ("F", "Bb", "C"), "D": ("D", "G", "A")}


@pytest.fixture(scope="module")
def leads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of twelve short tunes with chord symbols, and one without."""
    folder = tmp_path_factory.mktemp("leads")
    for n in range(12):
        key = [*KEYS][n % 4]
        i, iv, v = KEYS[key]
        tune = TUNE.format(n=n, key=key, i=i, iv=iv, v=v, x="GAB"[n // 4])
        (folder / f"{n}.abc").write_text(tune)
    (folder / "plain.abc").write_text("X:1\nT:p\nM:4/4\nL:1/4\nK:C\nEGcG|FAcA|EGcG|C4|]\n")
    return folder


@pytest.fixture(scope="module")
def dataset(leads: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return prepare(str(leads), tmp_path_factory.mktemp("data") / "leads", workers=1)


@pytest.fixture(scope="module")
def model(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "chords"
    flags = [
        "--data.chords",
        "--accompaniment",
        "chords",
        "--trainer.max-steps",
        "60",
        "--model.hidden-size",
        "32",
    ]
    main(["train", "seq2seq", str(dataset.path), *flags, "--trainer.accelerator", "cpu", "--out", str(out)])
    return out


def test_symbols_become_the_accompaniment(dataset: Dataset) -> None:
    piece = next(each for each in dataset.pieces if each.name == "0")
    chosen = select(dataset, piece, CHORDS, pairs=True)
    assert [track.name for track in chosen.score.tracks] == ["chords"]
    symbols = symbols_of_track(chosen.score.tracks[0], bar_ticks(chosen.score))
    assert [symbol_text(symbol) for _, symbol in symbols] == ["C", "F", "G7", "C", "F", "G", "C"]
    assert symbols == chord_symbols(dataset.score(piece))


def test_a_view_with_chords_is_another_than_one_without(dataset: Dataset) -> None:
    tokenizer = RemiTokenizer.build(TokenizerConfig(kind="remi"), time_signatures=[(4, 4)], programs=[])
    without, added = (token_view(dataset, tokenizer, DataConfig(chords=each)) for each in (False, True))
    assert len(added.pieces) == len(without.pieces) == 13
    assert added.notes.sum() > 2 * without.notes.sum()
    pairs = token_view(dataset, tokenizer, CHORDS, pairs=True)
    assert len(pairs.pieces) == 12
    assert list(pairs.skipped.values()) == [1]


def dataset_config():
    from musegen.config.settings import TokenizerConfig

    return TokenizerConfig(kind="remi")


def test_chords_to_a_tune_in_midi_and_musicxml(model: Path, leads: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    main(["accompany", str(model), str(leads / "plain.abc"), "--seed", "1", "--out", str(out)])
    score, _ = read_score(out / "001.mid")
    assert [track.name for track in score.tracks][1:] == ["chords"]
    symbols = chord_symbols(score)
    assert symbols
    assert symbols_of_track(score.tracks[1], bar_ticks(score)) == symbols
    main(["render", str(out / "001.mid"), "--musicxml"])
    lead, _ = read_score(out / "001.musicxml")
    assert len(lead.tracks) == 1  # the chords are symbols
    assert [symbol for _, symbol in chord_symbols(lead)] == [symbol for _, symbol in symbols]


def test_typed_chords_are_kept_as_symbols(pianist: Path, leads: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    typed = ["--chords", "C | F G7/B", "--seed", "1"]
    main(["accompany", str(pianist), str(leads / "plain.abc"), *typed, "--out", str(out)])
    score, _ = read_score(out / "001.mid")
    assert [symbol_text(symbol) for _, symbol in chord_symbols(score)] == ["C", "F", "G7/B"] * 2


def test_own_symbols_give_way_with_a_word(
    model: Path, leads: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["accompany", str(model), str(leads / "0.abc"), "--seed", "1", "--out", str(tmp_path / "out")])
    assert (
        "the chord symbols of the tune are replaced by those of the accompaniment" in capsys.readouterr().err
    )


def test_chords_for_a_model_of_the_melody_alone_are_refused(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "vae", str(dataset.path), "--data.chords", "--out", str(tmp_path / "out")]) == 2
    assert "--data.chords adds a track" in capsys.readouterr().err


def test_the_benchmark_measures_people_as_agreeing_with_themselves(
    model: Path, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert benchmark([str(model), str(dataset.path), "--json"]) == 0
    [table] = json.loads(capsys.readouterr().out).values()
    assert table["human"]["roots"]["mean"] == table["human"]["triads"]["mean"] == 1
    assert 0 <= table["model"]["triads"]["mean"] <= table["model"]["roots"]["mean"] <= 1
