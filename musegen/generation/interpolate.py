"""From one clip to another through the latent space."""

import math
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from symusic import Tempo

from musegen.generation.clips import Clip
from musegen.generation.latent import ClipDecoder, latent_of
from musegen.generation.machine import Array
from musegen.generation.request import Result
from musegen.generation.sampling import RowStreams
from musegen.metrics.smoothness import note_distances
from musegen.music.notes import Floats
from musegen.tokenizers.tables import Ints

Route = Literal["both", "spherical", "linear"]
"""Along the arc, along the straight line, or at each step along whichever changes more evenly."""
NEIGHBOURS, NEIGHBOUR_DISTANCE = 2, 0.3
"""Points sampled around each point of a path, and their distance half-way, as a share of its length."""
PARALLEL = 1e-6
"""Sine of an angle below which the arc between two directions is undefined."""
PATH_POINTS = 64
"""Points of a path; the steps are chosen from these and from others around them."""
PAIRS = 16
"""Random numbers that become normal ones together."""
POWER = 6
"""Power of a step's length in the cost: with 3 the longest is longer (see benchmarks/RESULTS.md)."""
BACKTRACKING = 3
"""How much longer a step counts for each note by which it makes no progress."""


class Interpolation(NamedTuple):
    """The clips from one to another."""

    first: Result
    """The reconstruction of the first clip."""
    between: list[Result]
    """The clips between the two."""
    last: Result
    """The reconstruction of the last clip."""


def interpolate_clips(
    decoder: ClipDecoder, first: Clip, last: Clip, num: int, *, path: Route = "both", seed: int = 0
) -> Interpolation:
    """The clips between two of the same metre, with the instrument of the first and a tempo between theirs.

    Equal steps of z are not equal steps of music: of `PATH_POINTS` clips on each path, and others around it,
    those that change most evenly are taken (`choose_steps`). Between two equal clips lies that clip.

    Args:
        decoder: of the model; the metre is that of the first clip.
        first: where to begin.
        last: where to end.
        num: the number of clips, both ends included.
        path: where the points lie.
        seed: of all random numbers.

    Raises:
        MusegenError: a clip did not end.
    """
    ends = latent_of(decoder.machine, first.ids), latent_of(decoder.machine, last.ids)
    z = candidates(*ends, max(PATH_POINTS, num), path, seed=seed)
    found = decoder.of(first).decode(z, RowStreams(seed, range(len(z))))
    if np.array_equal(first.ids, last.ids):
        same = replace(found[0], score=first.score, ids=first.ids[:-1].tolist())
        return Interpolation(found[0], [same] * (num - 2), found[-1])
    distances = note_distances([first.score, *(result.score for result in found), last.score])
    between = [found[point - 1] for point in choose_steps(distances, num)[1:-1]]
    return Interpolation(found[0], _with_tempos(between, first, last), found[-1])


def choose_steps(distances: Ints, num: int) -> list[int]:
    """The `num` of some points in a row that change most evenly from the first to the last, both included.

    They minimise the sum of the sixth powers of the steps' lengths, which prefers many small steps to a large
    one. A step that does not lead away from the first point, or towards the last, counts as longer.

    Args:
        distances: (P, P) distances between the points.
        num: from 2 to P.
    """
    from_first, to_last = distances[0], distances[-1]
    backtracking = np.maximum(0, 1 + from_first[:, None] - from_first)
    backtracking += np.maximum(0, 1 + to_last - to_last[:, None])
    costs = (distances + BACKTRACKING * backtracking).astype(np.float64) ** POWER
    costs[np.tril_indices(len(distances))] = np.inf  # only forward
    best, predecessors = costs[0], []
    for _ in range(num - 2):
        through = best[:, None] + costs  # (P, P): the cost up to a point and one step more
        predecessors.append(through.argmin(axis=0))
        best = through.min(axis=0)
    steps = [len(distances) - 1]
    for origins in reversed(predecessors):
        steps.append(int(origins[steps[-1]]))
    return [0, *reversed(steps)]


def _with_tempos(between: list[Result], first: Clip, last: Clip) -> list[Result]:
    """The clips with tempos in even steps from that of the first clip to that of the last."""
    begin, end = (clip.score.tempos[0].qpm if clip.score.tempos else 120.0 for clip in (first, last))
    results = []
    for step, result in enumerate(between, start=1):
        score = result.score.copy()
        score.tempos = [Tempo(0, qpm=begin + (end - begin) * step / (len(between) + 1))]
        results.append(replace(result, score=score))
    return results


def interpolate(first: Array, second: Array, num: int, *, spherical: bool = True) -> Array:
    """`num` (2 or more) points from one point, (Z,), to another, both included, (num, Z)."""
    shares = np.linspace(0, 1, num)
    return slerp(first, second, shares, spherical=spherical)


def candidates(first: Array, second: Array, num: int, path: Route, *, seed: int = 0) -> Array:
    """Points on a path and around it, in order of progress, (N, Z), both ends included.

    Where a clip changes all at once on the path itself, it changes little by little somewhere near it. So
    `NEIGHBOURS` others are sampled around each of the `num` points of a path but the ends.

    Args:
        first: (Z,).
        second: (Z,).
        num: points of each path.
        path: where they lie.
        seed: of the points around the path.
    """
    on_path = paths(first, second, num, path)  # (P, Z)
    noise = _normal(seed, (len(on_path), NEIGHBOURS, len(first)))
    share = np.linspace(0, 1, len(on_path))
    length = np.linalg.norm((second - first).astype(np.float64)) / len(first) ** 0.5
    reach = NEIGHBOUR_DISTANCE * 4 * share * (1 - share) * length
    away = (reach[:, None, None] * noise).astype(on_path.dtype)  # (P, NEIGHBOURS, Z)
    points = np.concatenate([on_path[:, None], on_path[:, None] + away], axis=1)
    return np.concatenate([on_path[:1], points[1:-1].reshape(-1, len(first)), on_path[-1:]])


def paths(first: Array, second: Array, num: int, path: Route) -> Array:
    """Points between two, in order of progress: `num` of one path, 2 num of both, (N, Z)."""
    points = [
        interpolate(first, second, num, spherical=kind == "spherical")
        for kind in ("spherical", "linear")
        if path in (kind, "both")
    ]
    return np.stack(points, axis=1).reshape(-1, len(first))


def slerp(first: Array, second: Array, shares: Floats, *, spherical: bool = True) -> Array:
    """Interpolate between two points, (N, Z).

    On the arc between them (Shoemake 1985, slerp), if they have one; on the straight line if `spherical` is
    False, if one is zero, or if they lie in the same or in opposite directions. Share 0 is exactly the first
    point and 1 the second; between equal points every share is that point.

    Args:
        first: (Z,).
        second: (Z,).
        shares: (N,) shares of the distance, from 0 to 1.
        spherical: on the arc.
    """
    a, b = first.astype(np.float64), second.astype(np.float64)
    share = shares[:, None]  # (N, 1)
    points = a + share * (b - a)  # (N, Z)
    length = np.linalg.norm(a) * np.linalg.norm(b)
    if spherical and length > 0:
        angle = np.arccos(np.clip(a @ b / length, -1, 1))
        if np.sin(angle) > PARALLEL:
            points = (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
    points = np.where(share == 0, a, np.where(share == 1, b, points))
    return points.astype(first.dtype)


def _normal(seed: int, shape: tuple[int, ...]) -> Floats:
    """Standard normal numbers: those of `torch.randn`, float64, whose clips earlier versions gave for a seed.

    Box and Muller's transform of blocks of sixteen numbers, eight radii and eight angles.
    """
    count = math.prod(shape)
    words = np.frombuffer(np.random.RandomState(seed).bytes(8 * (count + PAIRS)), np.uint32).astype(np.uint64)
    whole = (words[::2] << np.uint64(32) | words[1::2]) & np.uint64(2**53 - 1)
    uniform = whole.astype(np.float64) / 2**53
    # The last block reaches back over the one before, and has numbers of its own.
    blocks = uniform[: count // PAIRS * PAIRS].reshape(-1, PAIRS)
    last = uniform[count : count + PAIRS][None]
    radius, angle = np.split(np.concatenate([blocks, last]), 2, axis=1)
    radius, angle = np.sqrt(-2 * np.log(1 - radius)), 2 * np.pi * angle
    made = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    normal = made[:-1].reshape(-1)
    if count % PAIRS:
        normal = np.concatenate([normal[: count - PAIRS], made[-1]])
    return normal.reshape(shape)
