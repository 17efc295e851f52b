"""Which alignment with the melody an accompaniment model needs, and with which tokenizer.

    python -m benchmarks.alignment DATASET [--out DIR] [--json] [train's flags]

Trains one accompaniment model for each combination by `musegen train seq2seq`, all with the same flags, and
prints the likelihood of the validation split (never of the test split, because models are selected here).
Nats per beat are comparable between tokenizers if the grid is fine enough to represent all of the music.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.runner import Flags, benchmark
from benchmarks.runs import train
from musegen.checkpoint.folder import load_checkpoint
from musegen.data.dataset import Dataset
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
    """Train one system, unless it exists, and score it on the validation split."""
    folder = out / f"{kind}-{alignment}"
    if not (folder / "SHA256SUMS").exists():
        words = ["--tokenizer", kind, "--encoder.alignment", alignment]
        train("seq2seq", dataset.path, folder, *words, *flags)
    checkpoint = load_checkpoint(folder)
    found = total_figures(split_likelihood(checkpoint, dataset, model_view(checkpoint, dataset), "valid"))
    return Row(kind, alignment, found["nats_per_beat"], found["bits_per_note"], found["pieces"])


def show(rows: Iterable[Row]) -> None:
    """Print each row as soon as it is measured."""
    for row in rows:
        print("{:<6}{:<6}{:>8.3f} nats per beat{:>8.3f} bits per note, {} pieces".format(*row))


@benchmark(show)
def main(dataset: Dataset, /, *, out: Path = Path("out/alignment"), flags: Flags) -> Iterator[Row]:
    """Train and score one system after another.

    Args:
        dataset: a prepared dataset with melodies
        out: folder for the checkpoints
        flags: passed on to `musegen train`
    """
    for kind, alignment in SYSTEMS:
        yield compare(dataset, out, kind, alignment, flags)
