"""What an accompanist must be told of the melody: alignments and tokenizers side by side.

    python -m benchmarks.alignment DATASET [--out DIR] [--json] [train's flags]

Trains one accompanist each by `musegen train seq2seq`, all with the same flags, and prints the likelihood
of the validation split (never of the test split: this is where models are chosen). Nats a beat compare
across tokenizers; both write down the same music if the grid is fine enough for it.
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
    """Train one system, unless it is there, and score it on the validation split."""
    folder = out / f"{kind}-{alignment}"
    if not (folder / "SHA256SUMS").exists():
        words = ["--tokenizer", kind, "--encoder.alignment", alignment]
        train("seq2seq", dataset.path, folder, *words, *flags)
    checkpoint = load_checkpoint(folder)
    found = total_figures(split_likelihood(checkpoint, dataset, model_view(checkpoint, dataset), "valid"))
    return Row(kind, alignment, found["nats_per_beat"], found["bits_per_note"], found["pieces"])


def show(rows: Iterable[Row]) -> None:
    """Print each row as it comes."""
    for row in rows:
        print("{:<6}{:<6}{:>8.3f} nats a beat{:>8.3f} bits a note, {} pieces".format(*row))


@benchmark(show)
def main(dataset: Dataset, /, *, out: Path = Path("out/alignment"), flags: Flags) -> Iterator[Row]:
    """Train and score one system after the other.

    Args:
        dataset: a prepared dataset with melodies
        out: for the checkpoints
        flags: passed on to `musegen train`
    """
    for kind, alignment in SYSTEMS:
        yield compare(dataset, out, kind, alignment, flags)


if __name__ == "__main__":
    raise SystemExit(main())
