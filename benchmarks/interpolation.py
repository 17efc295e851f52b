"""Interpolation between random pairs of test clips: how smooth, how musical, and never broken.

    python -m benchmarks.interpolation CKPT DATA [--pairs 200] [--num 9] [--path both] [--seed 0]

Pairs are of one metre and of different pieces, and differ in at least one note. Four ways lead from the one
to the other: "verb" as `musegen interpolate` writes it, both ends the given clips themselves; "even" the same
with equal steps of z; "latent" with both ends as the model gives them back, too; "crossfade" without a model
(musegen/music/crossfade.py). Of each:

    away, back       Spearman's correlation of the step and the note edit distance from the first clip, or
                     the last, mean over pairs
    jump             the largest distance between neighbours as a share of the whole, median over pairs
    in scale         share of the notes of the middle step in the best major or minor scale, mean; "ends" is
                     that of the given clips
    empty            clips without a note

Then each first clip is interpolated with itself, which must give the same clip at every step.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from symusic import Score

from benchmarks.clip_sets import ClipSet
from musegen.errors import MusegenError
from musegen.generation.clips import Clip
from musegen.generation.interpolate import POINTS, choose_steps, interpolate_clips
from musegen.generation.latent import latent_of
from musegen.generation.walks import Route, candidates
from musegen.metrics.note_f1 import note_scores
from musegen.metrics.pitch import scale_consistency
from musegen.metrics.smoothness import note_distances, note_edit_distance, smoothness
from musegen.music.crossfade import crossfade

SAME = 20
"""Clips that are interpolated with themselves."""


def ways(clips: ClipSet, pairs: list[tuple[int, int]], num: int, path: Route) -> dict[str, list[list[Score]]]:
    """The clips from the first to the second of each pair, by system."""
    fine = max(POINTS, num)
    latents = [[latent_of(clips.model, clips.ids(index)) for index in pair] for pair in pairs]
    found = []
    for count, way in ((fine, path), (num, "linear" if path == "linear" else "spherical")):
        z = torch.stack([candidates(first, last, count, way) for first, last in latents])  # (pairs, N, Z)
        metres = [clips.metre(first) for first, _ in pairs for _ in range(z.shape[1])]
        decoded = clips.decode(z.flatten(0, 1), metres)
        found.append([decoded[start : start + z.shape[1]] for start in range(0, len(decoded), z.shape[1])])
    ends = [(clips.score(first), clips.score(second)) for first, second in pairs]
    rows = [[a, *way, b] for (a, b), way in zip(ends, found[0], strict=True)]
    return {
        "verb": [[row[step] for step in choose_steps(note_distances(row), num)] for row in rows],
        "even": [[a, *way[1:-1], b] for (a, b), way in zip(ends, found[1], strict=True)],
        "latent": found[1],
        "crossfade": [crossfade(a, b, num, seed=seed) for seed, (a, b) in enumerate(ends)],
    }


def figures(found: list[list[Score]]) -> dict[str, float]:
    """What is measured of one system's ways."""
    smooth = np.array([smoothness(way) for way in found])  # (pairs, 3); NaN where both ends came out alike
    middles = [scale_consistency(way[len(way) // 2]) for way in found]
    return {
        "away": float(np.nanmean(smooth[:, 0])),
        "back": float(np.nanmean(smooth[:, 1])),
        "jump": float(np.nanmedian(smooth[:, 2])),
        "in_scale": float(np.nanmean(middles)),
        "empty": sum(clip.note_num() == 0 for way in found for clip in way),
        "undefined": int(np.isnan(smooth[:, 2]).sum()),
    }


def identical(clips: ClipSet, chosen: Sequence[int], num: int) -> int:
    """Of clips interpolated with themselves by the product's own function, how many stay one clip."""
    kept = 0
    for index in chosen:
        clip = Clip(clips.score(index), clips.ids(index), clips.metre(index), [])
        way = interpolate_clips(clips.model, clips.tokenizer, clip, clip, num)
        kept += all(not note_edit_distance(clip.score, result.score) for result in way.between)
    return kept


def measure(clips: ClipSet, *, pairs: int, num: int, path: Route, seed: int) -> dict[str, object]:
    """Everything, ready for JSON."""
    drawn = clips.draw_pairs(2 * pairs, np.random.default_rng(seed))
    differ = [(a, b) for a, b in drawn if note_edit_distance(clips.score(a), clips.score(b))][:pairs]
    found = ways(clips, differ, num, path)
    ends = [clips.score(index) for pair in differ for index in pair]
    back = [end for way in found["latent"] for end in (way[0], way[-1])]
    same = [first for first, _ in differ[:SAME]]
    return {
        "pairs": len(differ),
        "num": num,
        "path": path,
        "systems": {name: figures(each) for name, each in found.items()},
        "ends_in_scale": float(np.mean([scale_consistency(clip) for clip in ends])),
        "ends_note_f1": float(np.mean([note_scores(a, b).f1 for a, b in zip(ends, back, strict=True)])),
        "identical_ends": f"{identical(clips, same, num)} of {len(same)} stay one clip",
    }


def table(measured: dict[str, object]) -> str:
    """The systems side by side."""
    systems = measured["systems"]
    assert isinstance(systems, dict)
    lines = [f"{'':<11}{'away':>8}{'back':>8}{'jump':>8}{'in scale':>10}{'empty':>7}"]
    for name, each in systems.items():
        lines.append(
            f"{name:<11}{each['away']:>8.3f}{each['back']:>8.3f}{each['jump']:>8.3f}"
            f"{each['in_scale']:>10.3f}{each['empty']:>7}"
        )
    lines.append(
        f"\n{measured['pairs']} pairs, {measured['num']} steps, path {measured['path']}; given clips in scale"
        f" {measured['ends_in_scale']:.3f}, given back with note F1 {measured['ends_note_f1']:.3f}; "
        f"identical ends: {measured['identical_ends']}"
    )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.interpolation", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    parser.add_argument("checkpoint", type=Path, help="a folder of a model of clips")
    parser.add_argument("data", type=Path, help="a prepared dataset")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--num", type=int, default=9, help="clips from end to end (9)")
    parser.add_argument("--path", choices=get_args(Route), default="both", help="of the points (both)")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args(argv)
    try:
        clips = ClipSet(arguments.checkpoint, arguments.data, arguments.split)
        measured = measure(
            clips,
            pairs=arguments.pairs,
            num=arguments.num,
            path=arguments.path,
            seed=arguments.seed,
        )
    except MusegenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(measured, indent=2) if arguments.json else table(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
