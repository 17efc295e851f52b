"""Harmonising chorales as Allan and Williams (2005) scored it: -ln P(alto, tenor, bass | soprano) a beat.

    python -m benchmarks.harmonisation --data DATA [--grid quarter] [--seeds 1] [--out DIR] [train's flags]
    python -m benchmarks.harmonisation --data DATA --checkpoint CKPT

Trained and chosen within the 229 pieces of the canonical training split (a tenth of them, by a hash of
their names, for validation), tested on Allan and Williams' other 153. Scored is what alto, tenor and bass
sound at each quarter (or sixteenth), summed over the voices, over the quarters of the pieces; the end is
not scored (see benchmarks/sounding.py). Every flag of `musegen train seq2seq` is passed on.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.allan_williams import Grid, read_chorales, write_chorale
from benchmarks.sounding import Cost, hold_or_draw_costs, music_span, sounding, voice_costs
from musegen.checkpoint.folder import load_checkpoint
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.errors import MusegenError
from musegen.evaluation.likelihood import model_view
from musegen.tokenizers import GridTokenizer

POSITIONS: dict[Grid, int] = {"quarter": 1, "sixteenth": 4}
PUBLISHED = (("Allan and Williams, HMM", 4.90, 5.02), ("Allan and Williams, Markov", 7.08, 7.21))
"""Nats a beat, major and minor."""
NOTE = (
    "Nats a beat, summed over alto, tenor and bass; total nats over total quarters, and the mean of pieces.\n"
    "Allan and Williams score one symbol a beat: the three voices' intervals from the soprano, and with\n"
    "them a functional harmony label; so their figures hold the label's cost too, ours hold none."
)


class Row(NamedTuple):
    """A line of the table, in nats a beat."""

    system: str
    major: float
    minor: float
    both: float | None = None
    of_pieces: float | None = None
    """Mean over pieces."""


def is_valid(name: str) -> bool:
    """Whether a training piece is kept for validation: a tenth, by its name alone."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10 == 0


def build_dataset(data: Path, out: Path, grid: Grid) -> Dataset:
    """The chorales as MIDI files under OUT/midi and the product's dataset of them, made once."""
    folder = out / f"{grid}-data"
    if not folder.exists():
        for chorale in read_chorales(data):
            split = "test" if chorale.split != "train" else "valid" if is_valid(chorale.name) else "train"
            write_chorale(chorale, out / f"{grid}-midi", split, grid)
        prepare(str(out / f"{grid}-midi"), folder, melody="Soprano")
    return Dataset.open(folder)


def train(dataset: Dataset, out: Path, positions: int, seed: int, flags: Sequence[str]) -> Path:
    """Train an accompanist by the product's own command."""
    from musegen.cli.train import main as train_main

    words = ["seq2seq", str(dataset.path), "--out", str(out), "--seed", str(seed), "--force"]
    train_main([*words, "--tokenizer", "grid", "--tokenizer.positions", str(positions), *flags])
    return out


def score(folder: Path, dataset: Dataset, minors: dict[str, bool]) -> list[Row]:
    """The lines of a checkpoint and of the trivial system on its grid."""
    checkpoint = load_checkpoint(folder)
    assert isinstance(checkpoint.tokenizer, GridTokenizer), f"{folder} writes no grid"
    view = model_view(checkpoint, dataset)
    costs = voice_costs(checkpoint, dataset, view, view.indices("test"))
    heard = {}
    for split in ("train", "test"):
        for index in view.indices(split):
            begin, end = music_span(dataset, view, index, checkpoint.tokenizer)
            heard[index] = sounding(view.stream(index), checkpoint.tokenizer.tables)[begin:end]
    drawn = hold_or_draw_costs(*([heard[i] for i in view.indices(split)] for split in ("train", "test")))
    trivial = [cost._replace(nats=nats) for cost, nats in zip(costs, drawn, strict=True)]
    return [row(folder.name, costs, minors), row("hold or draw a pitch", trivial, minors)]


def row(system: str, costs: list[Cost], minors: dict[str, bool]) -> Row:
    """A line of the table.

    Args:
        system: what is scored.
        costs: of the pieces.
        minors: by the piece's name, whether it is in minor.
    """

    def a_beat(chosen: list[Cost]) -> float:
        return sum(cost.nats for cost in chosen) / sum(cost.beats for cost in chosen)

    major, minor = ([c for c in costs if minors[Path(c.name).name] == mode] for mode in (False, True))
    of_pieces = float(np.mean([cost.nats / cost.beats for cost in costs]))
    return Row(system, a_beat(major), a_beat(minor), a_beat(costs), of_pieces)


def mean_row(rows: list[Row]) -> Row:
    """The mean of several seeds."""
    means = (float(np.mean([each[column] for each in rows])) for column in range(1, 5))
    return Row(f"mean of {len(rows)} seeds", *means)


def table(rows: Sequence[Row]) -> str:
    """The rows as text."""
    lines = [f"{'':<28}{'major':>8}{'minor':>8}{'both':>8}{'pieces':>8}"]
    for each in rows:
        cells = (f"{value:>8.3f}" if value is not None else f"{'':>8}" for value in each[1:])
        lines.append(f"{each.system:<28}{''.join(cells)}".rstrip())
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.harmonisation", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    parser.add_argument("--data", type=Path, required=True, help="Allan and Williams' folder")
    parser.add_argument("--grid", choices=POSITIONS, default="quarter", help="what is scored (quarter)")
    parser.add_argument("--seeds", type=int, default=1, help="runs to average (default 1)")
    parser.add_argument("--checkpoint", type=Path, help="score this one and train none")
    parser.add_argument("--out", type=Path, default=Path("out/harmonisation"), help="for all that is made")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments, flags = parser.parse_known_args(argv)
    if arguments.checkpoint and flags:
        parser.error(f"{flags[0]} is a flag of training, and --checkpoint trains none")
    try:
        dataset = build_dataset(arguments.data, arguments.out, arguments.grid)
        minors = {chorale.name: chorale.is_minor for chorale in read_chorales(arguments.data)}
        folders = [arguments.checkpoint] if arguments.checkpoint else []
        for seed in range(0 if folders else arguments.seeds):
            out = arguments.out / f"{arguments.grid}-{seed}"
            folders.append(train(dataset, out, POSITIONS[arguments.grid], seed, flags))
        scored = [score(folder, dataset, minors) for folder in folders]
    except (MusegenError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    own = [rows[0] for rows in scored]
    rows = [*own, *([mean_row(own)] if len(own) > 1 else []), scored[0][1]]
    rows += [Row(*published) for published in PUBLISHED]
    if arguments.json:
        print(json.dumps([each._asdict() for each in rows], indent=2))
    else:
        print(f"{table(rows)}\n\n{NOTE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
