"""How well the music after a gap follows from what fills it, by the likelihood of an independent model.

    python -m benchmarks.joins CKPT JUDGE DATASET [--gaps 500] [--rank 8] [--split valid] [--seed 0] [--json]

The gaps are those of `benchmarks.infill`: 4 bars missing between 6 and 6 given ones, at most one of a tune in
each round of the split. The judge is another language model, trained on the same split with another seed: of
each filling it measures the first bar after the gap, in nats per note. Systems: real music; the first sample
of the model, which does not see the right side; the best of `--rank`, as `musegen fill` ranks them; and the
four bars before the gap, repeated. Means over gaps, with 95% bootstrap intervals, and the ratio to
real music. The exit code is 1 if the best of `--rank` is more than 5% above real music.
"""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any, Literal

import numpy as np
from symusic import Score

from benchmarks.infill import BEFORE, GAP, MISSING, Case, cases, with_gap
from benchmarks.runner import benchmark, need_filler, need_lm
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_table
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.generation.backends import machine_of
from musegen.generation.engine import stream_nats
from musegen.generation.from_checkpoint import fill_piece
from musegen.generation.machine import Machine
from musegen.metrics.bootstrap import bootstrap_mean
from musegen.music.excerpt import bar_lines
from musegen.music.gaps import Gapped, merged, split_notes
from musegen.music.notes import note_arrays
from musegen.tokenizers import Kind, Tokenizer, whole_tokenizer

AFTER = BEFORE + MISSING + 1
"""The first bar after the gap, from 1."""
REAL, FIRST, COPY = "real music", "first sample", "4 bars before"
NEAR = 1.05
"""The largest ratio to real music that is good."""


def rounds(dataset: Dataset, split: str, gaps: int, seed: int) -> Iterator[Case]:
    """Cases of several rounds through the split, each with other bars."""
    every = (cases(dataset, split, gaps, seed + number) for number in count())
    yield from islice((case for found in every for case in found), gaps)


def nats_per_note(score: Score, machine: Machine, tokenizer: Tokenizer) -> float:
    """Nats per note of the first bar after the gap; NaN if it has no notes."""
    ids = whole_tokenizer(tokenizer).encode(score)
    kind = tokenizer.tables.kind[ids]
    bar = np.cumsum(kind == Kind.BAR)
    end = int(np.searchsorted(bar, AFTER, side="right"))
    [nats] = stream_nats(machine, [ids[:end].tolist()], [])
    here = bar[:end] == AFTER
    notes = int((kind[:end][here] == Kind.PITCH).sum())
    return float(nats[here[1:]].sum()) / notes if notes else float("nan")


def fillings(case: Case, checkpoint: Checkpoint, rank: int, seed: int) -> dict[str, Score]:
    """The sixteen bars of each system."""
    begin, end = bar_lines(case.score, AFTER)[[BEFORE, AFTER - 1]].tolist()
    given, _ = split_notes(case.score, [(begin, end)], [0])
    ranked = fill_piece(checkpoint, Gapped(case.score, [GAP], [0]), num=rank, rank=rank, seed=seed)
    first = next(each for each in ranked if each.candidate == 0)
    before = case.earlier[4]
    columns = note_arrays(before.tracks[0])[:3] if before.tracks else (np.zeros(0, np.int64),) * 3
    return {
        REAL: case.score,
        f"best of {rank}": merged(given, ranked[0].notes),
        FIRST: merged(given, first.notes),
        COPY: with_gap(case.score, *columns),
    }


def show(found: dict[str, Any]) -> None:
    """The table."""
    print(f"{found['gaps']} gaps; nats per note of the first bar after the gap")
    rows = [
        [name, f"{each['mean']:.3f} ({each['low']:.3f}, {each['high']:.3f})", f"{each['ratio']:.3f}"]
        for name, each in found["systems"].items()
    ]
    print_table(["", "nats per note", "to real music"], rows)


@benchmark(show, is_good=lambda found: found["ranked"] <= NEAR)
def main(
    checkpoint: Checkpoint,
    judge: Checkpoint,
    dataset: Dataset,
    /,
    *,
    gaps: int = 500,
    rank: int = 8,
    split: Literal["valid", "test"] = "valid",
    seed: int = 0,
) -> dict[str, Any]:
    """The likelihood of what follows, by system.

    Args:
        checkpoint: the folder of a language model of one line, or of a model trained with holes
        judge: the folder of another one
        dataset: the dataset both were trained on
        gaps: number of gaps
        rank: number of ranked samples
        split: split of the pieces
        seed: random seed
    """
    (need_filler if checkpoint.config.fills else need_lm)(checkpoint)
    need_lm(judge)
    own = dataset.as_recorded({piece["name"] for piece in checkpoint.data["train"] + judge.data["train"]})
    machine, values = machine_of(judge), dict[str, list[float]]()
    for number, case in enumerate(progress(rounds(own, split, gaps, seed), gaps, "Filling")):
        for name, score in fillings(case, checkpoint, rank, seed + number).items():
            values.setdefault(name, []).append(nats_per_note(score, machine, judge.tokenizer))
    real = float(np.nanmean(values[REAL]))
    systems = {
        name: bootstrap_mean(each)._asdict() | {"ratio": float(np.nanmean(each)) / real}
        for name, each in values.items()
    }
    return {"gaps": len(values[REAL]), "systems": systems, "ranked": systems[f"best of {rank}"]["ratio"]}
