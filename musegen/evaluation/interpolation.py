"""Evaluation of interpolations between pairs of clips: how smooth and how musical they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from symusic.core import ScoreTick

from musegen.evaluation.baselines import crossfade
from musegen.evaluation.clip_sets import ClipSet
from musegen.generation.clips import Clip
from musegen.generation.interpolate import (
    PATH_POINTS,
    Route,
    candidates,
    choose_steps,
    interpolate_clips,
    paths,
)
from musegen.generation.latent import latent_of
from musegen.metrics.note_f1 import note_scores
from musegen.metrics.pitch import scale_consistency
from musegen.metrics.smoothness import note_distances, note_edit_distance, smoothness

SAME = 5
"""Clips that are interpolated with themselves."""
PAIRS = 20
"""The default number of pairs."""


def measure_interpolation(
    clips: ClipSet, *, pairs: int = PAIRS, num: int = 9, path: Route = "both", seed: int = 0
) -> dict[str, Any]:
    """Interpolate between random pairs of different clips of the same metre and of different pieces.

    There are four systems: "verb" as in `musegen interpolate`, with the clips themselves at both ends; "even"
    with equal steps of z; "latent" with the reconstructions at both ends, too; "crossfade" without a model
    (evaluation/baselines.py). Of each: "away" and "back", Spearman's correlation of the step and the note
    edit distance from the first clip, or the last, mean over pairs; "jump", the largest distance between
    neighbours as a share of the whole, median over pairs; "in_scale", the share of the middle clip's notes in
    the best major or minor scale; "empty", clips without a note.

    Args:
        clips: of the split, and the model.
        pairs: how many; fewer if there are no more.
        num: clips per interpolation, both ends included.
        path: of the points.
        seed: of the pairs.

    Returns:
        Ready for JSON; without systems if there is no such pair, and without scales for clips of drums.
    """
    drawn = clips.draw_pairs(2 * pairs, np.random.default_rng(seed))
    differ = [(a, b) for a, b in drawn if note_edit_distance(clips.score(a), clips.score(b))][:pairs]
    if not differ:
        return {"pairs": 0, "num": num, "path": path, "systems": {}}
    found = _ways(clips, differ, num, path)
    ends = [clips.score(index) for pair in differ for index in pair]
    scales = np.array([scale_consistency(clip) for clip in ends])  # NaN without pitched notes
    back = [end for way in found["latent"] for end in (way[0], way[-1])]
    same = [first for first, _ in differ[:SAME]]
    pitched = not np.isnan(scales).all()
    return {
        "pairs": len(differ),
        "num": num,
        "path": path,
        "systems": {name: _figures(each, pitched=pitched) for name, each in found.items()},
        **({"ends_in_scale": float(np.nanmean(scales))} if pitched else {}),
        "ends_note_f1": float(np.mean([note_scores(a, b).f1 for a, b in zip(ends, back, strict=True)])),
        "identical_ends": f"{_identical(clips, same, num)} of {len(same)} stay one clip",
    }


def _ways(
    clips: ClipSet, pairs: list[tuple[int, int]], num: int, path: Route
) -> dict[str, list[list[ScoreTick]]]:
    """The clips from the first to the second of each pair, by system."""
    fine = max(PATH_POINTS, num)
    latents = [[latent_of(clips.machine, clips.ids(index)) for index in pair] for pair in pairs]
    found = []
    straight: Route = "linear" if path == "linear" else "spherical"
    for points in (
        [candidates(first, last, fine, path) for first, last in latents],
        [paths(first, last, num, straight) for first, last in latents],
    ):
        z = np.stack(points)  # (pairs, N, Z)
        metres = [clips.metre(first) for first, _ in pairs for _ in range(z.shape[1])]
        decoded = clips.decode(z.reshape(-1, z.shape[2]), metres)
        found.append([decoded[start : start + z.shape[1]] for start in range(0, len(decoded), z.shape[1])])
    ends = [(clips.score(first), clips.score(second)) for first, second in pairs]
    rows = [[a, *way, b] for (a, b), way in zip(ends, found[0], strict=True)]
    return {
        "verb": [[row[step] for step in choose_steps(note_distances(row), num)] for row in rows],
        "even": [[a, *way[1:-1], b] for (a, b), way in zip(ends, found[1], strict=True)],
        "latent": found[1],
        "crossfade": [crossfade(a, b, num, seed=seed) for seed, (a, b) in enumerate(ends)],
    }


def _figures(found: list[list[ScoreTick]], *, pitched: bool) -> dict[str, float]:
    """The measures of one system; the scales only of pitched notes."""
    smooth = np.array([smoothness(way) for way in found])  # (pairs, 3); NaN if both ends are equal
    middles = [scale_consistency(way[len(way) // 2]) for way in found]
    return {
        "away": float(np.nanmean(smooth[:, 0])),
        "back": float(np.nanmean(smooth[:, 1])),
        "jump": float(np.nanmedian(smooth[:, 2])),
        **({"in_scale": float(np.nanmean(middles))} if pitched else {}),
        "empty": sum(clip.note_num() == 0 for way in found for clip in way),
        "undefined": int(np.isnan(smooth[:, 2]).sum()),
    }


def _identical(clips: ClipSet, chosen: Sequence[int], num: int) -> int:
    """How many clips interpolated with themselves give only that clip."""
    kept = 0
    for index in chosen:
        clip = Clip(clips.score(index), clips.ids(index), clips.metre(index), [])
        way = interpolate_clips(clips.decoder(clip.metre), clip, clip, num)
        kept += all(not note_edit_distance(clip.score, result.score) for result in way.between)
    return kept
