"""Beats that a language model of drums writes, beside held-out beats of drummers and n-grams.

    python -m benchmarks.drums GROOVE [--split validation] [--num 200] [--checkpoint CKPT] [--json]

GROOVE is the folder of the Groove MIDI Dataset (Gillick et al. 2019, arXiv:1905.06118) with its info.csv. Its
kit is mapped to General MIDI, and a language model is trained on the training split, unless one is named;
flags that are not listed are those of `musegen train`. It writes pieces of 8 bars in 4/4.

Overlap is the area under two histograms, 0 to 1: of the hits of each bar, of the drums, of the positions in
the bar (16ths and triplets), of velocities (in tens) and of shifts (in 96ths of a quarter note). Real are the
pieces in 4/4 of the split, all bars but the last; the overlap of two halves of the real is the mean over ten
divisions by piece. Bits per hit are those of all tokens of the split, also of the best n-gram of the same
tokens, and by what they say.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from symusic import Score

from benchmarks.performer import groove_dataset
from benchmarks.runner import Flags, benchmark
from benchmarks.runs import train
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.cli.tables import print_table
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError
from musegen.evaluation.lm import evaluate_lm
from musegen.generation.from_checkpoint import Wanted, generate_pieces
from musegen.metrics.overlap import overlap
from musegen.music.metre import bar_ticks
from musegen.music.notes import Floats, Ints, note_arrays
from musegen.music.performance import UNITS, nearest
from musegen.tokenizers.remi_vocabulary import REACH, STEPS

BARS = 8
DIVISIONS = 10
TARGET = 0.95
"""Share of the overlap of halves of the real that is wanted."""
BINS = {"hits": 64, "drum": 128, "position": 4 * UNITS, "velocity": 13, "shift": 2 * REACH + 1}


class Hits(NamedTuple):
    """What is counted of a piece, (N,) each."""

    hits: Ints
    """Per bar."""
    drum: Ints
    position: Ints
    """In the bar, in twelfths of a quarter note."""
    velocity: Ints
    """In tens."""
    shift: Ints
    """In 96ths of a quarter note, from 0."""


def hits_of(score: Score) -> Hits:
    """The hits of a tidy Score in 4/4, without those of its last bar, which may be cut short."""
    rows = np.concatenate([np.stack(note_arrays(track)) for track in score.tracks], axis=1)
    onset = rows[0] / score.tpq
    place = nearest(onset, UNITS)
    bars, kept = len(bar_ticks(score)) - 2, place < (len(bar_ticks(score)) - 2) * 4 * UNITS
    steps = np.round(onset * STEPS).astype(np.int64) - place * (STEPS // UNITS)
    return Hits(
        hits=np.bincount(place[kept] // (4 * UNITS), minlength=bars),
        drum=rows[2][kept],
        position=place[kept] % (4 * UNITS),
        velocity=rows[3][kept] // 10,
        shift=np.clip(steps[kept], -REACH, REACH) + REACH,
    )


def shares(pieces: Sequence[Hits]) -> dict[str, Floats]:
    """The histogram of each thing that is counted over all pieces, with sum 1."""
    columns = {name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in BINS}
    counts = {
        name: np.bincount(np.minimum(columns[name], bins - 1), minlength=bins) for name, bins in BINS.items()
    }
    return {name: count / max(1, count.sum()) for name, count in counts.items()}


def overlaps(one: Sequence[Hits], other: Sequence[Hits]) -> dict[str, float]:
    """The overlap of the histograms of two sets of pieces."""
    first, second = shares(one), shares(other)
    return {name: float(overlap(first[name], second[name])) for name in BINS}


def of_halves(pieces: Sequence[Hits]) -> dict[str, float]:
    """The mean overlap of two halves of some pieces."""
    rng, found = np.random.default_rng(0), []
    for _ in range(DIVISIONS):
        order = rng.permutation(len(pieces))
        halves = [[pieces[i] for i in order[part::2]] for part in (0, 1)]
        found.append(overlaps(*halves))
    return {name: float(np.mean([each[name] for each in found])) for name in BINS}


def bits_per_hit(figures: dict[str, Any]) -> dict[str, float]:
    """Bits per hit of all tokens, and of those that say when, what, how loud and the rest."""
    kinds = {name: row["count"] * row["nats_each"] / np.log(2) for name, row in figures["by_kind"].items()}
    named = {"position": "when", "shift": "beside it", "pitch": "what", "velocity": "how loud"}
    parts = {named[kind]: bits / figures["notes"] for kind, bits in kinds.items() if kind in named}
    total = float(figures["bits_per_note"])
    return {"all": total, **parts, "other": total - sum(parts.values())}


def in_four(dataset: Dataset, split: str) -> list[Score]:
    """The pieces of a split that are in 4/4 throughout."""
    return [dataset.score(piece) for piece in dataset.split(split) if piece.time_signatures == ["4/4"]]


def show(found: dict[str, Any]) -> None:
    """Print both tables."""
    rows = [[name, f"{row['model']:.3f}", f"{row['halves']:.3f}"] for name, row in found["overlap"].items()]
    print_table(["overlap with the real", "model", "two halves of the real"], rows, [])
    names = list(found["bits_per_hit"]["model"])
    rows = [[name, *(f"{row[each]:.2f}" for each in names)] for name, row in found["bits_per_hit"].items()]
    print_table(
        ["bits per hit", *names], rows, [f"{found['outside']} of {found['hits']} hits outside the kit"]
    )


def is_good(found: dict[str, Any]) -> bool:
    """Whether every overlap is near that of halves, and no hit is outside the kit."""
    near = all(row["model"] >= TARGET * row["halves"] for row in found["overlap"].values())
    return near and not found["outside"]


def measure(checkpoint: Checkpoint, dataset: Dataset, split: str, *, num: int, seed: int) -> dict[str, Any]:
    """Overlaps, and bits per hit, of a language model of drums."""
    wanted = Wanted(seed=seed, num=num, bars=BARS, time_signature=(4, 4))
    made = [hits_of(result.score) for result in generate_pieces(checkpoint, wanted).results]
    real = [hits_of(score) for score in in_four(dataset, split)]
    kit = np.unique(np.concatenate([hits_of(score).drum for score in in_four(dataset, "train")]))
    model, halves = overlaps(made, real), of_halves(real)
    written = np.concatenate([each.drum for each in made])
    figures = evaluate_lm(checkpoint, dataset, split, samples=0).figures
    baselines = {name: figures["baselines"][name] for name in ("unigram", "ngram")}
    return {
        "split": split,
        "pieces": len(real),
        "overlap": {name: {"model": model[name], "halves": halves[name]} for name in BINS},
        "outside": int((~np.isin(written, kit)).sum()),
        "hits": len(written),
        "bits_per_hit": {
            "model": bits_per_hit(figures),
            **{row["name"]: bits_per_hit(row) for row in baselines.values()},
        },
    }


@benchmark(show, is_good=is_good)
def main(
    folder: Path,
    /,
    *,
    out: Path = Path("checkpoints/drums"),
    split: Literal["valid", "test"] = "valid",
    num: int = 200,
    seed: int = 0,
    checkpoint: Path | None = None,
    flags: Flags,
) -> dict[str, Any]:
    """Train a language model of drums, unless one is named, and compare what it writes with the real.

    Args:
        folder: the Groove MIDI Dataset.
        out: the checkpoint is written there, and the dataset beside it.
        split: the real music; settings are chosen on valid.
        num: pieces that are written.
        seed: of training and of the pieces.
        checkpoint: of a trained model.
        flags: of musegen train.
    """
    if checkpoint and flags:
        raise ConfigError(f"{flags[0]} is a flag of training, but with --checkpoint nothing is trained")
    place = out.with_name(f"{out.name}-data")
    dataset = Dataset.open(place) if place.exists() else groove_dataset(folder, place, kit="roland")
    trained = checkpoint or train("lm", place, out, "--seed", str(seed), *flags)
    return measure(load_checkpoint(trained), dataset, split, num=num, seed=seed)
