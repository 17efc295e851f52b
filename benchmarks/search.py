"""Random search of training settings: short runs with random settings, compared on the validation split.

    python -m benchmarks.search DATASET [FAMILY] [--trials 8] [--seed 0] [--out DIR] [train's flags]

The first trial has the default settings; each other one samples all settings in `DRAWN`, uniformly or, for
the learning rate, log-uniformly (Bergstra and Bengio 2012). All are trained for the same number of steps
and tokens: set `--trainer.max-steps`. Prints a table, the best first; short runs rank settings by what is
learned early.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.runner import Flags, benchmark
from musegen.cli.tables import print_facts

DRAWN: dict[str, list[str]] = {
    "--model.hidden-size": ["256", "320", "384", "448"],
    "--model.embedding-dim": ["64", "96", "128"],
    "--model.dropout": ["0.1", "0.2", "0.3", "0.4"],
    "--model.weight-dropout": ["0", "0.2", "0.4"],
    "--optim.weight-decay": ["0.01", "0.05"],
}
RATES = (2e-3, 1e-2)
"""The lowest and the highest learning rate."""


def drawn(rng: np.random.Generator) -> list[str]:
    """The flags of a random trial."""
    rate = float(np.exp(rng.uniform(*np.log(RATES))))
    flags = ["--optim.lr", f"{rate:.2g}"]
    for name, values in DRAWN.items():
        flags += [name, str(rng.choice(values))]
    return flags


def tried(words: list[str], out: Path) -> dict[str, float]:
    """Bits per note on the validation split, and minutes, of one run."""
    command = [sys.executable, "-m", "musegen", "train", *words, "--out", str(out), "--force"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stderr.strip().splitlines()[-1])
    metrics = json.loads((out / "metrics.json").read_text("utf-8"))
    return {"bits per note": metrics["valid"]["bits_per_note"], "minutes": metrics["minutes"]}


@benchmark(print_facts)
def main(
    dataset: Path,
    family: str = "lm",
    /,
    *,
    trials: int = 8,
    seed: int = 0,
    out: Path = Path("out/search"),
    more: Flags,
) -> dict[str, dict[str, float]]:
    """Run the trials; returns the results, the best first.

    Args:
        dataset: a prepared dataset
        family: family of the model to train
        trials: number of runs
        seed: random seed of the settings
        out: folder for the checkpoints
        more: passed on to `musegen train`
    """
    rng, found = np.random.default_rng(seed), {}
    for trial in range(trials):
        flags = drawn(rng) if trial else []
        name = " ".join(flags) or "default settings"
        found[name] = tried([family, str(dataset), *flags, *more], out / str(trial))
        print(f"{name}: {found[name]}", file=sys.stderr, flush=True)
    return dict(sorted(found.items(), key=lambda each: each[1]["bits per note"]))
