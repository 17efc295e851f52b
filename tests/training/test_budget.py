"""A run is fitted to a time, as far as it is not set, and can be repeated and resumed; the clock ends it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from musegen.checkpoint.folder import load_checkpoint
from musegen.cli import main
from musegen.config.ranges import duration, seconds_in
from musegen.config.settings import LMConfig, TrainConfig
from musegen.config.trainer import OptimConfig, TrainerConfig
from musegen.data.dataset import Dataset
from musegen.training.budget import Timing, fit_model, fit_steps, predicted
from musegen.training.train import train
from tests.music_fixtures import TINY

SOON = replace(TINY, trainer=TrainerConfig(max_time="8s", limit_val_batches=1))


class CutError(Exception):
    """Ends a run from within, as a fault would."""


def settings(out: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((out / "config.json").read_text("utf-8"))
    return found


def quiet(_: str) -> None:
    pass


def cut_at(step: int) -> Callable[[str], None]:
    """Prints nothing, and ends the run when a step is validated."""

    def say(line: str) -> None:
        if line.startswith(f"step {step}/"):
            raise CutError

    return say


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("8m", 480), ("1h30m", 5400), ("0.5h", 1800)])
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert seconds_in(text) == seconds
    assert seconds_in(duration(seconds)) >= seconds


@pytest.mark.parametrize("text", ["0", "0s", "8x", "8", "", "m", "-5m", "1m1h"])
def test_a_wrong_duration_is_refused_before_anything_is_read(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["train", "lm", str(tmp_path), "--out", str(out), f"--trainer.max-time={text}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--trainer.max-time" in error
    assert "1h30m" in error
    assert not out.exists()


def test_a_time_shorter_than_a_step_is_refused(
    tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["train", "lm", str(tunes.path), "--out", str(out), "--trainer.max-time", "0.001s"]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "--trainer.max-time 0.001s is too short: a step takes" in error
    assert not out.exists()


def test_what_is_chosen_is_in_the_settings_and_what_is_set_stays(tunes: Dataset, tmp_path: Path) -> None:
    lines: list[str] = []
    out = train(SOON, tunes, tmp_path / "out", say=lines.append)
    config = load_checkpoint(out).config
    assert config.model == TINY.model
    assert config.optim.batch_tokens == TINY.optim.batch_tokens
    assert config.trainer.limit_val_batches == 1
    assert config.trainer.max_time == "8s"
    assert config.trainer.max_steps
    assert config.trainer.val_check_interval
    [planned] = [int(line.split(" steps")[0].split()[-1]) for line in lines if line.startswith("training")]
    assert config.trainer.val_check_interval <= planned / 10


def test_the_settings_of_a_run_repeat_it(tunes: Dataset, tmp_path: Path) -> None:
    words = [
        "train",
        "lm",
        str(tunes.path),
        "--trainer.limit-val-batches",
        "1",
        "--optim.batch-tokens",
        "2048",
    ]
    first, again = tmp_path / "first", tmp_path / "again"
    assert main([*words, "--out", str(first), "--trainer.max-time", "5s"]) == 0
    size = settings(first)["model"]["hidden_size"]
    assert isinstance(size, int)
    assert size < LMConfig().hidden_size  # there is no time for the default
    file = ["--config", str(first / "config.json"), "--trainer.max-time", "10m"]
    assert main(["train", *words[2:3], "--out", str(again), *file]) == 0
    unlike = {"trainer": {"max_time"}}
    for group, values in settings(first).items():
        if isinstance(values, dict):
            same = {name: value for name, value in values.items() if name not in unlike.get(group, ())}
            assert same.items() <= settings(again)[group].items(), group
    if load_checkpoint(first).metrics["step"] == load_checkpoint(again).metrics["step"]:
        assert (first / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()


def test_the_clock_ends_a_run_and_leaves_a_checkpoint(tunes: Dataset, tmp_path: Path) -> None:
    lines: list[str] = []
    config = replace(
        SOON, trainer=replace(SOON.trainer, max_time="3s", max_steps=100_000, val_check_interval=2)
    )
    out = train(config, tunes, tmp_path / "out", say=lines.append)
    step = load_checkpoint(out).metrics["step"]
    assert 0 < step < 100_000
    assert any(line.startswith("the time is up after step") for line in lines)


def test_a_run_with_a_clock_is_resumed_to_the_same_bytes(tunes: Dataset, tmp_path: Path) -> None:
    config = replace(SOON, trainer=replace(SOON.trainer, max_time="5m", max_steps=8, val_check_interval=2))
    whole = train(config, tunes, tmp_path / "whole", say=quiet)

    out = tmp_path / "cut"
    with pytest.raises(CutError):
        train(config, tunes, out, say=cut_at(4))
    train(TrainConfig(), tunes, out, resume=True, say=quiet)
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_a_folder_without_a_checkpoint_says_how_to_go_on(
    tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = replace(TINY, trainer=replace(TINY.trainer, max_steps=4, val_check_interval=2))

    out = tmp_path / "cut"
    with pytest.raises(CutError):
        train(config, tunes, out, say=cut_at(2))
    for verb in (["generate", str(out), "--out", str(tmp_path / "music")], ["info", str(out)]):
        assert main(verb) == 2
        assert f"--out {out} --resume" in capsys.readouterr().err


def speed(config: TrainConfig) -> tuple[int, float]:
    """Weights and tokens per second as of a model that is nothing but a matrix."""
    weights = config.model.hidden_size**2 * 8
    return weights, 3e9 / weights


def test_more_time_is_for_larger_models_and_batches() -> None:
    sizes, batches = [], []
    for seconds in (10, 120, 480, 1800):
        config, batch = fit_model(TrainConfig(), (), seconds, OptimConfig().batch_tokens, speed)
        sizes.append(config.model.hidden_size)
        batches.append(batch)
    assert sizes == sorted(sizes)
    assert batches == sorted(batches)
    assert sizes[0] < sizes[-1] == TrainConfig().model.hidden_size
    own = replace(TrainConfig(), model=LMConfig(hidden_size=400))
    assert fit_model(own, {"model.hidden_size"}, 10, 16384, speed)[0] == own


@pytest.mark.parametrize("seconds", [120.0, 480.0, 1800.0])
@pytest.mark.parametrize("validation", [0.1, 5.0, 100.0])
def test_validation_takes_a_tenth_of_the_time_at_most(seconds: float, validation: float) -> None:
    timing = Timing(step=0.3, validation=validation, batches=200)
    config = TrainConfig(trainer=TrainerConfig(max_time=duration(seconds)))
    fitted = fit_steps(config, (), timing, seconds, 10_000)
    whole, validating = predicted(fitted, timing)
    assert 0.9 * seconds <= whole <= seconds
    assert validating <= 0.1 * seconds
    assert (fitted.trainer.val_check_interval or 0) <= (fitted.trainer.max_steps or 0) / 10


def test_the_default_time_is_said_with_how_to_have_more(tunes: Dataset, tmp_path: Path) -> None:
    lines: list[str] = []
    config = replace(TINY, trainer=TrainerConfig(max_time=None, val_check_interval=1000))
    train(replace(config, data=replace(config.data, window=32)), tunes, tmp_path / "out", say=lines.append)
    assert "at most 15m, for more set" in "".join(lines)
