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

from benchmarks.runner import Flags, benchmark
from benchmarks.runs import train
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.data.dataset import Dataset
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.reconstruction import choose
from musegen.generation.latent import latent_of
from musegen.metrics.bootstrap import bootstrap_mean
from musegen.metrics.note_f1 import note_scores

Kind = Literal["remi", "grid", "line"]
KINDS: tuple[Kind, ...] = ("remi", "grid", "line")
FEW, MORE = 4, 24
"""Steps of two short runs; the difference of their times gives the time per step."""


def timed(kind: str, dataset: Path, out: Path, steps: int, flags: Sequence[str]) -> float:
    """Train by `musegen train`; returns the CPU minutes."""
    words = f"--tokenizer {kind} --trainer.max-steps {steps} --trainer.val-check-interval {steps}"
    began = time.process_time()
    train("vae", dataset, out, *words.split(), *flags)
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
    every = [homes(ClipSet(each, dataset, "test")) for each in checkpoints]
    common = [
        home for home, number in homes(test).items() if number in new and all(home in has for has in every)
    ]
    return [common[i] for i in np.linspace(0, len(common) - 1, min(limit, len(common))).round().astype(int)]


def measure(
    checkpoint: Checkpoint, reference: Checkpoint, dataset: Dataset, wanted: Sequence[tuple[str, int]]
) -> dict[str, Any]:
    """Reconstruction of some clips, compared with their notes as decoded by the reference tokenizer."""
    clips, others = ClipSet(checkpoint, dataset, "test"), ClipSet(reference, dataset, "test")
    own, theirs = homes(clips), homes(others)
    numbers = [own[home] for home in wanted]
    z = np.stack([latent_of(clips.machine, clips.ids(number)) for number in numbers])
    back = clips.decode(z, [clips.metre(number) for number in numbers])
    notes = [others.score(theirs[home]) for home in wanted]
    f1 = bootstrap_mean([note_scores(*pair).f1 for pair in zip(notes, back, strict=True)])
    length = float(np.diff(clips.clips.offsets).mean())
    return {"ids_a_clip": length, "note_f1": f1._asdict(), "clips": len(wanted)}


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
    kinds: Sequence[Kind] = KINDS,
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
    models = [load_checkpoint(out / kind) for kind in kinds]
    wanted = wanted_clips(models, data, limit)
    return [row | measure(model, models[0], data, wanted) for row, model in zip(rows, models, strict=True)]
