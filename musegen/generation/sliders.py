"""Sliders: clips along one dimension of z, and the one that has what is asked for, as it is heard.

A decoder follows its sliders' dimensions, but not evenly: between two settings nothing may change, and then
much at once. So a slider is not set by its dimension but by ear: clips are decoded all along it, their
attributes measured, and the clip taken that comes nearest to what was asked for and changes least besides.

The likeliest clip hardly has more notes wherever its point lies, for of all the places where one could be
added none is likely by itself. So for density rhythms are drawn as well, with the likeliest pitches.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from musegen.config.options import SamplingOptions
from musegen.errors import ConfigError
from musegen.generation.latent import ClipDecoder
from musegen.generation.request import Result
from musegen.generation.sampling import RowStreams
from musegen.metrics.attributes import score_attributes
from musegen.metrics.note_f1 import note_scores
from musegen.models.vae import ATTRIBUTES, VAE
from musegen.music.notes import Floats

SLIDER_POINTS = 33
REACH = 5.0
"""Standard deviations of a slider's dimension, over training clips, to either side of where these lie."""
RHYTHMS = {"density": 2}
"""How many rhythms are drawn at each point of a slider."""
RHYTHM_REACH = 9.0
"""`REACH` of the points at which rhythms are drawn."""
LIKELIEST_PITCHES = SamplingOptions(temperature=0.01)
LEAK = 0.25
"""How much a move of another attribute counts beside a miss of the one that is set."""
CHANGE = 0.2
"""How much the share of notes that change counts beside a miss of one unit."""


class SliderCandidates(NamedTuple):
    """What lies along a slider for one clip: first the clip itself, as it is given back."""

    points: Tensor
    """(C, Z) of the candidates."""
    results: list[Result]
    """Their clips."""
    attributes: Floats
    """(C, 4) of the clips."""
    changed: Floats
    """(C,) how far each clip is from the first: 1 less the F1 of its notes."""


def along_slider(decoder: ClipDecoder, z: Tensor, slider: int, *, seed: int = 0) -> list[SliderCandidates]:
    """Candidates for each of N points, (N, Z).

    Args:
        decoder: of the model; its sampling counts where no rhythms are drawn.
        z: where the clips are.
        slider: number of the attribute.
        seed: of what is drawn; what belongs to a point does not depend on N.

    Raises:
        ConfigError: the model was trained without sliders.
    """
    points = slider_points(decoder.model, z, slider)  # (N, P, Z)
    further = slider_points(decoder.model, z, slider, reach=RHYTHM_REACH)[:, 1:]
    more = further.repeat(1, RHYTHMS.get(ATTRIBUTES[slider], 0), 1)
    rhythmic = replace(decoder, sampling=replace(LIKELIEST_PITCHES, precision=decoder.sampling.precision))

    def clips(z: Tensor, *, rhythms: bool) -> list[list[Result]]:
        streams = RowStreams(seed, range(z.shape[0] * z.shape[1]))
        which = rhythmic if rhythms else decoder
        results = which.decode(z.flatten(0, 1), streams, pitches_alone=rhythms)
        return [results[row * z.shape[1] : (row + 1) * z.shape[1]] for row in range(len(z))]

    walks = []
    plain, drawn = clips(points, rhythms=False), clips(more, rhythms=True)
    for z_row, results in zip(torch.cat([points, more], dim=1), map(list.__add__, plain, drawn), strict=True):
        scores = [result.score for result in results]
        changed = np.array([1 - note_scores(scores[0], score).f1 for score in scores])
        walks.append(
            SliderCandidates(z_row, results, score_attributes(scores, decoder.model.clip_bars), changed)
        )
    return walks


def slider_points(model: VAE, z: Tensor, slider: int, *, reach: float = REACH) -> Tensor:
    """Points along a slider for each of N points, (N, P, Z), the point itself first.

    Args:
        model: in eval mode.
        z: (N, Z).
        slider: number of the attribute.
        reach: as `REACH` says.

    Raises:
        ConfigError: the model was trained without sliders.
    """
    if not float(model.slider_slope[slider]):
        name = ATTRIBUTES[slider]
        raise ConfigError(
            f"--{name} moves a slider, and the model was trained without: train one with --latent.sliders 5"
        )
    mean, deviation = _spread(model)
    ahead = torch.linspace(-reach, reach, SLIDER_POINTS - 1)
    points = z[:, None].repeat(1, SLIDER_POINTS, 1)
    points[:, 1:, slider] = mean[slider] + deviation[slider] * ahead
    return points


def chosen(walk: SliderCandidates, slider: int, value: float, own: Floats, units: Floats) -> int:
    """Which candidate has the value asked for, or comes nearest to it.

    Args:
        walk: along the slider.
        slider: number of the attribute.
        value: asked for.
        own: (4,) attributes that are to stay as they are, the slider's own aside.
        units: (4,) what counts as far, of each attribute.
    """
    away = np.nan_to_num(np.abs(walk.attributes - own) / units, nan=np.inf)
    away[:, slider] = np.nan_to_num(np.abs(walk.attributes[:, slider] - value) / units[slider], nan=np.inf)
    others = np.arange(len(units)) != slider
    return int((away[:, slider] + LEAK * away[:, others].sum(axis=1) + CHANGE * walk.changed).argmin())


def attribute_units(model: VAE) -> Floats:
    """How far apart training clips lie in each attribute, as their sliders' dimensions tell it, (4,)."""
    deviation = _spread(model)[1][: len(ATTRIBUTES)]
    units: Floats = (model.slider_slope.cpu() * deviation).abs().double().clamp(min=1e-6).numpy()
    return units


def set_sliders(
    decoder: ClipDecoder, z: Tensor, moves: Mapping[str, float], *, seed: int = 0
) -> list[Result]:
    """Clips moved along sliders, one after the other, until each has changed by so much.

    Args:
        decoder: of the model.
        z: (N, Z) where the clips are.
        moves: by how many units each attribute is to change, at least one: notes a bar (density), semitones
            (spread and pitch), units of complexity.
        seed: of what is drawn; clip i does not depend on N.

    Raises:
        ConfigError: the model was trained without sliders.
    """
    units, results = attribute_units(decoder.model), []
    wanted: list[Floats] = []
    # The one that draws rhythms comes last: another after it would go back to the likeliest.
    for name in sorted(moves, key=lambda name: RHYTHMS.get(name, 0)):
        slider = ATTRIBUTES.index(name)
        walks = along_slider(decoder, z, slider, seed=seed)
        wanted = wanted or [walk.attributes[0].copy() for walk in walks]
        for own in wanted:
            own[slider] += moves[name]
        taken = [
            chosen(walk, slider, float(own[slider]), own, units)
            for walk, own in zip(walks, wanted, strict=True)
        ]
        z = torch.stack([walk.points[best] for walk, best in zip(walks, taken, strict=True)])
        results = [walk.results[best] for walk, best in zip(walks, taken, strict=True)]
    return results


def _spread(model: VAE) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each dimension, (Z,), over the mixture that training clips make."""
    shares = model.mixture_log_weights.softmax(dim=0)[:, None].cpu()
    means, scales = model.mixture_means.cpu(), model.mixture_scales.cpu()
    mean = (shares * means).sum(dim=0)
    variance = (shares * (scales.square() + means.square())).sum(dim=0) - mean.square()
    return mean, variance.clamp(min=0).sqrt()
