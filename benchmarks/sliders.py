"""Sliders: does each move what it is named after, by as much as it says, and leave the rest?

    python -m benchmarks.sliders CKPT DATA [--clips 200] [--split test] [--seed 0]

Each slider is set to 7 values for each of some test clips, as `musegen vary` sets it: evenly from the 5th to
the 95th percentile of what the split's clips have of its attribute. Printed are

    the matrix       Spearman's correlation of what a slider (row) was set to and what the clips then have
                     of each attribute (column), pooled over clips and settings
    the corpus's own the same between attributes of the clips as they are: what cannot but move together
    missed           how far the attribute lies from what it was set to, median
    notes, onsets    what of the clip survives: F1 of its notes (onset and pitch), and of its onsets alone,
                     in what the settings gave; in brackets the same of the plain reconstruction
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from symusic import Score

from benchmarks.clip_sets import ClipSet
from musegen.errors import MusegenError
from musegen.generation.latent import latent_of
from musegen.generation.sliders import Walk, along_slider, attribute_units, chosen
from musegen.metrics.attributes import score_attributes
from musegen.metrics.correlation import spearman
from musegen.metrics.note_f1 import note_scores
from musegen.models.vae import ATTRIBUTES

SETTINGS = 7


def measure(clips: ClipSet, *, count: int, seed: int) -> dict[str, Any]:
    """Everything, ready for JSON.

    Raises:
        ConfigError: the model was trained without sliders.
    """
    drawn = clips.draw(count, np.random.default_rng(seed)).tolist()
    given = [clips.score(index) for index in drawn]
    metres = [clips.metre(index) for index in drawn]
    own = score_attributes(given, clips.model.clip_bars)  # (clips, 4)
    z = torch.stack([latent_of(clips.model, clips.ids(index)) for index in drawn])
    plain = survival(given, clips.decode(z, metres))
    units = attribute_units(clips.model)
    rows = {}
    for index, name in enumerate(ATTRIBUTES):
        low, high = np.nanquantile(own[:, index], [0.05, 0.95]).tolist()
        values = np.linspace(low, high, SETTINGS)
        asked = np.repeat(values, len(drawn))  # all clips at the first setting, then at the second, ...
        walks: dict[int, Walk] = {}
        for metre in dict.fromkeys(metres):
            rows_of = [row for row, its in enumerate(metres) if its == metre]
            ways = along_slider(clips.model, clips.tokenizer, z[rows_of], metre, index, seed=seed)
            walks |= dict(zip(rows_of, ways, strict=True))
        taken = [
            (walks[row], chosen(walks[row], index, value, walks[row].attributes[0], units))
            for value in values
            for row in range(len(drawn))
        ]
        found = [walk.results[best].score for walk, best in taken]
        have = np.stack([walk.attributes[best] for walk, best in taken])
        rows[name] = {
            "settings": values.tolist(),
            "spearman": {other: spearman(asked, have[:, i]) for i, other in enumerate(ATTRIBUTES)},
            "missed": float(np.median(np.abs(have[:, index] - asked))),
            **survival(given * SETTINGS, found),
        }
    return {
        "clips": len(drawn),
        "sliders": rows,
        "corpus": {
            name: {other: spearman(own[:, i], own[:, j]) for j, other in enumerate(ATTRIBUTES)}
            for i, name in enumerate(ATTRIBUTES)
        },
        "reconstruction": plain,
    }


def survival(given: list[Score], found: list[Score]) -> dict[str, float]:
    """Mean F1 of the notes, and of the onsets alone, of some clips."""
    pairs = list(zip(given, found, strict=True))
    return {
        "notes": float(np.mean([note_scores(a, b).f1 for a, b in pairs])),
        "onsets": float(np.mean([note_scores(level(a), level(b)).f1 for a, b in pairs])),
    }


def level(score: Score) -> Score:
    """The score with every note on one pitch."""
    flat = score.copy()
    for track in flat.tracks:
        for note in track.notes:
            note.pitch = 60
    return flat


def table(measured: dict[str, Any]) -> str:
    """The matrices, one below the other."""
    plain = measured["reconstruction"]
    head = "".join(f"{name:>12}" for name in ATTRIBUTES)
    lines = [f"{'slider':<12}{head}{'missed':>9}{'notes':>8} ({plain['notes']:.2f})"]
    lines[0] += f"{'onsets':>8} ({plain['onsets']:.2f})"
    for name, row in measured["sliders"].items():
        cells = "".join(f"{row['spearman'][other]:>12.2f}" for other in ATTRIBUTES)
        lines.append(f"{name:<12}{cells}{row['missed']:>9.2f}{row['notes']:>8.2f}{row['onsets']:>15.2f}")
    lines.append(f"\n{'corpus':<12}{head}")
    for name, row in measured["corpus"].items():
        lines.append(f"{name:<12}" + "".join(f"{row[other]:>12.2f}" for other in ATTRIBUTES))
    lines.append(f"\n{measured['clips']} clips, {SETTINGS} settings each:")
    for name, row in measured["sliders"].items():
        lines.append(f"  {name}: " + ", ".join(f"{value:.2f}" for value in row["settings"]))
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sliders", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    parser.add_argument("checkpoint", type=Path, help="a folder of a model of clips")
    parser.add_argument("data", type=Path, help="a prepared dataset")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args(argv)
    try:
        clips = ClipSet(arguments.checkpoint, arguments.data, arguments.split)
        measured = measure(clips, count=arguments.clips, seed=arguments.seed)
    except MusegenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(measured, indent=2) if arguments.json else table(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
