"""What is measured of clips that were made of a user's own, as a manifest says it; None where undefined."""

from collections.abc import Sequence
from math import isnan
from typing import Any

from symusic.core import ScoreTick

from musegen.config.options import SLIDERS
from musegen.metrics.attributes import score_attributes
from musegen.metrics.note_f1 import note_scores
from musegen.metrics.smoothness import smoothness


def likeness(clip: ScoreTick, found: ScoreTick) -> dict[str, float]:
    """How much of a clip a model gives back."""
    plain, strict = note_scores(clip, found), note_scores(clip, found, with_durations=True)
    return {
        "note_f1": plain.f1,
        "precision": plain.precision,
        "recall": plain.recall,
        "note_f1_durations": strict.f1,
    }


def of_variations(scores: Sequence[ScoreTick], bars: int) -> list[dict[str, Any]]:
    """Of the user's clip and each variation: its attributes, and how many of the clip's notes it keeps."""
    return [
        dict(zip(SLIDERS, map(_known, values), strict=True)) | likeness(scores[0], score)
        for score, values in zip(scores, score_attributes(scores, bars).tolist(), strict=True)
    ]


def of_interpolation(
    scores: Sequence[ScoreTick], ends: Sequence[ScoreTick], given_back: Sequence[ScoreTick]
) -> dict[str, Any]:
    """How like the ends are as the model gives them back, and how smooth the way is."""
    first, last = (likeness(clip, found) for clip, found in zip(ends, given_back, strict=True))
    smooth = {name: _known(value) for name, value in smoothness(scores)._asdict().items()}
    return {"first": first, "last": last, "smoothness": smooth}


def _known(value: float) -> float | None:
    return None if isnan(value) else value
