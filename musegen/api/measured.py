"""Metrics of clips derived from a user's clip, as listed in a manifest; None where undefined."""

from collections.abc import Sequence
from math import isnan
from typing import Any

from symusic.core import ScoreTick

from musegen.config.verbs import SLIDERS
from musegen.metrics.attributes import score_attributes
from musegen.metrics.note_f1 import note_scores
from musegen.metrics.smoothness import smoothness


def likeness(clip: ScoreTick, reconstruction: ScoreTick) -> dict[str, float]:
    """Note F1 of a reconstruction against the clip, without and with durations."""
    plain = note_scores(clip, reconstruction)
    strict = note_scores(clip, reconstruction, with_durations=True)
    return {
        "note_f1": plain.f1,
        "precision": plain.precision,
        "recall": plain.recall,
        "note_f1_durations": strict.f1,
    }


def of_variations(scores: Sequence[ScoreTick], bars: int) -> list[dict[str, Any]]:
    """For the user's clip and each variation: its attributes, and its note F1 against the clip."""
    return [
        dict(zip(SLIDERS, map(_defined, values), strict=True)) | likeness(scores[0], score)
        for score, values in zip(scores, score_attributes(scores, bars).tolist(), strict=True)
    ]


def of_interpolation(
    scores: Sequence[ScoreTick], ends: Sequence[ScoreTick], reconstructions: Sequence[ScoreTick]
) -> dict[str, Any]:
    """Note F1 of both ends as the model reconstructs them, and the smoothness of the interpolation."""
    first, last = (likeness(*pair) for pair in zip(ends, reconstructions, strict=True))
    smooth = {name: _defined(value) for name, value in smoothness(scores)._asdict().items()}
    return {"first": first, "last": last, "smoothness": smooth}


def _defined(value: float) -> float | None:
    return None if isnan(value) else value
