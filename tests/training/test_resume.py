"""An interrupted run goes on to the same last bit, or says why it cannot."""

import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from musegen.cli import main
from musegen.config import DataConfig, LMConfig, OptimConfig, TrainConfig, TrainerConfig
from musegen.data.dataset import Dataset
from musegen.errors import CheckpointError
from musegen.training.resume import WholeFiles, state_path
from musegen.training.train import train

CONFIG = TrainConfig(
    model=LMConfig(embedding_dim=8, hidden_size=16, dropout=0.3),
    data=DataConfig(window=128),
    optim=OptimConfig(batch_tokens=2048),
    trainer=TrainerConfig(max_steps=12, val_check_interval=3, limit_val_batches=1),
    seed=5,
)


class CutError(Exception):
    """Ends a run from within, as a fault would."""


def cut_at(step: int) -> object:
    def say(line: str) -> None:
        if line.startswith(f"step {step}/"):
            raise CutError

    return say


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def whole(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("whole") / "ck"
    train(CONFIG, tunes, out, say=lambda _: None)
    assert not state_path(out).exists()
    return weights(out)


@pytest.mark.parametrize("steps", [(3,), (9,), (6, 6, 12)])
def test_a_run_cut_within_a_validation_ends_the_same(
    steps: tuple[int, ...], whole: bytes, tunes: Dataset, tmp_path: Path
) -> None:
    """At step 3 only the state before the first step is there; a state may be gone on from twice."""
    out = tmp_path / "ck"
    for count, step in enumerate(steps):
        with pytest.raises(CutError):
            train(CONFIG, tunes, out, resume=count > 0, say=cut_at(step))  # type: ignore[arg-type]
    assert state_path(out).exists()
    train(TrainConfig(), tunes, out, resume=True, say=lambda _: None)  # the settings are the run's
    assert weights(out) == whole
    assert not state_path(out).exists()


def test_other_settings_or_other_music_are_refused(
    tunes: Dataset, chorales: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ck"
    with pytest.raises(CutError):
        train(CONFIG, tunes, out, say=cut_at(3))  # type: ignore[arg-type]
    for flags, words in [
        (["--optim.lr", "0.1"], "--optim.lr was 0.005, not 0.1"),
        (["--force"], "leave out --force"),
    ]:
        assert main(["train", "lm", str(tunes.path), "--out", str(out), "--resume", *flags]) == 2
        assert words in capsys.readouterr().err
    assert main(["train", "lm", str(chorales.path), "--out", str(out), "--resume"]) == 2
    assert "not from this music" in capsys.readouterr().err
    (out / ".resume" / "run.json").write_text("{}")
    assert main(["train", "lm", str(tunes.path), "--out", str(out), "--resume"]) == 2
    assert "is damaged" in capsys.readouterr().err


def test_nothing_to_go_on_with_is_an_error(
    tunes: Dataset, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out, words in ((trained, "a run that has ended"), (tmp_path / "new", "no run that was interrupted")):
        assert main(["train", "lm", str(tunes.path), "--out", str(out), "--resume"]) == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_state_is_written_beside_itself_and_holds_data_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    path = tmp_path / "run" / "state.ckpt"
    WholeFiles().save_checkpoint({"weights": torch.ones(3), "step": 4}, path)
    assert WholeFiles().load_checkpoint(path)["step"] == 4
    assert [file.name for file in path.parent.iterdir()] == ["state.ckpt"]
    buffer = io.BytesIO()
    torch.save({"weights": Path("code")}, buffer)  # a class that is not weights
    path.write_bytes(buffer.getvalue())
    with pytest.raises(CheckpointError, match="damaged"):
        WholeFiles().load_checkpoint(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_a_signal_ends_the_run_and_it_goes_on(
    number: signal.Signals, code: int, tunes: Dataset, tmp_path: Path
) -> None:
    config = replace(CONFIG, trainer=replace(CONFIG.trainer, max_steps=300))
    train(config, tunes, tmp_path / "whole", say=lambda _: None)
    flags = ["--seed", "5", "--data.window", "128", "--optim.batch-tokens", "2048"]
    flags += ["--model.embedding-dim", "8", "--model.hidden-size", "16", "--model.dropout", "0.3"]
    flags += ["--trainer.max-steps", "300", "--trainer.val-check-interval", "3"]
    flags += ["--trainer.limit-val-batches", "1"]
    out = tmp_path / "cut"
    command = [sys.executable, "-m", "musegen", "train", "lm", str(tunes.path), "--out", str(out)]
    with subprocess.Popen([*command, *flags], stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        while not (out / "SHA256SUMS").exists():  # training is under way
            time.sleep(0.05)
        process.send_signal(number)
        said = process.communicate()[1]
    assert process.returncode == code
    if number is not signal.SIGKILL:
        assert "go on with: musegen train lm" in said
    again = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert weights(out) == weights(tmp_path / "whole")
