"""Sliders: does each move what it is named after, by as much as it says, and leave the rest?"""

from typing import Any

import numpy as np
import torch
from symusic.core import ScoreTick
from torch import Tensor

from musegen.evaluation.clip_sets import ClipSet
from musegen.generation.clips import Metre
from musegen.generation.latent import by_metre, latent_of
from musegen.generation.sliders import along_slider, attribute_units, chosen
from musegen.metrics.attributes import score_attributes
from musegen.metrics.bootstrap import spearman
from musegen.metrics.note_f1 import note_scores
from musegen.models.vae import ATTRIBUTES
from musegen.music.notes import Floats

SETTINGS = 7
CLIPS = 20
"""That are measured unless another number is asked for."""


def measure_sliders(clips: ClipSet, *, count: int = CLIPS, seed: int = 0) -> dict[str, Any]:
    """Sliders set for some clips as `musegen vary` sets them, evenly over what clips have of the attribute.

    Each slider is set to `SETTINGS` values from the 5th to the 95th percentile. "spearman" is Spearman's
    correlation of what a slider was set to and what the clips then have of each attribute, pooled over clips
    and settings; "corpus" that between attributes of the clips as they are: what cannot but move together;
    "missed" how far the attribute lies from what it was set to, median; "notes" and "onsets" what survives of
    the clip: F1 of its notes (onset and pitch), and of its onsets alone ("reconstruction" without sliders).

    Args:
        clips: of the split, and the model.
        count: clips that are measured.
        seed: of the choice.

    Raises:
        ConfigError: the model was trained without sliders.
    """
    drawn = clips.draw(count, np.random.default_rng(seed)).tolist()
    given = [clips.score(index) for index in drawn]
    metres = [clips.metre(index) for index in drawn]
    own = score_attributes(given, clips.model.clip_bars)  # (clips, 4)
    z = torch.stack([latent_of(clips.model, clips.ids(index)) for index in drawn])
    plain = _survival(given, clips.decode(z, metres))
    rows = {
        name: _slider(clips, z, metres, given, index, own[:, index], seed)
        for index, name in enumerate(ATTRIBUTES)
    }
    return {
        "clips": len(drawn),
        "sliders": rows,
        "corpus": {
            name: {other: spearman(own[:, i], own[:, j]) for j, other in enumerate(ATTRIBUTES)}
            for i, name in enumerate(ATTRIBUTES)
        },
        "reconstruction": plain,
    }


def _slider(
    clips: ClipSet, z: Tensor, metres: list[Metre], given: list[ScoreTick], index: int, own: Floats, seed: int
) -> dict[str, Any]:
    """What comes of setting a slider for clips that have so much, `own` (clips,), of its attribute."""
    low, high = np.nanquantile(own, [0.05, 0.95]).tolist()
    values = np.linspace(low, high, SETTINGS)
    asked = np.repeat(values, len(given))  # all clips at the first setting, then at the second, ...
    walks = by_metre(
        metres,
        lambda rows, metre: along_slider(clips.decoder(metre), z[rows], index, seed=seed),
    )
    units = attribute_units(clips.model)
    taken = [
        (walk, chosen(walk, index, value, walk.attributes[0], units)) for value in values for walk in walks
    ]
    found = [walk.results[best].score for walk, best in taken]
    have = np.stack([walk.attributes[best] for walk, best in taken])
    return {
        "settings": values.tolist(),
        "spearman": {other: spearman(asked, have[:, i]) for i, other in enumerate(ATTRIBUTES)},
        "missed": float(np.median(np.abs(have[:, index] - asked))),
        **_survival(given * SETTINGS, found),
    }


def _survival(given: list[ScoreTick], found: list[ScoreTick]) -> dict[str, float]:
    """Mean F1 of the notes, and of the onsets alone, of some clips."""
    pairs = list(zip(given, found, strict=True))
    return {
        "notes": float(np.mean([note_scores(a, b).f1 for a, b in pairs])),
        "onsets": float(np.mean([note_scores(_level(a), _level(b)).f1 for a, b in pairs])),
    }


def _level(score: ScoreTick) -> ScoreTick:
    """The score with every note on one pitch."""
    flat = score.copy()
    for track in flat.tracks:
        for note in track.notes:
            note.pitch = 60
    return flat
