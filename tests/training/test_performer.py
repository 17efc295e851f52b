"""Training of a performer: on what was played, with the errors that it says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musegen.checkpoint.folder import load_checkpoint
from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.data.views import token_view
from musegen.evaluation.takes import evaluate_performer
from musegen.music.performance import DRUMS
from musegen.training.performances import PerformanceDataModule
from musegen.training.train import train
from tests.cli.test_main import refused
from tests.played_fixtures import PLAYER


def test_it_is_better_than_the_score_and_its_metrics_are_those_of_evaluate(
    performer: Path, played: Dataset
) -> None:
    checkpoint = load_checkpoint(performer)
    assert checkpoint.data["instruments"] == [0, DRUMS]
    valid = checkpoint.metrics["valid"]
    found = evaluate_performer(checkpoint, played, "valid").figures
    assert found["timing_error_ms"] == pytest.approx(valid["timing_error"], rel=1e-3)
    assert found["nats_per_note"] == pytest.approx(valid["nats_per_note"], rel=1e-3)
    for name in ("timing_error_ms", "velocity_error"):
        assert found["errors"]["model"][name] < 0.75 * found["errors"]["score"][name]
    assert set(found["takes"]) == {"shift", "velocity", "stretch"}
    assert found["takes"]["velocity"]["takes"] > 0.6
    assert [each.suffix for each in (performer / "samples").iterdir()] == [".mid", ".mid"]


def test_every_note_is_in_one_window(played: Dataset) -> None:
    checkpoint_view = token_view(played, load_tokenizer(played), PLAYER.data)
    data = PerformanceDataModule(played, checkpoint_view, PLAYER, 512)
    for epoch in (0, 1):
        batches = data.train_batches(epoch)
        seen = {index: np.zeros(len(data.performances[index].tempo), int) for index in data.train}
        for number in range(len(batches)):
            batch = batches[number]
            assert batch["features"].shape[:2] == batch["tempo"].shape
            for excerpt, length in zip(batches.plan[number], batch["lengths"].tolist(), strict=True):
                assert length == excerpt.length <= PLAYER.data.window
                seen[excerpt.piece][excerpt.start : excerpt.stop] += 1
        assert all((each == 1).all() for each in seen.values())
    again = data.train_batches(1)
    assert again.plan == batches.plan
    assert data.train_batches(2).plan != batches.plan


def load_tokenizer(dataset: Dataset) -> object:
    from musegen.data.fitting import fit_tokenizer

    return fit_tokenizer(dataset, PLAYER.settled_tokenizer, PLAYER.data)


def test_drums_are_not_transposed(played: Dataset) -> None:
    config = replace(PLAYER, data=replace(PLAYER.data, transpose=6))
    view = token_view(played, load_tokenizer(played), config.data)
    data = PerformanceDataModule(played, view, config, 512)
    batches, moved = data.train_batches(0), 0
    for number in range(len(batches)):
        features = batches[number]["features"]
        for row, excerpt in zip(features, batches.plan[number], strict=True):
            own = data.performances[excerpt.piece].features[excerpt.start : excerpt.stop]
            change = row[: excerpt.length, 0].numpy() - own[:, 0]
            assert len(set(change.tolist())) == 1
            assert not change[own[:, 0] >= 128].any()
            moved += bool(change.any())
    assert moved


def test_scores_teach_nothing(tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(
        capsys, "train", "performer", tunes.path, "--out", tmp_path / "out", "--trainer.max-steps", "2"
    )
    assert "nothing to learn from tunes: every note stands on the grid, and all have velocity" in said
    assert not (tmp_path / "out").exists()


def test_the_same_seed_is_the_same_model(performer: Path, played: Dataset, tmp_path: Path) -> None:
    again = train(PLAYER, played, tmp_path / "again", say=lambda _: None)
    assert load_checkpoint(again).sha256 == load_checkpoint(performer).sha256


def test_triplets_and_a_transformer(played: Dataset, tmp_path: Path) -> None:
    flags = "--score.positions 12 --model.cell transformer --model.hidden-size 32 --trainer.max-steps 2"
    out = tmp_path / "out"
    command = ["train", "performer", str(played.path), "--out", str(out), *flags.split()]
    assert main([*command, "--trainer.accelerator", "cpu"]) == 0
    assert load_checkpoint(out).model is not None


def test_evaluate_prints_its_tables(performer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(performer), "--split", "valid"]) == 0
    out = capsys.readouterr().out
    assert "mean absolute errors over notes" in out
    assert "overlap with real" in out
