"""From one clip to another through the latent space."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from symusic import Tempo

from musegen.config.options import SamplingOptions
from musegen.generation.assemble import dress_like
from musegen.generation.clips import Clip
from musegen.generation.latent import GREEDY, decode_latents, latent_of
from musegen.generation.request import Result
from musegen.generation.sampling import RowStreams
from musegen.generation.walks import Route, candidates
from musegen.metrics.smoothness import note_distances
from musegen.models.vae import VAE
from musegen.tokenizers import Tokenizer
from musegen.tokenizers.tables import Ints

PATH_POINTS = 64
"""Of a path, from which, and from others beside them, the steps are chosen."""
POWER = 6
"""How much a long step counts: with 3 the longest is a little longer (see benchmarks/RESULTS.md)."""
IDLE = 3
"""How much longer a step counts for each note by which it does not lead on."""


class Interpolation(NamedTuple):
    """From one clip to another."""

    first: Result
    """The first clip as the model gives it back."""
    between: list[Result]
    """What lies between the two."""
    last: Result
    """The last clip as the model gives it back."""


def interpolate_clips(
    model: VAE,
    tokenizer: Tokenizer,
    first: Clip,
    last: Clip,
    num: int,
    *,
    path: Route = "both",
    sampling: SamplingOptions = GREEDY,
    seed: int = 0,
) -> Interpolation:
    """The clips between two of one metre, with the first one's instrument and a tempo between theirs.

    Equal steps of z are not heard as equal: of `PATH_POINTS` clips on each path, and others beside it, those are
    taken that lead there most evenly (`choose_steps`). Between two clips that are alike lies that clip.

    Args:
        model: in eval mode.
        tokenizer: the model's own.
        first: where to begin.
        last: where to end.
        num: clips, both ends included.
        path: where the points lie.
        sampling: how ids are drawn; unset, the likeliest each time.
        seed: fixes everything.

    Raises:
        MusegenError: a clip did not end.
    """
    ends = latent_of(model, first.ids), latent_of(model, last.ids)
    z = candidates(*ends, max(PATH_POINTS, num), path, seed=seed)
    found = decode_latents(
        model,
        tokenizer,
        z,
        first.metre,
        sampling=sampling,
        streams=RowStreams(seed, range(len(z))),
        ticks_per_quarter=first.score.ticks_per_quarter,
    )
    for result in found:
        dress_like(result.score, first.score, tokenizer)
    if np.array_equal(first.ids, last.ids):
        same = replace(found[0], score=first.score, ids=first.ids[:-1].tolist())
        return Interpolation(found[0], [same] * (num - 2), found[-1])
    apart = note_distances([first.score, *(result.score for result in found), last.score])
    between = [found[point - 1] for point in choose_steps(apart, num)[1:-1]]
    return Interpolation(found[0], _paced(between, first, last), found[-1])


def choose_steps(apart: Ints, num: int) -> list[int]:
    """Of points in a row, which `num` lead most evenly from the first to the last, both of them included.

    Least is the sum of the sixth powers of the steps' lengths: many small ones, rather than a large one. A
    step that does not lead away from the first point, or not nearer to the last, counts as so much longer.

    Args:
        apart: (P, P) distances between the points.
        num: from 2 to P.
    """
    away, near = apart[0], apart[-1]
    idle = np.maximum(0, 1 + away[:, None] - away) + np.maximum(0, 1 + near - near[:, None])
    costs = (apart + IDLE * idle).astype(np.float64) ** POWER
    costs[np.tril_indices(len(apart))] = np.inf  # ever onward
    best, before = costs[0], []
    for _ in range(num - 2):
        through = best[:, None] + costs  # (P, P): the way to a point, and one step more
        before.append(through.argmin(axis=0))
        best = through.min(axis=0)
    steps = [len(apart) - 1]
    for origins in reversed(before):
        steps.append(int(origins[steps[-1]]))
    return [0, *reversed(steps)]


def _paced(between: list[Result], first: Clip, last: Clip) -> list[Result]:
    """The clips, each a step nearer in tempo from the first end's to the last end's."""
    begin, end = (clip.score.tempos[0].qpm if clip.score.tempos else 120.0 for clip in (first, last))
    paced = []
    for step, result in enumerate(between, start=1):
        score = result.score.copy()
        score.tempos = [Tempo(0, qpm=begin + (end - begin) * step / (len(between) + 1))]
        paced.append(replace(result, score=score))
    return paced
