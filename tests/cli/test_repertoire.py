"""What the released models play in the demo."""

import shlex
import shutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from musegen.cli.parse import parse
from musegen.cli.repertoire import REPERTOIRE, Item, _two_tunes, _write_inputs, play_repertoire
from musegen.data.dataset import Dataset
from musegen.errors import DataError, MidiError


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for models that come with musegen, empty."""
    folder = tmp_path / "released"
    folder.mkdir()
    monkeypatch.setattr("musegen.checkpoint.names.released_folder", lambda: folder)
    return folder


def test_eight_pieces_of_four_models() -> None:
    assert len(REPERTOIRE) >= 8
    assert {item.model for item in REPERTOIRE} == {"folk", "chorale", "folk-vae", "folk-vae-16"}


@pytest.mark.parametrize("item", REPERTOIRE, ids=lambda item: item.title)
def test_commands_can_be_typed(item: Item) -> None:
    verb, *words = shlex.split(item.command)
    flags = getattr(import_module(f"musegen.cli.{verb}"), verb.capitalize())
    assert parse(flags, [*words, "--out", "o", "--force"], prog=f"musegen {verb}").checkpoint == item.model


@pytest.mark.usefixtures("released")
def test_without_models_it_says_so(
    tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play_repertoire(tunes, tmp_path / "out") == []
    assert "models not found, skipped: chorale, folk, folk-vae, folk-vae-16" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_piece_that_fails_is_said_and_the_others_are_heard(
    released: Path,
    trained: Path,
    tunes: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(trained, released / "folk")
    monkeypatch.setattr("musegen.cli.repertoire._write_inputs", lambda *_: None)

    def generate(argv: list[str]) -> None:
        if "--prompt" in argv:
            raise MidiError("no such tune")
        out = Path(argv[argv.index("--out") + 1])
        out.mkdir(parents=True)
        from musegen.music.writing.midi import write_score

        write_score(tunes.score(tunes.pieces[0]), out / "001.mid")

    monkeypatch.setattr("musegen.cli.generate.main", generate)
    titles = [title for title, _ in play_repertoire(tunes, tmp_path / "out")]
    assert len(titles) == 2
    assert titles[0] == f"{REPERTOIRE[0].title}: musegen {REPERTOIRE[0].command}"
    said = capsys.readouterr().err
    assert "skipped: no such tune" in said
    assert "models not found, skipped: chorale, folk-vae, folk-vae-16" in said


def of(tunes: Dataset, *rows: tuple[str, str]) -> Dataset:
    """A dataset with a tune for each split and time signature."""
    piece = replace(tunes.pieces[0], pickup=0.0, bars=16)
    return replace(
        tunes,
        pieces=[
            replace(piece, name=str(n), split=split, time_signatures=[metre])
            for n, (split, metre) in enumerate(rows)
        ],
    )


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        ([("test", "2/4"), ("test", "6/8"), ("test", "2/4"), ("test", "6/8")], ["1", "3"]),
        ([("test", "6/8"), ("test", "9/8"), ("train", "6/8"), ("test", "9/8")], ["1", "3"]),
        ([("train", "3/4"), ("test", "6/8"), ("valid", "3/4")], ["0", "2"]),
    ],
    ids=["6/8 if possible", "another time signature of the test split", "another split"],
)
def test_the_inputs_are_two_tunes_in_one_time_signature(
    tunes: Dataset, rows: list[tuple[str, str]], chosen: list[str]
) -> None:
    assert [piece.name for piece in _two_tunes(of(tunes, *rows))] == chosen


def test_inputs_of_a_dataset_without_jigs(tunes: Dataset, tmp_path: Path) -> None:
    assert not any(piece.time_signatures == ["6/8"] for piece in tunes.split("test"))
    _write_inputs(tunes, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"tune.mid", "a.mid", "b.mid", "chorale.mid"}


def test_without_two_tunes_there_is_one_line(tunes: Dataset) -> None:
    with pytest.raises(DataError, match=r"no two tunes of 16 bars.*remove it"):
        _two_tunes(of(tunes, ("test", "6/8"), ("train", "2/4")))
