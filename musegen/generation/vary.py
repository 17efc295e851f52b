"""Variations of a clip: around its point in the latent space, and along the sliders."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from musegen.config.options import SamplingOptions
from musegen.generation.assemble import dress_like
from musegen.generation.clips import Clip
from musegen.generation.latent import GREEDY, Metre, decode_latents, draw_latents, latent_of
from musegen.generation.request import Result
from musegen.generation.sampling import RowStreams
from musegen.generation.sliders import set_sliders
from musegen.generation.walks import interpolate
from musegen.metrics.smoothness import note_distances
from musegen.models.vae import VAE
from musegen.tokenizers import Tokenizer

ARC_POINTS = 32
"""Clips on the way to each drawn point, from which the variation is chosen."""


def vary_clip(
    model: VAE,
    tokenizer: Tokenizer,
    clip: Clip,
    *,
    num: int = 1,
    amount: float = 0.0,
    moves: Mapping[str, float] | None = None,
    sampling: SamplingOptions = GREEDY,
    seed: int = 0,
) -> list[Result]:
    """Clips like one: first away from its point at random, then along the sliders.

    Each variation lies on the arc from the clip's point (the mean of its posterior) to a point drawn as
    `generate` draws it, the share `amount` of the way as it is heard: of all the note edits between the
    clips at both ends, that share is done. At 0 that is the clip as the model gives it back, at 1 a clip
    that has nothing to do with it.

    Args:
        model: in eval mode.
        tokenizer: the model's own.
        clip: to vary; its metre, tempo and instrument are kept.
        num: how many.
        amount: from 0 to 1.
        moves: by how many units each attribute is to change as they are heard (see
            `set_sliders`).
        sampling: how ids are drawn; unset, the likeliest each time.
        seed: fixes everything; variation i of a seed does not depend on `num`.

    Raises:
        ConfigError: the model was trained without sliders.
        MusegenError: a clip did not end.
    """
    streams = RowStreams(seed, range(num))
    home = latent_of(model, clip.ids)
    others = draw_latents(model, streams)
    likeliest = replace(GREEDY, precision=sampling.precision)
    z = torch.stack(
        [_on_the_way(model, tokenizer, home, other, clip.metre, amount, likeliest) for other in others]
    )
    ticks = clip.score.ticks_per_quarter
    if moves:
        results = set_sliders(
            model, tokenizer, z, clip.metre, moves, sampling=sampling, seed=seed, ticks_per_quarter=ticks
        )
    else:
        results = decode_latents(
            model, tokenizer, z, clip.metre, sampling=sampling, streams=streams, ticks_per_quarter=ticks
        )
    for result in results:
        dress_like(result.score, clip.score, tokenizer)
    return results


def _on_the_way(
    model: VAE,
    tokenizer: Tokenizer,
    home: Tensor,
    other: Tensor,
    metre: Metre,
    amount: float,
    likeliest: SamplingOptions,
) -> Tensor:
    """The point, (Z,), the share `amount` of the way from one to another, in note edits of their clips.

    Equal steps of z are not: a good model gives the same clip back from far around its point.
    """
    shares = np.linspace(0, 1, ARC_POINTS)
    points = interpolate(home, other, ARC_POINTS)
    clips = [result.score for result in decode_latents(model, tokenizer, points, metre, sampling=likeliest)]
    edits = note_distances(clips)[0]
    missed = np.abs(edits - amount * edits[-1]) + 1e-3 * np.abs(shares - amount)  # of points alike the nearer
    return points[int(missed.argmin())]
