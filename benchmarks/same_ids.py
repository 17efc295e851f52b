"""Whether exported steps write what torch writes, and a row alone what it writes among others.

    python -m benchmarks.same_ids CKPT [--seeds 200] [--bars 4] [--json]

Per seed a piece, a clip or an accompaniment (to a tune of four bars) is written by the exported steps and in
torch, and compared id by id; then alone and among eight, in each precision. Of streams that differ it is
printed after how many ids they part. The exit code is 1 if any does.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from symusic import Note, Score, TimeSignature, Track
from symusic.core import ScoreTick

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_facts
from musegen.config.autoencoder import VAEConfig
from musegen.generation.accompany import accompany
from musegen.generation.backends import machine_of
from musegen.generation.eager import Eager
from musegen.generation.exported import Exported
from musegen.generation.latent import sample_clips
from musegen.generation.machine import Machine
from musegen.generation.pieces import generate
from musegen.generation.request import Request, TrainingDefaults


def tune(seed: int, bars: int) -> ScoreTick:
    """A random walk on a scale in crotchets."""
    rng, score, track = np.random.default_rng(seed), Score(480), Track("Melody", 0)
    score.time_signatures.append(TimeSignature(0, 4, 4))
    scale, place = [60, 62, 64, 65, 67, 69, 71, 72, 74, 76], 4
    for beat in range(4 * bars):
        place = int(np.clip(place + rng.integers(-2, 3), 0, len(scale) - 1))
        track.notes.append(Note(480 * beat, 480, scale[place], 80))
    score.tracks.append(track)
    return score


def written(checkpoint: Checkpoint, machine: Machine, seed: int, num: int, bars: int) -> list[list[int]]:
    """The ids of each row, in the order of the rows."""
    model, tokenizer = checkpoint.config.model, checkpoint.tokenizer
    shared: dict[str, Any] = {
        "num": num,
        "seed": seed,
        "sampling": checkpoint.config.sampling,
        "defaults": TrainingDefaults.of(checkpoint.data),
    }
    if isinstance(model, VAEConfig):
        results = sample_clips(machine, tokenizer, Request(bars=model.clip_bars), **shared)
    elif "encode" in machine.functions:
        results = accompany(machine, tokenizer, tune(seed, bars), **shared)
    else:
        results = generate(machine, tokenizer, Request(bars=bars), **shared)
    return [result.ids for result in results]


def compared(pairs: list[tuple[list[int], list[list[int]]]]) -> dict[str, Any]:
    """How many streams occur among those of the other side, and where the others part from the nearest."""
    same, parts = 0, []
    for ids, others in pairs:
        if ids in others:
            same += 1
        else:
            common = (
                next((i for i, (a, b) in enumerate(zip(ids, o, strict=False)) if a != b), 0) for o in others
            )
            parts.append(max(common))
    return {"same": same, "of": len(pairs), "others part after ids": parts}


@benchmark(print_facts, is_good=lambda found: all(each["same"] == each["of"] for each in found.values()))
def main(checkpoint: Checkpoint, /, *, seeds: int = 200, bars: int = 4) -> dict[str, Any]:
    """Compare all sides.

    Args:
        checkpoint: the folder of a model with exported graphs
        seeds: how many
        bars: of a piece or a tune
    """
    torch = Eager(replace(checkpoint).model, checkpoint.tokenizer.tables)
    found: dict[str, Any] = {}
    for precision in ("float32", "int8"):
        machine = machine_of(checkpoint, precision)
        assert isinstance(machine, Exported)
        rows = [written(checkpoint, machine, seed, 1, bars)[0] for seed in range(seeds)]
        if precision == "float32":
            against = [written(checkpoint, torch, seed, 1, bars) for seed in range(seeds)]
            found["exported and torch"] = compared(list(zip(rows, against, strict=True)))
        together = [written(checkpoint, machine, seed, 8, bars) for seed in range(seeds)]
        found[f"alone and among eight, {precision}"] = compared(list(zip(rows, together, strict=True)))
    return found
