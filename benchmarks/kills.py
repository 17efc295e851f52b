"""Whether a run that is killed and resumed ends with the weights of an uninterrupted run.

    python -m benchmarks.kills DATASET [FAMILY] [--kills 100] [--tmpdir DIR] [--out DIR] [train's flags]

Trains once without interruption. Then each kill has a run of its own: `kill -9` at a random moment,
including the time before the first save and the end; in half of the runs at the first moment after that at
which there is a partially written file; then `--resume` (or a restart if nothing was saved yet), and the
weights are compared byte for byte. In half of the runs $TMPDIR is DIR, a folder on another file system. The
machine and the number of threads are the same throughout. Runs are forked from a process that has imported
everything, so that they are killed during training and not during their imports; the uninterrupted run is
an ordinary one.
"""

import itertools
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np

from benchmarks.runner import Flags, benchmark

FLAGS = (
    "--model.hidden-size 32 --model.embedding-dim 16 --trainer.max-steps 40 --trainer.val-check-interval 5 "
    "--optim.batch-tokens 2048"
)
PRELOADED = ["musegen.cli.train", "musegen.training.train", "musegen.generation.pieces"]
ENDED = "had ended"
CONTEXT = multiprocessing.get_context("forkserver")


def command(family: str, dataset: Path, out: Path, *flags: str) -> list[str]:
    """The arguments of `musegen`."""
    return ["train", family, str(dataset), "--out", str(out), *flags]


def weights(out: Path) -> bytes:
    """The weights of a run."""
    return (out / "model.safetensors").read_bytes()


def start(words: list[str], said: Path, tmpdir: Path | None) -> ForkServerProcess:
    """Start a run; its output goes to a file."""
    process = CONTEXT.Process(target=_work, args=(words, said, tmpdir))
    process.start()
    return process


def _work(words: list[str], said: Path, tmpdir: Path | None) -> None:
    from musegen.cli import run

    with said.open("wb") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    if tmpdir is not None:
        os.environ["TMPDIR"] = str(tmpdir)
    sys.argv = ["musegen", *words]
    run()


def is_writing(out: Path) -> bool:
    """Whether there is a partially written file."""
    return any(out.rglob(".*.tmp"))


def kill(process: ForkServerProcess, after: float, out: Path, *, in_save: bool) -> str:
    """Kill a run after so many seconds, or during the next save; returns when."""
    process.join(after)
    while in_save and process.is_alive() and not is_writing(out):
        pass
    process.kill()
    process.join()
    if process.exitcode == 0:
        return ENDED
    if is_writing(out):
        return "killed during a save"
    return "killed between saves" if has_state(out) else "killed before the first save"


def has_state(out: Path) -> bool:
    """Whether there is a state to resume from."""
    return any((out / ".resume").glob("*.ckpt"))


def finish(family: str, dataset: Path, out: Path, flags: Sequence[str], tmpdir: Path | None) -> str:
    """Continue a run until it has ended; returns how it was started."""
    # Without a state it was killed before the initial one was saved.
    how, more = ("resumed", ["--resume"]) if has_state(out) else ("from the start", [*flags, "--force"])
    words = command(family, dataset, out, *more)
    process = start(words, out.with_name("said"), tmpdir)
    process.join()
    if process.exitcode:
        said = out.with_name("said").read_text("utf-8").strip().splitlines()
        raise SystemExit(f"error: musegen {' '.join(words)}: {said[-1] if said else process.exitcode}")
    return how


def uninterrupted(family: str, dataset: Path, out: Path, flags: Sequence[str]) -> tuple[bytes, float]:
    """The weights of an uninterrupted run, and the seconds that a forked one takes."""
    words = [sys.executable, "-m", "musegen", *command(family, dataset, out / "whole", *flags)]
    subprocess.run(words, check=True, capture_output=True)
    CONTEXT.set_forkserver_preload(PRELOADED)
    for name in ("warm", "timed"):  # the first one includes the imports
        began = time.monotonic()
        finish(family, dataset, out / name, flags, None)
        seconds = time.monotonic() - began
    return weights(out / "whole"), seconds


@benchmark()
def main(
    dataset: Path,
    family: str = "lm",
    /,
    *,
    kills: int = 100,
    seed: int = 0,
    tmpdir: Path = Path("/dev/shm"),  # noqa: S108
    out: Path = Path("out/kills"),
    more: Flags,
) -> bool:
    """Kill runs and print the counts; returns whether one gave different weights.

    Args:
        dataset: a prepared dataset
        family: family of the model to train
        kills: number of kills
        seed: random seed
        tmpdir: $TMPDIR in half of the runs
        out: folder for the checkpoints
        more: passed on to `musegen train`
    """
    flags = [*FLAGS.split(), *more]
    shutil.rmtree(out, ignore_errors=True)
    expected, seconds = uninterrupted(family, dataset, out, flags)
    rng, found = np.random.default_rng(seed), Counter[str]()
    killed, cut, numbers = 0, out / "cut", itertools.count()
    while killed < kills:
        number = next(numbers)
        shutil.rmtree(cut, ignore_errors=True)
        other, after = tmpdir if number % 2 else None, float(rng.uniform(0, seconds))
        process = start(command(family, dataset, cut, *flags), out / "said", other)
        fell = kill(process, after, cut, in_save=number % 4 > 1)
        found[fell] += 1
        if fell == ENDED:  # before that moment: no kill
            continue
        killed += 1
        found[finish(family, dataset, cut, flags, other)] += 1
        found["identical" if weights(cut) == expected else "DIFFERENT"] += 1
        print(f"{killed}/{kills} after {after:.1f} of {seconds:.1f} s: {dict(found)}", flush=True)
    return bool(found["DIFFERENT"])
