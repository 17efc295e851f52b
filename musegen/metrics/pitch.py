"""Which pitches a piece uses, drums left out; NaN where there are no notes."""

import numpy as np
from symusic import Score

from musegen.music.notes import Floats, Ints, pitched_notes

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))
"""Steps of the major and the natural minor scale, in semitones above the tonic."""


def pitch_range(score: Score) -> float:
    """Semitones from the lowest pitch to the highest, as in Yang and Lerch (2020).

    MusPy's `pitch_range`; where that gives 0 for a piece without notes, this is NaN.
    """
    pitches = pitched_notes(score)[2]
    return float(np.ptp(pitches)) if len(pitches) else float("nan")


def pitches_used(score: Score) -> float:
    """How many different pitches there are: the pitch count of Yang and Lerch (2020).

    MusPy's `n_pitches_used`; where that gives 0 for a piece without notes, this is NaN.
    """
    return float(len(np.unique(pitched_notes(score)[2]))) or float("nan")


def pitch_class_histogram(score: Score) -> Floats:
    """Share of the notes (0 to 1) of each pitch class from C up, (12,).

    Of Yang and Lerch (2020), whose code weighs notes by their length in seconds; here each counts once,
    as in MusPy, so that the tempo does not matter.
    """
    return shares(np.bincount(pitched_notes(score)[2] % 12, minlength=12))


def shares(counts: Ints) -> Floats:
    """Counts as shares of their sum, NaN where all are 0."""
    return counts / counts.sum() if counts.any() else np.full(len(counts), np.nan)


def pitch_class_entropy(score: Score) -> float:
    """Entropy of the pitch-class histogram in bits, 0 to 3.58: Wu and Yang, "The Jazz Transformer" (2020).

    MusPy's `pitch_class_entropy`.
    """
    histogram = pitch_class_histogram(score)
    some = histogram[histogram > 0]
    return float(np.sum(some * -np.log2(some))) if len(some) else float("nan")


def scale_consistency(score: Score) -> float:
    """Share of the notes (0 to 1) in the major or natural minor scale that holds most of them.

    Mogren, "C-RNN-GAN" (2016); MusPy's `scale_consistency`.
    """
    classes = pitch_class_histogram(score)
    return float(max(np.roll(classes, -tonic)[list(scale)].sum() for scale in SCALES for tonic in range(12)))
