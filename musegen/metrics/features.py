"""The features by which sets of music are compared: each a number, or a histogram, of a piece."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from symusic import Score

from musegen.metrics import harmony, lines, pitch, repetition, rhythm
from musegen.music.facts import PITCH_CLASSES
from musegen.music.notes import Floats


class Feature(NamedTuple):
    """How a feature is found and shown."""

    label: str
    meaning: str
    of: Callable[[Score], float | Floats]
    """Of a tidy Score in ticks; NaN where the piece has no value."""
    bins: tuple[str, ...] = ()
    """Names of a histogram's bins; none where it is a number, or has too many."""


_VALUES = ("1", "1/2", "1/4", "1/8", "1/16", "1/2.", "1/4.", "1/8.", "1/16.", "1/2 t", "1/4 t", "1/8 t")
_STEPS = ("< -12", *map(str, range(-12, 13)), "> 12")


def _similarity(lags: tuple[int, int], meaning: str) -> Feature:
    similarity = partial(repetition.self_similarity, lags=lags)
    return Feature(f"similarity, {lags[0]}-{lags[1]} bars", meaning, similarity)


FEATURES = {
    "pitch_range": Feature("pitch range", "semitones from the lowest to the highest", pitch.pitch_range),
    "pitches_used": Feature("pitches", "different pitches", pitch.pitches_used),
    "pitch_class_entropy": Feature(
        "pitch-class entropy", "bits; low where few pitch classes rule", pitch.pitch_class_entropy
    ),
    "scale_consistency": Feature(
        "scale consistency", "share of the notes in the best major or minor scale", pitch.scale_consistency
    ),
    "mean_interval": Feature("interval", "mean semitones from note to note of a line", lines.mean_interval),
    "polyphony": Feature("polyphony", "mean pitches at a time, while any sounds", harmony.polyphony),
    "polyphony_rate": Feature(
        "polyphony rate", "share of the time in which two or more pitches sound", harmony.polyphony_rate
    ),
    "note_density": Feature("notes a quarter", "from the first onset to the last end", rhythm.note_density),
    "mean_onset_interval": Feature(
        "onset interval", "mean quarters from note to note of a line", lines.mean_onset_interval
    ),
    "mean_duration": Feature("duration", "mean quarters of a note", rhythm.mean_duration),
    "empty_beat_rate": Feature(
        "empty beats", "share of the quarters in which nothing sounds", rhythm.empty_beat_rate
    ),
    "groove_consistency": Feature(
        "groove consistency", "likeness in rhythm of neighbouring bars", rhythm.groove_consistency
    ),
    "repeated_bars": Feature(
        "repeated bars", "share of the bars that are exactly as an earlier one", repetition.repeated_bars
    ),
    "similarity_short": _similarity(
        repetition.SHORT, "share of the notes that stand so in the likest of the bars 1 to 3 before"
    ),
    "similarity_middle": _similarity(repetition.MIDDLE, "the same, 4 to 7 before"),
    "similarity_long": _similarity(repetition.LONG, "the same, 8 to 16 before"),
    "pitch_classes": Feature(
        "pitch classes", "histogram of the pitch classes", pitch.pitch_class_histogram, PITCH_CLASSES
    ),
    "pitch_class_transitions": Feature(
        "pitch-class steps", "histogram of the steps from class to class", lines.pitch_class_transitions
    ),
    "intervals": Feature(
        "intervals", "histogram of the intervals of the lines, in semitones", lines.interval_histogram, _STEPS
    ),
    "durations": Feature("durations", "histogram of the note values", rhythm.duration_histogram, _VALUES),
    "duration_transitions": Feature(
        "duration steps", "histogram of the steps from value to value", rhythm.duration_transitions
    ),
}
"""In the order shown; the definitions in full, with their sources, stand with the functions."""


def features(score: Score) -> dict[str, Floats]:
    """Every feature of a tidy Score in ticks, (1,) of a number, (bins,) of a histogram."""
    return {name: np.atleast_1d(np.asarray(each.of(score), np.float64)) for name, each in FEATURES.items()}
