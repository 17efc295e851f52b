"""What an accompanist must be told of the melody: alignments and tokenizers side by side.

    python -m benchmarks.alignment DATASET [--out DIR] [--json] [train's flags]

Trains one accompanist each by `musegen train seq2seq`, all with the same flags, and prints the likelihood
of the validation split (never of the test split: this is where models are chosen). Nats a beat compare
across tokenizers; both write down the same music if the grid is fine enough for it.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from musegen.checkpoint.folder import load_checkpoint
from musegen.data.dataset import Dataset
from musegen.errors import MusegenError
from musegen.evaluation.likelihood import model_view, split_likelihood, total_figures

SYSTEMS = (("grid", "none"), ("grid", "bars"), ("grid", "now"), ("remi", "none"), ("remi", "now"))


class Row(NamedTuple):
    """A line of the table."""

    tokenizer: str
    alignment: str
    nats_per_beat: float
    bits_per_note: float
    pieces: int


def compare(dataset: Dataset, out: Path, kind: str, alignment: str, flags: Sequence[str]) -> Row:
    """Train one system, unless it is there, and score it on the validation split."""
    from musegen.cli.train import main as train_main

    folder = out / f"{kind}-{alignment}"
    if not (folder / "SHA256SUMS").exists():
        words = ["seq2seq", str(dataset.path), "--out", str(folder), "--force", "--tokenizer", kind]
        train_main([*words, "--encoder.alignment", alignment, *flags])
    checkpoint = load_checkpoint(folder)
    found = total_figures(split_likelihood(checkpoint, dataset, model_view(checkpoint, dataset), "valid"))
    return Row(kind, alignment, found["nats_per_beat"], found["bits_per_note"], found["pieces"])


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.alignment", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    parser.add_argument("dataset", type=Path, help="a prepared dataset with melodies")
    parser.add_argument("--out", type=Path, default=Path("out/alignment"), help="for the checkpoints")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments, flags = parser.parse_known_args(argv)
    rows = []
    try:
        dataset = Dataset.open(arguments.dataset)
        for kind, alignment in SYSTEMS:
            rows.append(compare(dataset, arguments.out, kind, alignment, flags))
            if not arguments.json:
                print("{:<6}{:<6}{:>8.3f} nats a beat{:>8.3f} bits a note, {} pieces".format(*rows[-1]))
    except MusegenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
