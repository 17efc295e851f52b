"""From one clip to another through the latent space."""

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from symusic import Tempo
from torch import Tensor

from musegen.generation.clips import Clip
from musegen.generation.latent import ClipDecoder, latent_of
from musegen.generation.request import Result
from musegen.generation.sampling import RowStreams
from musegen.metrics.smoothness import note_distances
from musegen.tokenizers.tables import Ints

Route = Literal["both", "spherical", "linear"]
"""Along the arc, along the straight line, or whichever of the two leads on more evenly, step by step."""
BESIDE, ASIDE = 2, 0.3
"""Points drawn around each point of a way; and how far away half-way, as a share of the way's length."""
PARALLEL = 1e-6
"""Sine of an angle below which there is no one arc between two directions."""
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
    decoder: ClipDecoder, first: Clip, last: Clip, num: int, *, path: Route = "both", seed: int = 0
) -> Interpolation:
    """The clips between two of one metre, with the first one's instrument and a tempo between theirs.

    Equal steps of z are not equal steps of music: of `PATH_POINTS` clips on each path, and others around it,
    those that change most evenly are taken (`choose_steps`). Between two equal clips lies that clip.

    Args:
        decoder: of the model; the metre is the first clip's.
        first: where to begin.
        last: where to end.
        num: clips, both ends included.
        path: where the points lie.
        seed: fixes everything.

    Raises:
        MusegenError: a clip did not end.
    """
    ends = latent_of(decoder.model, first.ids), latent_of(decoder.model, last.ids)
    z = candidates(*ends, max(PATH_POINTS, num), path, seed=seed)
    found = decoder.of(first).decode(z, RowStreams(seed, range(len(z))))
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


def interpolate(first: Tensor, second: Tensor, num: int, *, spherical: bool = True) -> Tensor:
    """`num` points (2 or more) from one point, (Z,), to another, both included, (num, Z)."""
    shares = torch.linspace(0, 1, num, dtype=torch.float64)
    return between(first, second, shares, spherical=spherical)


def candidates(first: Tensor, second: Tensor, num: int, path: Route, *, seed: int = 0) -> Tensor:
    """Points on the way and beside it, in the order in which they lead on, (N, Z), both ends included.

    Where a clip changes all at once on the way itself, it changes little by little somewhere beside it. So
    each of the `num` points of a path but the ends is joined by `BESIDE` others, drawn around it.

    Args:
        first: (Z,).
        second: (Z,).
        num: points of each path.
        path: where they lie.
        seed: of what is drawn.
    """
    way = along(first, second, num, path)  # (P, Z)
    random = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(way), BESIDE, len(first), generator=random, dtype=torch.float64)
    share = torch.linspace(0, 1, len(way), dtype=torch.float64)
    reach = ASIDE * 4 * share * (1 - share) * (second - first).double().norm() / len(first) ** 0.5
    beside = way[:, None] + (reach[:, None, None] * noise).to(way)  # (P, BESIDE, Z)
    points = torch.cat([way[:, None], beside], dim=1)
    return torch.cat([way[:1], points[1:-1].flatten(0, 1), way[-1:]])


def along(first: Tensor, second: Tensor, num: int, path: Route) -> Tensor:
    """Points between two, in the order in which they lead on: `num` of a path, 2 num of both, (N, Z)."""
    ways = [
        interpolate(first, second, num, spherical=kind == "spherical")
        for kind in ("spherical", "linear")
        if path in (kind, "both")
    ]
    return torch.stack(ways, dim=1).flatten(0, 1)


def between(first: Tensor, second: Tensor, shares: Tensor, *, spherical: bool = True) -> Tensor:
    """The points that lie a share of the way from one point to another, (N, Z).

    On the arc between them (Shoemake 1985, slerp), where they have one; on the straight line where that is
    wanted, and where one is zero or they lie in one direction or in opposite ones. Share 0 is exactly the
    first point and 1 the second; between equal points every share is that point.

    Args:
        first: (Z,).
        second: (Z,).
        shares: (N,) from 0 to 1.
        spherical: the arc.
    """
    a, b = first.double(), second.double()
    ahead = shares.to(a)[:, None]  # (N, 1)
    points = a + ahead * (b - a)  # (N, Z)
    length = a.norm() * b.norm()
    if spherical and length > 0:
        angle = torch.arccos((a @ b / length).clamp(-1, 1))
        if angle.sin() > PARALLEL:
            points = (torch.sin((1 - ahead) * angle) * a + torch.sin(ahead * angle) * b) / angle.sin()
    points = torch.where(ahead == 0, a, torch.where(ahead == 1, b, points))
    return points.to(first)
