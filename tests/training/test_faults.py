"""What ends a run from outside or from within: it says so in one line, and what was kept goes on."""

import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from symusic import Note, Score, TimeSignature, Track

from musegen.checkpoint.folder import load_checkpoint
from musegen.cli import main
from musegen.config.settings import TrainConfig
from musegen.config.trainer import OptimConfig
from musegen.data.dataset import Dataset
from musegen.errors import MusegenError
from musegen.music.writing.midi import write_score
from musegen.training import resume
from musegen.training.resume import WholeFiles, state_path
from musegen.training.train import train
from tests.music_fixtures import TINY
from tests.training.processes import start

RUN = replace(TINY, trainer=replace(TINY.trainer, max_steps=9, val_check_interval=3, limit_val_batches=1))


def quiet(_: str) -> None:
    pass


def weights(out: Path) -> bytes:
    return (out / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def whole(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was left in peace."""
    return train(RUN, tunes, tmp_path_factory.mktemp("whole") / "ck", say=quiet)


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """A folder that nothing can be written to; root must be told by the file system."""
    is_root = os.geteuid() == 0
    lock, unlock = (["chattr", "+i"], ["chattr", "-i"]) if is_root else (["chmod", "555"], ["chmod", "755"])
    try:
        if subprocess.run([*lock, folder], check=False, capture_output=True).returncode:
            pytest.skip("no folder can be locked here")
        yield folder
    finally:
        subprocess.run([*unlock, folder], check=False, capture_output=True)


def test_a_folder_that_cannot_be_written_is_said_before_anything_slow(tunes: Dataset, tmp_path: Path) -> None:
    """Read-only output: refused before torch is loaded, and before music is prepared."""
    (tmp_path / "ck").mkdir()
    with locked(tmp_path / "ck") as out:
        for data in (tunes.path, "folk"):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            line = [sys.executable, "-m", "musegen", "train", "lm", str(data), "--out", str(out)]
            done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            assert done.returncode == 2
            [said] = done.stderr.splitlines()
            assert "cannot be written to" in said
            assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2  # CPU seconds
    assert [path.name for path in tmp_path.iterdir()] == ["ck"]


def test_a_folder_that_is_locked_while_a_run_is_at_work(tunes: Dataset, whole: Path, tmp_path: Path) -> None:
    """Lightning alone would go on to its end and keep nothing."""
    out = tmp_path / "ck"
    with locked_at(6, out) as say, pytest.raises(MusegenError, match=r"step 6: .*resume with: .* --resume"):
        train(RUN, tunes, out, say=say)
    assert load_checkpoint(out).metrics["step"] == 3
    train(TrainConfig(), tunes, out, resume=True, say=quiet)
    assert weights(out) == weights(whole)


@contextmanager
def locked_at(step: int, out: Path) -> Iterator[Callable[[str], None]]:
    """Something to say lines with that locks the folder when a step is validated."""
    locks = []

    def say(line: str) -> None:
        if line.startswith(f"step {step}/"):
            locks.append(locked(out))
            locks[0].__enter__()

    try:
        yield say
    finally:
        for lock in locks:
            lock.__exit__(None, None, None)


FULL = """
import os, subprocess, sys
from musegen.cli import main
disk, data, size, *flags = sys.argv[1:]
out = disk + "/ck"
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "none", disk], check=True)
print(main(["train", "lm", data, "--out", out, *flags]))
print(sorted(os.listdir(out + "/.resume")), file=sys.stderr)
print(main(["info", out, "--json"]), file=sys.stderr)
subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)
print(main(["train", "lm", data, "--out", out, "--resume"]))
os.write(1, open(out + "/model.safetensors", "rb").read())
"""


@pytest.mark.slow
def test_a_disk_that_fills_up_while_saving(tunes: Dataset, tmp_path: Path) -> None:
    """A real disk of a few megabytes: what was saved before is whole, and more room lets the run go on."""
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:  # noqa: S607
        pytest.skip("no disk of its own can be made here")
    flags = ["--seed", "5", "--model.hidden-size", "96", "--model.embedding-dim", "32"]
    flags += ["--optim.batch-tokens", "2048", "--trainer.max-steps", "12"]
    flags += ["--trainer.val-check-interval", "3", "--trainer.limit-val-batches", "1"]
    assert main(["train", "lm", str(tunes.path), "--out", str(tmp_path / "whole"), *flags]) == 0
    # Room for the model, the last state and all but the end of the next: the weights thrice, with Adam's sums
    size = int(6.5 * (tmp_path / "whole" / "model.safetensors").stat().st_size)
    (tmp_path / "disk").mkdir()
    words = ["unshare", "-rm", sys.executable, "-c", FULL, str(tmp_path / "disk"), str(tunes.path), str(size)]
    done = subprocess.run([*words, *flags], capture_output=True, check=False)
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert "Traceback" not in said
    [full] = [line for line in said.splitlines() if line.startswith("error")]
    assert "no space left on device" in full
    assert full.endswith("--resume")
    first, rest = done.stdout.split(b"\n", 1)
    assert first == b"2"
    assert rest.endswith(b"\n0\n" + weights(tmp_path / "whole"))


def is_finite(out: Path) -> bool:
    """Whether all that is kept of a run is numbers."""
    kept = [WholeFiles().load_checkpoint(state_path(out))["state_dict"]]
    if (out / "model.safetensors").exists():
        kept.append(load_file(out / "model.safetensors"))
    return all(bool(tensor.isfinite().all()) for tensors in kept for tensor in tensors.values())


@pytest.mark.parametrize(
    ("every", "said"),
    [(1, "val_bits_per_note is"), (6, "the loss is")],  # with 1, weights are validated before the next loss
)
def test_what_is_kept_of_a_run_that_diverges_is_finite(
    every: int, said: str, tunes: Dataset, tmp_path: Path
) -> None:
    """Numbers beyond all bounds, wherever they are met first: the run ends, and nothing of it is kept."""
    config = replace(
        TINY,
        optim=OptimConfig(optimizer="sgd", lr=1e30, clip=1e30, warmup=0.0, batch_tokens=2048),
        trainer=replace(TINY.trainer, val_check_interval=every),
    )
    with pytest.raises(MusegenError, match=f"diverged at step .*{said}.*what was saved before is kept"):
        train(config, tunes, tmp_path / "ck", say=quiet)
    assert is_finite(tmp_path / "ck")


def test_weights_that_no_loss_has_seen_are_not_kept(
    tunes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that spoils the weights, and a state that is saved right after it."""

    def spoil(optimizer: torch.optim.Optimizer, closure: Callable[[], torch.Tensor]) -> torch.Tensor:
        loss = closure()
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.data.fill_(torch.nan)
        return loss

    monkeypatch.setattr(torch.optim.SGD, "step", spoil)
    config = replace(RUN, optim=replace(RUN.optim, optimizer="sgd"))
    with pytest.raises(MusegenError, match="diverged at step 1: some weights are not finite numbers"):
        train(config, tunes, tmp_path / "ck", say=quiet)
    assert is_finite(tmp_path / "ck")


@pytest.mark.slow
def test_a_batch_too_large_for_memory(tunes: Dataset, tmp_path: Path) -> None:
    """A process that the system gives no more memory: one line with what to change, no traceback."""
    flags = ["--optim.batch-tokens", "1000000", "--model.hidden-size", "1024", "--trainer.max-steps", "1"]
    words = ["train", "lm", tunes.path, "--out", tmp_path / "ck", *flags]
    process = start(words, tmp_path / "said", room=1 << 28)
    process.join()
    said = (tmp_path / "said").read_text("utf-8")
    assert process.exitcode == 2, said
    assert said.splitlines()[-1].startswith("error: not enough memory")
    assert "--optim.batch-tokens" in said.splitlines()[-1]
    assert "Traceback" not in said


@pytest.fixture
def bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the current one, with one tune of one bar in `in/`."""
    monkeypatch.chdir(tmp_path)
    tune = Score(480)
    tune.time_signatures.append(TimeSignature(0, 4, 4))
    tune.tracks.append(Track())
    tune.tracks[0].notes.extend([Note(480 * i, 480, 60 + i, 80) for i in range(4)])
    write_score(tune, tmp_path / "in" / "one.mid")
    return tmp_path


SMALL = ["--model.hidden-size", "8", "--model.embedding-dim", "8", "--trainer.max-steps", "2"]


def test_a_dataset_shorter_than_any_window(bar: Path) -> None:
    """There is nothing to validate on but what is learnt; what is measured is a number all the same."""
    assert main(["train", "lm", "in", "--out", "ck", *SMALL]) == 0
    bits = load_checkpoint(bar / "ck").metrics["valid"]["bits_per_note"]
    assert torch.isfinite(torch.tensor(bits))


def test_a_state_too_large_for_memory(
    tunes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The memory lasts for the steps, but not for a copy of the state of the run."""

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell() > 1000:
                raise MemoryError
            return super().write(data)

    # Only there: io.BytesIO itself is used by others.
    monkeypatch.setattr(resume, "io", SimpleNamespace(BytesIO=Full, SEEK_END=io.SEEK_END))
    flags = ["--model.hidden-size", "32", "--trainer.max-steps", "1"]
    assert main(["train", "lm", str(tunes.path), "--out", str(tmp_path / "ck"), *flags]) == 2
    assert "not enough memory" in capsys.readouterr().err
