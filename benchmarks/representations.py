"""Three representations of a clip of one melody line, compared by reconstruction after equal training time.

    python -m benchmarks.representations DATASET [--minutes 6] [--limit 500] [--kinds remi grid line]
        [train's flags]

remi: bar, position, pitch and duration of each note. grid: one token per position, a pitch, hold or rest,
with enough positions per quarter note that 95 of 100 tunes are represented exactly. line: alternating pitch
(or rest) and duration. Everything else is the same: `musegen train vae` with --tokenizer of each kind, for
as many steps as fit into the given CPU minutes; the CPU minutes of the actual runs are printed.

The clips are those of the test split that do not occur in the training pieces in any transposition, the
same for all; they are encoded to the mean of their posterior and decoded greedily. The reference is the
notes as encoded by REMI.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from benchmarks.runner import Flags, benchmark
from benchmarks.runs import train
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.data.dataset import Dataset
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.reconstruction import choose
from musegen.generation.latent import latent_of
from musegen.metrics.bootstrap import bootstrap_mean
from musegen.metrics.note_f1 import note_scores

KINDS = ("remi", "grid", "line")
FEW, MORE = 4, 24
"""Steps of two short runs; the difference of their times gives the time per step."""


def timed(kind: str, dataset: Path, out: Path, steps: int, flags: Sequence[str]) -> float:
    """Train by `musegen train`; returns the CPU minutes."""
    words = ["--tokenizer", kind]
    words += ["--trainer.max-steps", str(steps), "--trainer.val-check-interval", str(steps)]
    began = time.process_time()
    train("vae", dataset, out, *words, *flags)
    return (time.process_time() - began) / 60


def steps_within(minutes: float, kind: str, dataset: Path, flags: Sequence[str]) -> int:
    """How many steps fit into so many CPU minutes."""
    with tempfile.TemporaryDirectory() as folder:
        few, more = (timed(kind, dataset, Path(folder) / "run", steps, flags) for steps in (FEW, MORE))
    pace = (more - few) / (MORE - FEW)
    return max(FEW, round((minutes - few) / pace))


def homes(clips: ClipSet) -> dict[tuple[str, int], int]:
    """The number of each clip, by piece and first bar."""
    found = zip(clips.clips.piece.tolist(), clips.clips.first_bar.tolist(), strict=True)
    return {(clips.pieces[piece].name, bar): number for number, (piece, bar) in enumerate(found)}


def wanted_clips(checkpoints: Sequence[Checkpoint], dataset: Dataset, limit: int) -> list[tuple[str, int]]:
    """Clips of the test split that are new and exist in every representation, evenly spread."""
    first = next(each for each in checkpoints if each.tokenizer.kind != "grid")
    test, training = ClipSet(first, dataset, "test"), ClipSet(first, dataset, "train")
    chosen = choose(test.clips, training.clips, first.tokenizer.tables, limit=10**9, is_training=False)
    new = set(chosen.which.tolist())
    common = [home for home, number in homes(test).items() if number in new]
    for other in checkpoints:
        has = homes(ClipSet(other, dataset, "test"))
        common = [home for home in common if home in has]
    return [common[i] for i in np.linspace(0, len(common) - 1, min(limit, len(common))).round().astype(int)]


def measure(
    checkpoint: Checkpoint, reference: Checkpoint, dataset: Dataset, wanted: Sequence[tuple[str, int]]
) -> dict[str, Any]:
    """Reconstruction of some clips, compared with their notes as decoded by the reference tokenizer."""
    clips, others = ClipSet(checkpoint, dataset, "test"), ClipSet(reference, dataset, "test")
    own, theirs = homes(clips), homes(others)
    numbers = [own[home] for home in wanted]
    z: Tensor = torch.stack([latent_of(clips.model, clips.ids(number)) for number in numbers])
    back = clips.decode(z, [clips.metre(number) for number in numbers])
    scores = [
        note_scores(others.score(theirs[home]), score) for home, score in zip(wanted, back, strict=True)
    ]
    lengths = np.diff(clips.clips.offsets)
    return {
        "ids_a_clip": float(lengths.mean()),
        "note_f1": bootstrap_mean([each.f1 for each in scores])._asdict(),
        "clips": len(wanted),
    }


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print one row per representation."""
    print(f"{'':<8}{'tokens/clip':>12}{'steps':>7}{'minutes':>9}  note F1")
    for row in rows:
        f1 = "{mean:.3f} ({low:.3f}-{high:.3f})".format(**row["note_f1"])
        print(f"{row['writing']:<8}{row['ids_a_clip']:>12.1f}{row['steps']:>7}{row['minutes']:>9.1f}  {f1}")


@benchmark(show)
def main(
    data: Dataset,
    /,
    *,
    minutes: float = 6.0,
    limit: int = 500,
    kinds: Sequence[Literal["remi", "grid", "line"]] = KINDS,
    out: Path = Path("out/representations"),
    flags: Flags,
) -> list[dict[str, Any]]:
    """Train one model per representation, and measure the reconstructions.

    Args:
        data: a dataset of tunes
        minutes: CPU minutes of training for each
        limit: the most clips to measure
        kinds: representations to compare
        out: folder for the checkpoints
        flags: passed on to `musegen train`
    """
    rows: list[dict[str, Any]] = []
    for kind in kinds:
        steps = steps_within(minutes, kind, data.path, flags)
        taken = timed(kind, data.path, out / kind, steps, flags)
        rows.append({"writing": kind, "steps": steps, "minutes": taken})
    checkpoints = [load_checkpoint(out / kind) for kind in kinds]
    wanted = wanted_clips(checkpoints, data, limit)
    found = [measure(each, checkpoints[0], data, wanted) for each in checkpoints]
    return [row | figures for row, figures in zip(rows, found, strict=True)]
