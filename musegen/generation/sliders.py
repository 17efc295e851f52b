"""Sliders: points along one dimension of z, and the one whose clip has what is asked for, as it is heard.

A decoder follows its sliders' dimensions, but not evenly: between two settings nothing may change, and then
much at once. So a slider is not set by its dimension but by ear: clips are decoded all along it, their
attributes measured, and the clip taken that comes nearest to what was asked for and moves least besides.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from musegen.errors import ConfigError
from musegen.generation.latent import Metre, decode_latents
from musegen.metrics.attributes import Floats, score_attributes
from musegen.models.vae import ATTRIBUTES, VAE
from musegen.tokenizers import Tokenizer

POINTS = 33
REACH = 5.0
"""Standard deviations of a slider's dimension, over training clips, to either side of where these lie."""
LEAK = 0.25
"""How much a move of another attribute counts beside a miss of the one that is set."""


class Walk(NamedTuple):
    """What lies along a slider for one clip."""

    points: Tensor
    """(P, Z)."""
    attributes: Floats
    """(P, 4) of the clips that they stand for."""


def slider_points(model: VAE, z: Tensor, slider: int) -> Tensor:
    """Points along a slider for each of N points, (N, P, Z), the point itself first.

    Raises:
        ConfigError: the model was trained without sliders.
    """
    if not float(model.slider_slope[slider]):
        name = ATTRIBUTES[slider]
        raise ConfigError(
            f"--{name} moves a slider, and the model was trained without: train one with --latent.sliders 5"
        )
    mean, deviation = _spread(model)
    ahead = torch.linspace(-REACH, REACH, POINTS - 1)
    points = z[:, None].repeat(1, POINTS, 1)
    points[:, 1:, slider] = mean[slider] + deviation[slider] * ahead
    return points


def chosen(walk: Walk, slider: int, value: float, own: Floats, units: Floats) -> int:
    """Which point of a walk has the value asked for, or comes nearest to it.

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
    return int((away[:, slider] + LEAK * away[:, others].sum(axis=1)).argmin())


def attribute_units(model: VAE) -> Floats:
    """How far apart training clips lie in each attribute, as their sliders' dimensions tell it, (4,)."""
    deviation = _spread(model)[1][: len(ATTRIBUTES)]
    units: Floats = (model.slider_slope.cpu() * deviation).abs().double().clamp(min=1e-6).numpy()
    return units


def set_sliders(
    model: VAE, tokenizer: Tokenizer, z: Tensor, metre: Metre, moves: Mapping[str, float]
) -> Tensor:
    """Points moved along sliders, one after the other, (N, Z), until their clips have changed by so much.

    Args:
        model: in eval mode.
        tokenizer: the model's own.
        z: (N, Z).
        metre: in which the clips are decoded, the likeliest note each time.
        moves: by how many units each attribute is to change: notes a bar (density), semitones (spread and
            pitch), units of complexity.

    Raises:
        ConfigError: the model was trained without sliders.
    """

    def heard(points: Tensor) -> Floats:
        results = decode_latents(model, tokenizer, points, metre)
        return score_attributes([result.score for result in results], model.clip_bars)

    units = attribute_units(model)
    wanted = heard(z) if moves else np.zeros((0, len(ATTRIBUTES)))
    for name, move in moves.items():
        slider = ATTRIBUTES.index(name)
        wanted[:, slider] += move
        moved = []
        for points, own in zip(slider_points(model, z, slider), wanted, strict=True):
            walk = Walk(points, heard(points))
            moved.append(points[chosen(walk, slider, float(own[slider]), own, units)])
        z = torch.stack(moved)
    return z


def _spread(model: VAE) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each dimension, (Z,), over the mixture that training clips make."""
    shares = model.mixture_log_weights.softmax(dim=0)[:, None].cpu()
    means, scales = model.mixture_means.cpu(), model.mixture_scales.cpu()
    mean = (shares * means).sum(dim=0)
    return mean, ((shares * (scales.square() + means.square())).sum(dim=0) - mean.square()).clamp(
        min=0
    ).sqrt()
