"""Interpolation between random pairs of test clips: how smooth, how musical, and never broken.

    python -m benchmarks.interpolation CKPT DATA [--pairs 200] [--num 9] [--path both] [--seed 0]

Pairs are of one metre and of different pieces, and differ in at least one note. Four ways lead from the one
to the other: "verb" as `musegen interpolate` writes it, both ends the given clips themselves; "even" the same
with equal steps of z; "latent" with both ends as the model gives them back, too; "crossfade" without a model
(musegen/evaluation/baselines.py). Of each:

    away, back       Spearman's correlation of the step and the note edit distance from the first clip, or
                     the last, mean over pairs
    jump             the largest distance between neighbours as a share of the whole, median over pairs
    in scale         share of the notes of the middle step in the best major or minor scale, mean; "ends" is
                     that of the given clips
    empty            clips without a note

Then each first clip is interpolated with itself, which must give the same clip at every step.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from musegen.checkpoint.folder import load_checkpoint
from musegen.cli.tables import print_rows
from musegen.data.dataset import Dataset
from musegen.errors import DataError, MusegenError
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.interpolation import measure_interpolation
from musegen.generation.walks import Route


def show(measured: dict[str, Any]) -> None:
    """Print the systems side by side."""
    print_rows(measured["systems"])
    print(
        f"{measured['pairs']} pairs, {measured['num']} steps, path {measured['path']}; given clips in scale"
        f" {measured['ends_in_scale']:.3f}, given back with note F1 {measured['ends_note_f1']:.3f}; "
        f"identical ends: {measured['identical_ends']}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.interpolation", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    parser.add_argument("checkpoint", type=Path, help="a folder of a model of clips")
    parser.add_argument("data", type=Path, help="a prepared dataset")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--num", type=int, default=9, help="clips from end to end (9)")
    parser.add_argument("--path", choices=get_args(Route), default="both", help="of the points (both)")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args(argv)
    try:
        checkpoint, dataset = load_checkpoint(arguments.checkpoint), Dataset.open(arguments.data)
        measured = measure_interpolation(
            ClipSet(checkpoint, dataset, arguments.split),
            pairs=arguments.pairs,
            num=arguments.num,
            path=arguments.path,
            seed=arguments.seed,
        )
        if not measured["pairs"]:
            raise DataError(f"split {arguments.split} has no two different clips of one metre")
    except MusegenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(measured, indent=2))
    else:
        show(measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
