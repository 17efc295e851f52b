"""Variations of a clip: around its point in the latent space, and along the sliders."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from musegen.generation.clips import Clip
from musegen.generation.interpolate import interpolate
from musegen.generation.latent import GREEDY, ClipDecoder, draw_latents, latent_of
from musegen.generation.request import Result
from musegen.generation.sampling import RowStreams
from musegen.generation.sliders import set_sliders
from musegen.metrics.smoothness import note_distances

ARC_POINTS = 32
"""Clips on the way to each drawn point, from which the variation is chosen."""


def vary_clip(
    decoder: ClipDecoder,
    clip: Clip,
    *,
    num: int = 1,
    amount: float = 0.0,
    moves: Mapping[str, float] | None = None,
    seed: int = 0,
) -> list[Result]:
    """Clips like one: first away from its point at random, then along the sliders.

    Each variation lies on the arc from the clip's point (the mean of its posterior) to a point drawn as
    `generate` draws it, the share `amount` of the way as it is heard: of all the note edits between the
    clips at both ends, that share is done. At 0 that is the clip as the model gives it back, at 1 a clip
    that has nothing to do with it.

    Args:
        decoder: of the model.
        clip: to vary; its metre, tempo and instrument are kept.
        num: how many.
        amount: from 0 to 1.
        moves: by how many units each attribute is to change as they are heard (see
            `set_sliders`).
        seed: fixes everything; variation i of a seed does not depend on `num`.

    Raises:
        ConfigError: the model was trained without sliders.
        MusegenError: a clip did not end.
    """
    streams, decoder = RowStreams(seed, range(num)), decoder.of(clip)
    home = latent_of(decoder.model, clip.ids)
    others = draw_latents(decoder.model, streams)
    likeliest = replace(decoder, sampling=replace(GREEDY, precision=decoder.sampling.precision), like=None)
    z = torch.stack([_on_the_way(likeliest, home, other, amount) for other in others])
    return set_sliders(decoder, z, moves, seed=seed) if moves else decoder.decode(z, streams)


def _on_the_way(decoder: ClipDecoder, home: Tensor, other: Tensor, amount: float) -> Tensor:
    """The point, (Z,), the share `amount` of the way from one to another, in note edits of their clips.

    Equal steps of z are not: a good model gives the same clip back from far around its point.
    """
    shares = np.linspace(0, 1, ARC_POINTS)
    points = interpolate(home, other, ARC_POINTS)
    edits = note_distances([result.score for result in decoder.decode(points)])[0]
    missed = np.abs(edits - amount * edits[-1]) + 1e-3 * np.abs(shares - amount)  # of points alike the nearer
    return points[int(missed.argmin())]
