"""An interrupted run goes on to the same last bit, or says why it cannot."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.bit_flips import flip
from musegen.cli import main
from musegen.config.settings import DataConfig, LMConfig, TrainConfig
from musegen.config.trainer import OptimConfig, TrainerConfig
from musegen.data.dataset import Dataset
from musegen.errors import CheckpointError
from musegen.files import write_atomic
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
    assert "not on this music" in capsys.readouterr().err
    command = f"resume it with: musegen train lm {tunes.path} --out {out} --resume"
    assert main(["train", "lm", str(tunes.path), "--out", str(out)]) == 2  # not only: add --force
    assert command in capsys.readouterr().err
    assert main(["info", str(out)]) == 2  # there is no checkpoint yet
    assert command in capsys.readouterr().err


def test_info_of_an_unfinished_run_with_a_checkpoint_says_so(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished = shutil.copytree(trained, tmp_path / "ck")
    write_atomic(unfinished / ".resume" / "command.txt", b"musegen train lm tunes --out ck --resume\n")
    assert main(["info", str(unfinished)]) == 0
    assert "has not ended: resume it with: musegen train lm tunes" in capsys.readouterr().err


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
    WholeFiles().save_checkpoint({"step": Path("code")}, path)  # a class that is not weights
    with pytest.raises(CheckpointError, match="damaged"):
        WholeFiles().load_checkpoint(path)
    assert WholeFiles().load_checkpoint(path.with_name("before.ckpt"))["step"] == 4


def test_a_flipped_bit_in_a_state_is_noticed_and_the_one_before_is_taken(
    whole: bytes, tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A thousand bits, one at a time, as a failing disk or memory turns them."""
    out = tmp_path / "ck"
    with pytest.raises(CutError):
        train(CONFIG, tunes, out, say=cut_at(9))  # type: ignore[arg-type]
    path, rng = state_path(out), np.random.default_rng(0)
    for _ in range(1000):
        at = int(rng.integers(8 * path.stat().st_size))
        flip(path, at)
        with pytest.raises(CheckpointError, match="is damaged"):
            WholeFiles().load_checkpoint(path)
        flip(path, at)
    flip(path, 12345)
    said: list[str] = []
    train(TrainConfig(), tunes, out, resume=True, say=said.append)
    assert "state.ckpt is damaged" in said[0]
    assert said[0].endswith("resuming from the state before it")
    assert weights(out) == whole

    with pytest.raises(CutError):
        train(CONFIG, tunes, out, force=True, say=cut_at(9))  # type: ignore[arg-type]
    for each in (path, path.with_name("before.ckpt")):
        flip(each, 12345)
    assert main(["train", "lm", str(tunes.path), "--out", str(out), "--resume"]) == 2
    assert "train from the start" in capsys.readouterr().err


class Bomb:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (os.system, (f"touch {self.path}",))


def test_a_state_that_means_harm_runs_no_code(
    tunes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run's folder handed on by someone else: pickles in its state, a class for Lightning to make."""
    out, mark = tmp_path / "ck", tmp_path / "code-ran"
    with pytest.raises(CutError):
        train(CONFIG, tunes, out, say=cut_at(3))  # type: ignore[arg-type]
    good = WholeFiles().load_checkpoint(state_path(out))
    made = {"_instantiator": "os.system", "command": f"touch {mark}"}
    for harm, code in (
        ({"state_dict": Bomb(mark)}, 2),
        ({"musegen_run": Bomb(mark)}, 2),
        ({"musegen_run": "{}"}, 2),
        ({"musegen_run": "[" * 100_000}, 2),
        ({"hyper_parameters": made, "datamodule_hyper_parameters": made}, 0),  # never looked at
    ):
        shutil.rmtree(out / ".resume")
        WholeFiles().save_checkpoint(good | harm, state_path(out))
        assert main(["train", "lm", str(tunes.path), "--out", str(out), "--resume"]) == code, harm
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ") == bool(code)
        assert not mark.exists()
