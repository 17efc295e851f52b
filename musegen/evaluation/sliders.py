"""Evaluation of sliders: how well each changes its attribute, and how little it changes the rest."""

from typing import Any

import numpy as np
from symusic.core import ScoreTick

from musegen.evaluation.clip_sets import ClipSet
from musegen.generation.clips import Metre
from musegen.generation.latent import by_metre, latent_of
from musegen.generation.machine import Array
from musegen.generation.sliders import along_slider, attribute_units, best_candidate
from musegen.metrics.attributes import ATTRIBUTES, score_attributes
from musegen.metrics.bootstrap import spearman
from musegen.metrics.note_f1 import note_scores
from musegen.music.notes import Floats

SETTINGS = 7
CLIPS = 20
"""The default number of clips."""


def measure_sliders(clips: ClipSet, *, count: int = CLIPS, seed: int = 0) -> dict[str, Any]:
    """Set each slider for some clips, as `musegen vary` does, to values spread over the attribute's range.

    Each slider is set to `SETTINGS` values from the 5th to the 95th percentile. "spearman" is Spearman's
    correlation of the setting and each attribute of the resulting clips, pooled over clips and settings;
    "corpus" that between attributes of the original clips, which are correlated themselves; "missed" the
    median distance of the attribute from the setting; "notes" and "onsets" the similarity to the clip: F1 of
    the notes (onset and pitch), and of the onsets alone ("reconstruction": without sliders).

    Args:
        clips: of the split, and the model.
        count: the number of clips.
        seed: of the choice.

    Raises:
        ConfigError: the model was trained without sliders.
    """
    drawn = clips.draw(count, np.random.default_rng(seed)).tolist()
    originals = [clips.score(index) for index in drawn]
    metres = [clips.metre(index) for index in drawn]
    own = score_attributes(originals, clips.bars)  # (clips, 4)
    z = np.stack([latent_of(clips.machine, clips.ids(index)) for index in drawn])
    reconstruction = _similarity(originals, clips.decode(z, metres))
    rows = {
        name: _slider(clips, z, metres, originals, index, own[:, index], seed)
        for index, name in enumerate(ATTRIBUTES)
    }
    return {
        "clips": len(drawn),
        "sliders": rows,
        "corpus": {
            name: {other: spearman(own[:, i], own[:, j]) for j, other in enumerate(ATTRIBUTES)}
            for i, name in enumerate(ATTRIBUTES)
        },
        "reconstruction": reconstruction,
    }


def _slider(
    clips: ClipSet, z: Array, metres: list[Metre], real: list[ScoreTick], index: int, own: Floats, seed: int
) -> dict[str, Any]:
    """The measures of a slider for clips whose values of its attribute are `own`, (clips,)."""
    low, high = np.nanquantile(own, [0.05, 0.95]).tolist()
    values = np.linspace(low, high, SETTINGS)
    settings = np.repeat(values, len(real))  # all clips at the first setting, then at the second, ...
    rows = by_metre(metres, lambda rows, metre: along_slider(clips.decoder(metre), z[rows], index, seed=seed))
    units = attribute_units(clips.machine)
    choices = [
        (row, best_candidate(row, index, value, row.attributes[0], units)) for value in values for row in rows
    ]
    found = [row.results[best].score for row, best in choices]
    attributes = np.stack([row.attributes[best] for row, best in choices])
    return {
        "settings": values.tolist(),
        "spearman": {other: spearman(settings, attributes[:, i]) for i, other in enumerate(ATTRIBUTES)},
        "missed": float(np.median(np.abs(attributes[:, index] - settings))),
        **_similarity(real * SETTINGS, found),
    }


def _similarity(originals: list[ScoreTick], found: list[ScoreTick]) -> dict[str, float]:
    """Mean F1 of the notes and of the onsets alone, over pairs of clips."""
    pairs = list(zip(originals, found, strict=True))
    return {
        "notes": float(np.mean([note_scores(a, b).f1 for a, b in pairs])),
        "onsets": float(np.mean([note_scores(_flatten_pitch(a), _flatten_pitch(b)).f1 for a, b in pairs])),
    }


def _flatten_pitch(score: ScoreTick) -> ScoreTick:
    """The score with all notes at the same pitch."""
    flat = score.copy()
    for track in flat.tracks:
        for note in track.notes:
            note.pitch = 60
    return flat
