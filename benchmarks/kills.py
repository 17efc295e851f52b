"""Whether a run that is killed again and again ends with the weights of one that never was.

    python -m benchmarks.kills DATASET [FAMILY] [--kills 100] [--tmpdir DIR] [--out DIR] [train's flags]

Trains once in peace. Then each kill is a run of its own: `kill -9` at a random moment of it, start-up, the
first save and the end included; then `--resume` (from the start where nothing was saved yet), and the weights
are compared byte for byte. In half of the runs $TMPDIR is DIR, a folder of another file system. The same
machine and number of threads throughout.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

FLAGS = ["--model.hidden-size", "32", "--model.embedding-dim", "16", "--trainer.max-steps", "40"]
FLAGS += ["--trainer.val-check-interval", "5", "--optim.batch-tokens", "2048"]
WEIGHTS = "model.safetensors"


def command(family: str, dataset: Path, out: Path, *flags: str) -> list[str]:
    """A run of training."""
    return [sys.executable, "-m", "musegen", "train", family, str(dataset), "--out", str(out), *flags]


def digest(out: Path) -> str:
    """Of the weights."""
    return hashlib.sha256((out / WEIGHTS).read_bytes()).hexdigest()


def killed(words: list[str], after: float, environment: dict[str, str]) -> bool:
    """Start a run and kill it after so many seconds; False where it had ended by then."""
    with subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
            return True
    return False


def finish(family: str, dataset: Path, out: Path, flags: Sequence[str], environment: dict[str, str]) -> str:
    """Go on with a run until it has ended; how it began."""
    if any((out / ".resume").glob("*.ckpt")):
        how, words = "resumed", command(family, dataset, out, "--resume")
    else:  # killed before the state before the first step was whole
        how, words = "from the start", command(family, dataset, out, *flags, "--force")
    found = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if found.returncode:
        raise SystemExit(f"error: {' '.join(words)}: {found.stderr.strip().splitlines()[-1]}")
    return how


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kills", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    parser.add_argument("dataset", type=Path, help="a prepared dataset")
    parser.add_argument("family", nargs="?", default="lm", help="what is trained (default lm)")
    parser.add_argument("--kills", type=int, default=100, help="how many (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--tmpdir", type=Path, default=Path("/dev/shm"), help="$TMPDIR of half of the runs")  # noqa: S108
    parser.add_argument("--out", type=Path, default=Path("out/kills"), help="for the checkpoints")
    arguments, more = parser.parse_known_args(argv)
    flags, family = [*FLAGS, *more], arguments.family
    shutil.rmtree(arguments.out, ignore_errors=True)
    began = time.monotonic()
    subprocess.run(
        command(family, arguments.dataset, arguments.out / "whole", *flags), check=True, capture_output=True
    )
    seconds, wanted = time.monotonic() - began, digest(arguments.out / "whole")
    rng, found = np.random.default_rng(arguments.seed), Counter[str]()
    for kill in range(arguments.kills):
        out = arguments.out / "cut"
        shutil.rmtree(out, ignore_errors=True)
        environment = os.environ | ({"TMPDIR": str(arguments.tmpdir)} if kill % 2 else {})
        after = float(rng.uniform(0.02, 1) * seconds)
        if killed(command(family, arguments.dataset, out, *flags), after, environment):
            found[finish(family, arguments.dataset, out, flags, environment)] += 1
        else:
            found["had ended"] += 1
        found["identical" if digest(out) == wanted else "DIFFERENT"] += 1
        print(f"{kill + 1}/{arguments.kills} after {after:.1f} of {seconds:.1f} s: {dict(found)}", flush=True)
    return 1 if found["DIFFERENT"] else 0


if __name__ == "__main__":
    sys.exit(main())
