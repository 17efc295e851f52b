"""The steps of a run in a given time follow the machine, and its configuration repeats it."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from musegen.checkpoint.folder import load_checkpoint, parse_checkpoint_config
from musegen.config.autoencoder import VAETrainConfig
from musegen.config.latent import LatentConfig
from musegen.config.settings import TrainConfig
from musegen.config.trainer import TrainerConfig
from musegen.data.dataset import Dataset
from musegen.training.train import train
from tests.music_fixtures import TINY

SECONDS = 6
IN_TIME = replace(TINY, trainer=TrainerConfig(max_time=f"{SECONDS}s", limit_val_batches=1))


class CutError(Exception):
    """Ends a run from within, as a fault would."""


def planned(lines: list[str]) -> list[int]:
    """The number of steps of the run, as each validation shows it."""
    shown = (line.split()[1] for line in lines if line.startswith("step "))
    return [int(step.partition("/")[2]) for step in shown]


def slowed(lines: list[str], seconds: float) -> Callable[[str], None]:
    """Keeps the lines, and takes some time after each validation, as other work on the machine does."""

    def say(line: str) -> None:
        lines.append(line)
        if line.startswith("step "):
            time.sleep(seconds)

    return say


def repeated(out: Path, tunes: Dataset, again: Path, lines: list[str]) -> None:
    """Check that the configuration of a checkpoint gives the same weights, on a machine of another speed."""
    if any("time is up" in line for line in lines):
        pytest.skip("the machine became still slower at the end, and the clock ended the run")
    config, _ = parse_checkpoint_config(json.loads((out / "config.json").read_text("utf-8")))
    train(replace(config, trainer=replace(config.trainer, max_time="10m")), tunes, again, say=lambda _: None)
    assert (again / "model.safetensors").read_bytes() == (out / "model.safetensors").read_bytes()


def test_a_slower_machine_takes_fewer_steps_in_the_same_time(tunes: Dataset, tmp_path: Path) -> None:
    lines: list[str] = []
    out = train(IN_TIME, tunes, tmp_path / "slow", say=slowed(lines, 0.15))
    first, *_, last = planned(lines)
    assert last < first
    config = load_checkpoint(out).config
    assert config.trainer.max_steps == last
    assert config.optim.decay == pytest.approx(0.25, abs=0.1)
    assert load_checkpoint(out).metrics["step"] > 0.75 * last  # the rate has fallen
    repeated(out, tunes, tmp_path / "again", lines)


def test_a_run_that_was_cut_is_planned_again_and_repeated(tunes: Dataset, tmp_path: Path) -> None:
    lines: list[str] = []

    def cut(line: str) -> None:
        lines.append(line)
        if len(planned(lines)) == 2:
            raise CutError

    out = tmp_path / "cut"
    with pytest.raises(CutError):
        train(IN_TIME, tunes, out, say=cut)
    train(TrainConfig(), tunes, out, resume=True, say=slowed(lines, 0.15))
    assert load_checkpoint(out).config.trainer.max_steps == planned(lines)[-1]
    repeated(out, tunes, tmp_path / "again", lines)


def test_the_final_plan_is_kept_with_a_best_validation_before_it(tunes: Dataset, tmp_path: Path) -> None:
    lines: list[str] = []
    still = replace(
        IN_TIME, optim=replace(IN_TIME.optim, lr=1e-30)
    )  # so no validation is better than the first
    out = train(still, tunes, tmp_path / "slow", say=slowed(lines, 0.15))
    best = load_checkpoint(out)
    assert best.metrics["step"] < planned(lines)[-1] != planned(lines)[0]
    assert best.config.trainer.max_steps == planned(lines)[-1]
    assert sum(each.numel() for each in best.model.parameters()) > 0


def test_a_run_whose_beta_has_cycles_keeps_its_plan(tunes: Dataset, tmp_path: Path) -> None:
    config = VAETrainConfig(
        model=replace(VAETrainConfig().model, embedding_dim=16, hidden_size=32),
        latent=LatentConfig(beta=0.5, schedule="cyclical"),
        trainer=IN_TIME.trainer,
    )
    lines: list[str] = []
    out = train(config, tunes, tmp_path / "slow", say=slowed(lines, 0.15))
    assert len(set(planned(lines))) == 1
    assert load_checkpoint(out).config.optim.decay is None


def test_the_beta_of_a_clip_model_does_not_depend_on_the_plan(tunes: Dataset, tmp_path: Path) -> None:
    config = VAETrainConfig(
        model=replace(VAETrainConfig().model, embedding_dim=16, hidden_size=32),
        latent=LatentConfig(beta=0.5),
        trainer=IN_TIME.trainer,
    )
    lines: list[str] = []
    out = train(config, tunes, tmp_path / "slow", say=slowed(lines, 0.15))
    assert load_checkpoint(out).config.trainer.max_steps == planned(lines)[-1]
    repeated(out, tunes, tmp_path / "again", lines)


def test_an_autoencoder_without_a_beta_is_planned_again(tunes: Dataset, tmp_path: Path) -> None:
    """Only the learning rate rises; a warmup of its latent space would be refused."""
    config = VAETrainConfig(
        model=replace(VAETrainConfig().model, embedding_dim=16, hidden_size=32),
        latent=LatentConfig(kind="autoencoder"),
        trainer=IN_TIME.trainer,
    )
    lines: list[str] = []
    out = train(config, tunes, tmp_path / "slow", say=slowed(lines, 0.15))
    assert load_checkpoint(out).config.trainer.max_steps == planned(lines)[-1]
    assert len(set(planned(lines))) > 1
