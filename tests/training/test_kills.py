"""Power cuts, `kill -9`, Ctrl-C and `docker stop` at any moment: the run goes on to the same last bit."""

import itertools
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from musegen.data.dataset import Dataset
from musegen.errors import CheckpointError
from musegen.files import remove_unfinished
from musegen.training.resume import WholeFiles
from tests.training.processes import CONTEXT, cpu_seconds, start, wait_for

FLAGS = ["--seed", "5", "--data.window", "128", "--optim.batch-tokens", "2048", "--model.dropout", "0.3"]
FLAGS += ["--model.embedding-dim", "8", "--model.hidden-size", "16", "--trainer.max-steps", "12"]
FLAGS += ["--trainer.val-check-interval", "3", "--trainer.limit-val-batches", "1"]
KILLS = 24
LONGER = [*FLAGS, "--trainer.max-steps", "48"]
SHM = Path("/dev/shm")  # noqa: S108 - another file system


def command(tunes: Dataset, out: Path, *flags: str) -> list[object]:
    return ["train", "lm", tunes.path, "--out", out, *flags]


def weights(out: Path) -> bytes:
    return (out / "model.safetensors").read_bytes()


def unfinished(out: Path) -> list[Path]:
    return list(out.rglob(".*.tmp"))


def going_on(tunes: Dataset, out: Path, flags: list[str]) -> list[object]:
    """What goes on with a run that was ended: from the start where it had kept nothing yet."""
    has_state = any((out / ".resume").glob("*.ckpt"))
    return command(tunes, out, *(["--resume"] if has_state else [*flags, "--force"]))


def finish(tunes: Dataset, out: Path, flags: list[str]) -> None:
    """Have a run that was ended come to its end."""
    process = start(going_on(tunes, out, flags), out.with_suffix(".said"))
    process.join()
    assert process.exitcode == 0, out.with_suffix(".said").read_text("utf-8")
    assert not unfinished(out)


@pytest.mark.slow
def test_kills_leave_no_trace(tunes: Dataset, tmp_path: Path) -> None:
    """`kill -9` at a random moment of a run; in half of them $TMPDIR is on another file system.

    `benchmarks.kills` has a hundred of them, of every family.
    """
    said, rng, ended = tmp_path / "said", np.random.default_rng(0), 0
    whole = start(command(tunes, tmp_path / "warm", *FLAGS), said)  # the first one waits for imports
    whole.join()
    began = time.monotonic()
    whole = start(command(tunes, tmp_path / "whole", *FLAGS), said)
    whole.join()
    seconds = time.monotonic() - began
    assert whole.exitcode == 0, said.read_text("utf-8")
    for kill in range(KILLS):
        out = tmp_path / f"cut-{kill}"
        process = start(command(tunes, out, *FLAGS), said, tmpdir=SHM if kill % 2 and SHM.is_dir() else None)
        process.join(rng.uniform(0, seconds))
        process.kill()
        process.join()
        if process.exitcode == 0:
            ended += 1
        else:
            finish(tunes, out, FLAGS)
        assert weights(out) == weights(tmp_path / "whole"), kill
    assert ended < KILLS / 2, "too few of the runs were killed"


def save_on(path: Path) -> None:
    """One state of 32 MB after another: the n-th is full of n."""
    for number in itertools.count(1):
        WholeFiles().save_checkpoint({"weights": torch.full((1 << 23,), float(number))}, path)


def last_whole(path: Path) -> float:
    """The number of the last state that can be read."""
    for each in (path, path.with_name("before.ckpt")):
        if each.exists():
            filled = WholeFiles().load_checkpoint(each)["weights"]
            assert bool((filled == filled[0]).all())
            return float(filled[0])
    raise CheckpointError("no state is whole")


@pytest.mark.slow
def test_fifty_kills_inside_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`kill -9` while a state is being written, $TMPDIR elsewhere: one is whole, nothing lies about."""
    if SHM.is_dir():
        monkeypatch.setenv("TMPDIR", str(SHM))
    path, rng, within = tmp_path / "state.ckpt", np.random.default_rng(0), 0
    for _ in range(50):
        path.unlink(missing_ok=True)
        path.with_name("before.ckpt").unlink(missing_ok=True)
        process = CONTEXT.Process(target=save_on, args=(path,))
        process.start()
        wait_for(path, process)
        while not unfinished(tmp_path):  # the second is being written
            assert process.is_alive()
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.join()
        within += bool(unfinished(tmp_path))
        assert last_whole(path) >= 1
        remove_unfinished(tmp_path)
        assert not unfinished(tmp_path)
    assert within >= 25, "too few of the kills fell into a save"


@pytest.fixture(scope="module")
def longer(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Weights of a longer run that was left in peace."""
    folder = tmp_path_factory.mktemp("longer")
    whole = start(command(tunes, folder / "ck", *LONGER), folder / "said")
    whole.join()
    return weights(folder / "ck")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_asked_to_stop(
    number: signal.Signals, code: int, longer: bytes, tunes: Dataset, tmp_path: Path
) -> None:
    """Ctrl-C, or SIGTERM of a queue or a container: it ends the step, saves and says what goes on."""
    out, said = tmp_path / "ck", tmp_path / "said"
    process = start(command(tunes, out, *LONGER), said)
    wait_for(out / "SHA256SUMS", process)
    time.sleep(np.random.default_rng(code).uniform(0, 0.5))
    before, pid = cpu_seconds(process), process.pid
    assert pid is not None
    os.kill(pid, number)
    taken = 0.0
    while process.is_alive():
        with suppress(OSError):  # it has just ended
            taken = cpu_seconds(process) - before
        time.sleep(0.01)
    assert process.exitcode == code, said.read_text("utf-8")
    assert taken < 5
    assert "resume with: musegen train lm" in said.read_text("utf-8").splitlines()[-1]
    finish(tunes, out, LONGER)
    assert weights(out) == longer


@pytest.mark.slow
def test_ctrl_c_again_and_again(longer: bytes, tunes: Dataset, tmp_path: Path) -> None:
    """Ctrl-C once ends after the step, twice at once; who hammers on it loses nothing either."""
    out, said = tmp_path / "ck", tmp_path / "said"
    for moment in range(6):
        process = start(going_on(tunes, out, LONGER), said)
        assert process.pid is not None
        wait_for(said, process)
        while "training" not in said.read_text("utf-8"):
            assert process.is_alive()
            time.sleep(0.01)
        time.sleep(moment / 10)
        while process.is_alive():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGINT)
            time.sleep(0.002)
        assert process.exitcode == 130, said.read_text("utf-8")
        assert "Traceback" not in said.read_text("utf-8")
        said.unlink()
    finish(tunes, out, LONGER)
    assert weights(out) == longer
