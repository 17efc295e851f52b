"""Variations of a clip: around its point in the latent space, and along the sliders."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from musegen.generation.clips import Clip
from musegen.generation.interpolate import interpolate
from musegen.generation.latent import GREEDY, ClipDecoder, draw_latents, latent_of
from musegen.generation.machine import Array
from musegen.generation.request import Result
from musegen.generation.sampling import RowStreams
from musegen.generation.sliders import set_sliders
from musegen.metrics.smoothness import note_distances

ARC_POINTS = 32
"""Clips on the arc to each sampled point, from which the variation is chosen."""


def vary_clip(
    decoder: ClipDecoder,
    clip: Clip,
    *,
    num: int = 1,
    amount: float = 0.0,
    moves: Mapping[str, float] | None = None,
    seed: int = 0,
) -> list[Result]:
    """Variations of a clip: first in a random direction from its point, then along the sliders.

    Each variation lies on the arc from the clip's point (the mean of its posterior) to a point sampled as by
    `generate`. Of all note edits between the clips at both ends the share `amount` is done: at 0 that is the
    reconstruction of the clip, at 1 a clip that has nothing to do with it.

    Args:
        decoder: of the model.
        clip: to vary; its metre, tempo and instrument are kept.
        num: how many.
        amount: from 0 to 1.
        moves: by how many units to change each attribute (see `set_sliders`).
        seed: of all random numbers; variation i of a seed does not depend on `num`.

    Raises:
        ConfigError: the model was trained without sliders.
        MusegenError: a clip did not end.
    """
    streams, decoder = RowStreams(seed, range(num)), decoder.of(clip)
    start = latent_of(decoder.machine, clip.ids)
    others = draw_latents(decoder.machine, streams)
    greedy = replace(decoder, sampling=replace(GREEDY, precision=decoder.sampling.precision), like=None)
    z = np.stack([_point_at_amount(greedy, start, other, amount) for other in others])
    return set_sliders(decoder, z, moves, seed=seed) if moves else decoder.decode(z, streams)


def _point_at_amount(decoder: ClipDecoder, start: Array, other: Array, amount: float) -> Array:
    """The point, (Z,), on the arc between two at which the share `amount` of the note edits is done.

    Equal steps of z are not equal steps of music: a good model decodes the same clip far around its point.
    """
    shares = np.linspace(0, 1, ARC_POINTS)
    points = interpolate(start, other, ARC_POINTS)
    edits = note_distances([result.score for result in decoder.decode(points)])[0]
    errors = np.abs(edits - amount * edits[-1]) + 1e-3 * np.abs(shares - amount)  # of equal points the nearer
    return points[int(errors.argmin())]
