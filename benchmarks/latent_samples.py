"""Whether what a model of clips draws from its latent space is like real clips, and whether it copies.

    python -m benchmarks.latent_samples CKPT DATA [--num 1000] [--split test] [--seed 0] [--json]

Held against as many real clips: those drawn from the mixture fitted to the training clips ("mixture", the
default of `musegen generate`), those of the plain prior, and real ones sent through the model ("given back").
Overlap of pitches (MIDI), durations (quarters) and melodic intervals (semitones), pooled over the clips: the
sum over values of the smaller share. Two halves of twice as many real clips stand beside. Notes in a row that
are copied from training pieces, in any key: mean over clips, and the share of clips that are one such run.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from musegen.checkpoint.folder import load_checkpoint
from musegen.cli.tables import print_rows
from musegen.data.dataset import Dataset
from musegen.data.training_index import learnt
from musegen.errors import MusegenError
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.latent_samples import FEATURES, measure_samples

WANTED = 0.95
"""Of the overlap of two halves of the real clips."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latent_samples", description=__doc__.split("\n")[0]
    )
    parser.add_argument("checkpoint", type=Path, help="a checkpoint of family vae")
    parser.add_argument("data", type=Path, help="the dataset that it learnt from")
    parser.add_argument("--num", type=int, default=1000, help="clips of each system (default 1000)")
    parser.add_argument("--split", default="test", help="of the real clips (default test)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args(argv)
    try:
        checkpoint, dataset = load_checkpoint(arguments.checkpoint), Dataset.open(arguments.data)
        clips = ClipSet(checkpoint, dataset, arguments.split)
        rows = measure_samples(clips, learnt(dataset).known, num=arguments.num, seed=arguments.seed)
    except MusegenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    print_rows(rows)
    halves = rows["real, other half"]
    for name in ("mixture", "prior"):
        met = all(rows[name][feature] >= WANTED * halves[feature] for feature in FEATURES)
        print(
            f"{name}: {'met' if met else 'NOT MET'} (every overlap at least {WANTED} of that of two halves)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
