"""Harmonising chorales as scored by Allan and Williams (2005): -ln P(alto, tenor, bass | soprano) per beat.

    python -m benchmarks.harmonisation --data DATA [--grid quarter] [--seeds 1] [--out DIR] [train's flags]
    python -m benchmarks.harmonisation --data DATA --checkpoint CKPT

Models are trained and selected on the 229 pieces of the canonical training split (a tenth of them, by a
hash of their names, for validation), and tested on the other 153 pieces of Allan and Williams. The score is
that of the pitches that alto, tenor and bass sound at each quarter (or sixteenth) note, summed over the
voices, per quarter note; the end is not scored (see benchmarks/sounding.py). Every flag of `musegen train
seq2seq` is passed on.
"""

import hashlib
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from benchmarks.allan_williams import Chorale, Grid, chorale_score, read_chorales
from benchmarks.runner import Flags, benchmark
from benchmarks.runs import dataset_of, grid_models, table, with_mean
from benchmarks.sounding import Cost, Ints, hold_or_draw_costs, music_span, sounding, voice_costs
from musegen.checkpoint.folder import load_checkpoint
from musegen.data.dataset import Dataset
from musegen.evaluation.likelihood import model_view
from musegen.tokenizers import GridTokenizer

POSITIONS: dict[Grid, int] = {"quarter": 1, "sixteenth": 4}
PUBLISHED = (("Allan and Williams, HMM", 4.90, 5.02), ("Allan and Williams, Markov", 7.08, 7.21))
"""Nats per beat, major and minor."""
NOTE = (
    "Nats per beat, summed over alto, tenor and bass; total nats over total quarter notes, and the mean\n"
    "over pieces. Allan and Williams score one symbol per beat: the intervals of the three voices from\n"
    "the soprano and a functional harmony label; their figures include the cost of the label, ours do not."
)


class Row(NamedTuple):
    """A line of the table, in nats per beat."""

    system: str
    major: float
    minor: float
    both: float | None = None
    of_pieces: float | None = None
    """Mean over pieces."""


def is_valid(name: str) -> bool:
    """Whether a training piece is used for validation: a tenth of them, by name alone."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10 == 0


def split_of(chorale: Chorale) -> str:
    """Which split a piece of the canonical split belongs to here."""
    if chorale.split != "train":
        return "test"
    return "valid" if is_valid(chorale.name) else "train"


def build_dataset(data: Path, out: Path, grid: Grid) -> Dataset:
    """The musegen dataset of the chorales."""
    pieces = ((f"{split_of(each)}/{each.name}", chorale_score(each, grid)) for each in read_chorales(data))
    return dataset_of(pieces, out / f"{grid}-midi", out / f"{grid}-data", "Soprano")


def score(folder: Path, dataset: Dataset, minors: dict[str, bool]) -> list[Row]:
    """The lines of a checkpoint and of the trivial baseline on its grid."""
    checkpoint = load_checkpoint(folder)
    tokenizer = checkpoint.tokenizer
    assert isinstance(tokenizer, GridTokenizer), f"{folder} writes no grid"
    view = model_view(checkpoint, dataset)
    costs = voice_costs(checkpoint, dataset, view, view.indices("test"))

    def sounds(index: int) -> Ints:
        begin, end = music_span(dataset, view, index, tokenizer)
        return sounding(view.stream(index), tokenizer.tables)[begin:end]

    drawn = hold_or_draw_costs(*(list(map(sounds, view.indices(split))) for split in ("train", "test")))
    trivial = [cost._replace(nats=nats) for cost, nats in zip(costs, drawn, strict=True)]
    return [row(folder.name, costs, minors), row("hold or sample a pitch", trivial, minors)]


def row(system: str, costs: list[Cost], minors: dict[str, bool]) -> Row:
    """A line of the table.

    Args:
        system: what is scored.
        costs: of the pieces.
        minors: by the piece's name, whether it is in minor.
    """

    def per_beat(chosen: list[Cost]) -> float:
        return sum(cost.nats for cost in chosen) / sum(cost.beats for cost in chosen)

    major, minor = ([c for c in costs if minors[Path(c.name).name] == mode] for mode in (False, True))
    of_pieces = float(np.mean([cost.nats / cost.beats for cost in costs]))
    return Row(system, per_beat(major), per_beat(minor), per_beat(costs), of_pieces)


def show(rows: list[Row]) -> str:
    """The rows as text, with an explanation."""
    return f"{table(rows, title='', digits=3)}\n\n{NOTE}"


@benchmark(show)
def main(
    *,
    data: Path,
    grid: Literal["quarter", "sixteenth"] = "quarter",
    seeds: int = 1,
    checkpoint: Path | None = None,
    out: Path = Path("out/harmonisation"),
    flags: Flags,
) -> list[Row]:
    """Train and score; the table also has a trivial baseline and published results.

    Args:
        data: Allan and Williams' folder
        grid: the positions that are scored
        seeds: number of runs to average
        checkpoint: score this checkpoint instead of training
        out: folder for everything that is made
        flags: passed on to `musegen train`
    """
    dataset = build_dataset(data, out, grid)
    minors = {chorale.name: chorale.is_minor for chorale in read_chorales(data)}
    folders = grid_models(
        "seq2seq", dataset, out / grid, positions=POSITIONS[grid], fixed=checkpoint, seeds=seeds, flags=flags
    )
    scored = [score(folder, dataset, minors) for folder in folders]
    own = with_mean([rows[0] for rows in scored])
    return [*own, scored[0][1], *(Row(*published) for published in PUBLISHED)]
