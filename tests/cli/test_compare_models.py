"""`musegen compare-models`: a row per model on the same pieces, and learning curves from their logs."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from musegen.checkpoint.folder import load_checkpoint
from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.data.training_index import open_training_index
from musegen.display.curves import draw_curves, read_curves
from musegen.errors import DataError
from musegen.evaluation.side_by_side import shared_pieces
from musegen.training.train import train
from tests.music_fixtures import TINY


@pytest.fixture
def here(trained: Path, tunes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with datasets/tunes and checkpoints/one."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, tmp_path / "checkpoints" / "one")
    shutil.copytree(tunes.path, tmp_path / "datasets" / "tunes")
    return tmp_path


@pytest.fixture(scope="session")
def other(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second tiny model of `tunes`, trained for two steps."""
    config = replace(TINY, trainer=replace(TINY.trainer, max_steps=2, val_check_interval=2))
    return train(config, tunes, tmp_path_factory.mktemp("checkpoints") / "two", say=lambda _: None)


def call(capsys: pytest.CaptureFixture[str], line: str, *more: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([*line.split(), *map(str, more)])
    return code, *capsys.readouterr()


def test_a_row_per_model(here: Path, other: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"compare-models one {other} --samples 2 --seed 1 --split test"
    code, out, err = call(capsys, f"{line} --plot curves.png --json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["split"], found["pieces"]) == ("test", len(tunes.split("test")))
    assert found["left_out"] == {"trained_on": 0, "unreadable": 0}
    assert list(found["models"]) == ["one", "two"]
    one, two = found["models"].values()
    assert one["bits_per_note"] < two["bits_per_note"]
    assert one["bits_per_note"] == pytest.approx(
        json.loads(call(capsys, "evaluate one --samples 0 --json")[1])["bits_per_note"]
    )
    for row, folder in ((one, here / "checkpoints" / "one"), (two, other)):
        checkpoint = load_checkpoint(folder)
        assert row["weights"] == sum(each.numel() for each in checkpoint.model.parameters())
        assert row["minutes"] == checkpoint.metrics["minutes"]
        assert row["data"] == "tunes"
        assert 0 <= row["copied"] <= 1
        assert row["copied_real"] == pytest.approx(open_training_index(tunes).base.shares(12).mean())
        assert 0 < row["overlap"] <= 1
        assert row["not_passed"][0]["baseline"] in ("unigram", "bigram", "ngram")
    assert (here / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "learning curves: curves.png" in err
    code, out, _ = call(capsys, f"compare-models one {other} --samples 0")
    assert code == 0
    assert all(word in out for word in ("tunes (18)", "bits per note", "n-gram", "two has not passed the"))
    assert "overlap" not in out


def test_curves_are_in_the_unit_of_the_validation(trained: Path) -> None:
    curves = read_curves(trained, "tiny")
    assert curves
    best = load_checkpoint(trained).metrics
    assert curves.valid[:, 1].min() == pytest.approx(best["valid"]["bits_per_note"], rel=1e-4)
    assert curves.valid[:, 0].tolist() == [6, 12]
    ratio = best["valid"]["bits_per_note"] / best["valid"]["nats_per_token"]
    rows = list(csv.DictReader((trained / "logs" / "csv" / "metrics.csv").read_text().splitlines()))
    [nats] = [float(row["train_nats_per_token"]) for row in rows if row["train_nats_per_token"]]
    assert curves.train[:, 0].tolist() == [10]
    assert curves.train[0, 1] == pytest.approx(nats * ratio, rel=1e-4)
    [axes] = draw_curves([curves]).axes
    assert [drawn.get_label() for drawn in axes.lines] == ["tiny, training", "tiny, validation"]
    assert axes.get_ylabel() == "bits per note"


def test_a_vae_has_the_curve_of_its_validation(autoencoder: Path) -> None:
    curves = read_curves(autoencoder, "clips")
    assert curves
    assert not len(curves.train)
    assert len(curves.valid)


def test_a_model_without_logs_is_said(here: Path, other: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(here / "checkpoints" / "one" / "logs")
    line = f"compare-models one {other} --samples 0 --plot c.png"
    code, _, err = call(capsys, line)
    assert code == 0
    absent = "has no learning curve (its training log is not part of the checkpoint)"
    assert f"one {absent}" in err.splitlines()
    code, _, err = call(capsys, "compare-models folk --samples 0 --plot b.png")
    assert code == 2
    assert err.splitlines()[0] == f"folk {absent}"
    log = here / "checkpoints" / "one" / "logs" / "csv" / "metrics.csv"
    log.parent.mkdir(parents=True)
    log.write_text("step,val_bits_per_note\n")
    code, _, err = call(capsys, "compare-models one --samples 0 --plot d.png")
    assert "one has no learning curve (its training log has no validation)" in err.splitlines()
    code, _, err = call(capsys, "compare-models one --samples 0 --plot d.png")
    assert code == 2
    assert "--plot has nothing to draw" in err
    assert not (here / "d.png").exists()


def test_pieces_that_a_model_was_trained_on_are_left_out(trained: Path, other: Path, tunes: Dataset) -> None:
    one, two = load_checkpoint(trained), load_checkpoint(other)
    piece, *rest = tunes.split("valid")
    entry = {"name": "elsewhere", "sha256": piece.sha256, "programs": []}
    seen = replace(two, dataset="another", data=two.data | {"train": [entry]})
    shared = shared_pieces([one, seen], tunes, "valid")
    assert [each.name for each in shared.dataset.split("valid")] == [each.name for each in rest]
    assert (shared.pieces, shared.trained_on, shared.unreadable) == (len(rest), 1, 0)
    assert shared.dataset.split("train") == tunes.split("train")
    every = [{"name": each.name, "sha256": "", "programs": []} for each in tunes.split("valid")]
    with pytest.raises(DataError, match="none of the"):
        shared_pieces([one, replace(two, data=two.data | {"train": every})], tunes, "valid")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("compare-models", "CKPTS must be given"),
        ("compare-models one one", "twice"),
        ("compare-models one nowhere", "no checkpoint nowhere"),
        ("compare-models one --samples 1", "--samples is 1: one is of family lm"),
        ("compare-models one --plot c.pdf", "name a file.png"),
        ("compare-models one --plot old.png", "--force"),
        ("compare-models one clips", "one is of family lm, clips is of family vae"),
        ("compare-models one --split train", "valid, test"),
    ],
)
def test_misuse(
    line: str, part: str, here: Path, autoencoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(autoencoder, here / "checkpoints" / "clips")
    (here / "old.png").write_bytes(b"")
    code, out, err = call(capsys, line)
    assert (code, out) == (2, "")
    assert part in err
    assert (here / "old.png").read_bytes() == b""


def test_info_of_two_models_names_the_command(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(here / "checkpoints" / "one", here / "checkpoints" / "same")
    assert "compare-models" not in call(capsys, "info one tunes")[2]
    assert "musegen compare-models one same\n" in call(capsys, "info one tunes same")[2]


def test_info_prints_the_totals_of_the_metrics(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = json.loads(call(capsys, "evaluate one --samples 2 --json")[1])
    out = call(capsys, "info one")[1]
    assert f"bits_per_note {figures['bits_per_note']:.6g}" in out
    assert f"overlap {figures['comparison']['overlap']:.6g}" in " ".join(out.split())
    assert not any(word in out for word in ("unigram", "nats_each", "not_passed"))
    assert json.loads(call(capsys, "info one --json")[1])["metrics"]["test"] == figures
