"""Sliders: does each move what it is named after, by as much as it says, and leave the rest?

    python -m benchmarks.sliders CKPT DATA [--clips 200] [--split test] [--seed 0]

Each slider is set to 7 values for each of some test clips, as `musegen vary` sets it: evenly from the 5th to
the 95th percentile of what the split's clips have of its attribute. Printed are

    the matrix       Spearman's correlation of what a slider (row) was set to and what the clips then have
                     of each attribute (column), pooled over clips and settings
    the corpus's own the same between attributes of the clips as they are: what cannot but move together
    missed           how far the attribute lies from what it was set to, median
    notes, onsets    what of the clip survives: F1 of its notes (onset and pitch), and of its onsets alone,
                     in what the settings gave; in brackets the same of the plain reconstruction
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from musegen.checkpoint.folder import load_checkpoint
from musegen.cli.tables import print_rows
from musegen.data.dataset import Dataset
from musegen.errors import MusegenError
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.sliders import SETTINGS, measure_sliders


def show(measured: dict[str, Any]) -> None:
    """Print the matrices, one below the other."""
    plain = measured["reconstruction"]
    rows = {"plain": {"notes": plain["notes"], "onsets": plain["onsets"]}}
    for name, row in measured["sliders"].items():
        rows[name] = row["spearman"] | {each: row[each] for each in ("missed", "notes", "onsets")}
    print_rows(rows)
    print_rows({f"corpus {name}": row for name, row in measured["corpus"].items()})
    print(f"{measured['clips']} clips, {SETTINGS} settings each:")
    for name, row in measured["sliders"].items():
        print(f"  {name}: " + ", ".join(f"{value:.2f}" for value in row["settings"]))


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sliders", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    parser.add_argument("checkpoint", type=Path, help="a folder of a model of clips")
    parser.add_argument("data", type=Path, help="a prepared dataset")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args(argv)
    try:
        checkpoint, dataset = load_checkpoint(arguments.checkpoint), Dataset.open(arguments.data)
        clips = ClipSet(checkpoint, dataset, arguments.split)
        measured = measure_sliders(clips, count=arguments.clips, seed=arguments.seed)
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
