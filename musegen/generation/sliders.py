"""Sliders: decode clips along one dimension of z, and choose the one with the requested attribute.

A decoder follows the dimensions of its sliders, but not evenly: between two settings nothing may change, and
then much at once. So a slider is set by a decoding search: clips are decoded all along its dimension, their
attributes are measured, and the clip is chosen that is closest to the request and otherwise changes least.

Greedy decoding hardly adds notes wherever the point lies, since of all positions where one could be added
none is likely by itself. So for density rhythms are sampled as well, with the most likely pitches.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from musegen.config.options import SamplingOptions
from musegen.errors import ConfigError
from musegen.generation.latent import ClipDecoder, Mixture
from musegen.generation.machine import Array, Machine
from musegen.generation.request import Result
from musegen.generation.sampling import RowStreams
from musegen.metrics.attributes import ATTRIBUTES, score_attributes
from musegen.metrics.note_f1 import note_scores
from musegen.music.notes import Floats

SLIDER_POINTS = 33
REACH = 5.0
"""Range of a slider's dimension around its mean, in standard deviations of the training clips."""
RHYTHMS = {"density": 2}
"""How many rhythms are sampled at each point of a slider."""
RHYTHM_REACH = 9.0
"""`REACH` of the points at which rhythms are sampled."""
GREEDY_PITCHES = SamplingOptions(temperature=0.01)
LEAK_WEIGHT = 0.25
"""Weight of a change of another attribute, relative to an error of the one that is set."""
CHANGE_WEIGHT = 0.2
"""Weight of the share of notes that change, relative to an error of one unit."""


class SliderCandidates(NamedTuple):
    """The clips along a slider for one clip, the reconstruction of the clip itself first."""

    points: Array
    """(C, Z) of the candidates."""
    results: list[Result]
    """Their clips."""
    attributes: Floats
    """(C, 4) of the clips."""
    changed: Floats
    """(C,) distance of each clip from the first: 1 minus the F1 of its notes."""


def along_slider(decoder: ClipDecoder, z: Array, slider: int, *, seed: int = 0) -> list[SliderCandidates]:
    """Candidates for each of N points, (N, Z).

    Args:
        decoder: of the model; its sampling settings are used where no rhythms are sampled.
        z: the points of the clips.
        slider: number of the attribute.
        seed: of all random numbers; the candidates of a point do not depend on N.

    Raises:
        ConfigError: the model was trained without sliders.
    """
    points = slider_points(decoder.machine, z, slider)  # (N, P, Z)
    wide_points = slider_points(decoder.machine, z, slider, reach=RHYTHM_REACH)[:, 1:]
    rhythm_points = np.tile(wide_points, (1, RHYTHMS.get(ATTRIBUTES[slider], 0), 1))
    rhythmic = replace(decoder, sampling=replace(GREEDY_PITCHES, precision=decoder.sampling.precision))

    def clips(z: Array, *, rhythms: bool) -> list[list[Result]]:
        streams = RowStreams(seed, range(z.shape[0] * z.shape[1]))
        which = rhythmic if rhythms else decoder
        results = which.decode(z.reshape(-1, z.shape[2]), streams, pitches_alone=rhythms)
        return [results[row * z.shape[1] : (row + 1) * z.shape[1]] for row in range(len(z))]

    found = []
    greedy, with_rhythms = clips(points, rhythms=False), clips(rhythm_points, rhythms=True)
    z = np.concatenate([points, rhythm_points], axis=1)  # (N, C, Z)
    for z_row, results in zip(z, map(list.__add__, greedy, with_rhythms), strict=True):
        scores = [result.score for result in results]
        changed = np.array([1 - note_scores(scores[0], score).f1 for score in scores])
        attributes = score_attributes(scores, decoder.bars)
        found.append(SliderCandidates(z_row, results, attributes, changed))
    return found


def slider_points(machine: Machine, z: Array, slider: int, *, reach: float = REACH) -> Array:
    """Points along a slider for each of N points, (N, P, Z), the point itself first.

    Args:
        machine: a clip model.
        z: (N, Z).
        slider: number of the attribute.
        reach: see `REACH`.

    Raises:
        ConfigError: the model was trained without sliders.
    """
    if not machine.weight("slider_slope")[slider]:
        name = ATTRIBUTES[slider]
        raise ConfigError(
            f"⟨{name}⟩ needs a slider, and the model was trained without: train one with ⟨latent.sliders⟩ 5"
        )
    mean, deviation = _spread(machine)
    offsets = np.linspace(-reach, reach, SLIDER_POINTS - 1, dtype=np.float32)
    points = np.repeat(z[:, None], SLIDER_POINTS, axis=1)
    points[:, 1:, slider] = mean[slider] + deviation[slider] * offsets
    return points


def best_candidate(row: SliderCandidates, slider: int, value: float, target: Floats, units: Floats) -> int:
    """The index of the candidate whose attribute is closest to the requested value.

    Args:
        row: the candidates.
        slider: number of the attribute.
        value: the requested one.
        target: (4,) attributes that must not change, except the slider's own.
        units: (4,) the scale of each attribute.
    """
    target = np.where(np.arange(len(units)) == slider, value, target)
    errors = np.nan_to_num(np.abs(row.attributes - target) / units, nan=np.inf)  # (C, 4)
    leaks = np.delete(errors, slider, axis=1).sum(axis=1)
    return int((errors[:, slider] + LEAK_WEIGHT * leaks + CHANGE_WEIGHT * row.changed).argmin())


def attribute_units(machine: Machine) -> Floats:
    """Spread of each attribute over the training clips, as predicted from the sliders' dimensions, (4,)."""
    deviation = _spread(machine)[1][: len(ATTRIBUTES)]
    units: Floats = np.abs(machine.weight("slider_slope") * deviation).astype(np.float64).clip(min=1e-6)
    return units


def set_sliders(decoder: ClipDecoder, z: Array, moves: Mapping[str, float], *, seed: int = 0) -> list[Result]:
    """Clips with their attributes changed by the sliders, one after the other.

    Args:
        decoder: of the model.
        z: (N, Z) the points of the clips.
        moves: by how many units to change each attribute, at least one: notes per bar (density), semitones
            (spread and pitch), units of complexity.
        seed: of all random numbers; clip i does not depend on N.

    Raises:
        ConfigError: the model was trained without sliders.
    """
    units, results = attribute_units(decoder.machine), []
    targets: list[Floats] = []
    # The slider that samples rhythms comes last: one after it would decode greedily again.
    for name in sorted(moves, key=lambda name: RHYTHMS.get(name, 0)):
        slider = ATTRIBUTES.index(name)
        rows = along_slider(decoder, z, slider, seed=seed)
        targets = targets or [row.attributes[0].copy() for row in rows]
        for target in targets:
            target[slider] += moves[name]
        best = [
            best_candidate(row, slider, float(target[slider]), target, units)
            for row, target in zip(rows, targets, strict=True)
        ]
        z = np.stack([row.points[i] for row, i in zip(rows, best, strict=True)])
        results = [row.results[i] for row, i in zip(rows, best, strict=True)]
    return results


def _spread(machine: Machine) -> tuple[Array, Array]:
    """Mean and standard deviation of each dimension, (Z,), of the mixture fitted to the training clips."""
    mixture = Mixture.of(machine)
    shares, means, scales = mixture.shares.astype(np.float32)[:, None], mixture.means, mixture.scales
    mean = (shares * means).sum(axis=0)
    variance = (shares * (scales**2 + means**2)).sum(axis=0) - mean**2
    return mean, np.sqrt(variance.clip(min=0))
