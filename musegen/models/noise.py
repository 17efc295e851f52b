"""The noise of a take: normal scores of its notes that are correlated in time.

A score is a sum of independent parts: one of the piece, one that drifts (an Ornstein-Uhlenbeck process, whose
correlation falls exponentially with the distance), one of the position, shared by the notes of a chord, and
one of the note. Their shares of the variance are fitted to the correlations of performances.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SAME, NEAR, MIDDLE, DISTANT = (-1.0, 0.01), (0.01, 0.75), (1.5, 2.5), (16.0, np.inf)
"""Distances, in quarter notes, at which correlations are measured."""
STEPS = (*range(1, 33), 48, 64, 96, 128, 192, 256, 384, 512)
"""From a note to the notes with which it is compared."""
MIN_PAIRS = 100
"""With fewer, there is no correlation."""
DURATIONS = (0.25, 32.0)
"""The shortest and the longest time in which the drift changes, in quarter notes."""


def fit_noise(scores: Sequence[Floats], beats: Sequence[Floats]) -> Floats:
    """The shares of the piece, of the drift and of the position, and the time of the drift, (Q, 4).

    Args:
        scores: of each piece, (N, Q), of Q quantities; NaN where a note lacks one.
        beats: of each piece, where its notes stand, in quarter notes, ascending, (N,).
    """
    if not scores:
        return np.zeros((0, 4))
    (together, _), (near, short), (middle, long), (distant, _) = (
        _correlation(scores, beats, *between) for between in (SAME, NEAR, MIDDLE, DISTANT)
    )
    piece = np.clip(distant, 0.0, 0.9)
    kept = np.clip((middle - piece) / np.maximum(near - piece, 1e-6), 1e-6, 1 - 1e-6)
    duration = np.clip((long - short) / -np.log(kept), *DURATIONS)
    drift = np.clip((near - piece) * np.exp(short / duration), 0.0, 1.0 - piece)
    place = np.clip(together - piece - drift, 0.0, 1.0 - piece - drift)
    return np.stack([piece, drift, place, duration], axis=1)


def _correlation(
    scores: Sequence[Floats], beats: Sequence[Floats], low: float, high: float
) -> tuple[Floats, float]:
    """The correlation of the scores of notes whose distance is in a range, (Q,), and the mean distance."""
    quantities = scores[0].shape[1]
    products, pairs = np.zeros(quantities), np.zeros(quantities)
    count, total = 0, 0.0
    for own, when in zip(scores, beats, strict=True):
        for step in STEPS:
            distance = when[step:] - when[:-step]
            is_in = (distance >= low) & (distance <= high)
            both = (own[step:] * own[:-step])[is_in]
            products += np.nansum(both, axis=0)
            pairs += (~np.isnan(both)).sum(axis=0)
            count, total = count + int(is_in.sum()), total + float(distance[is_in].sum())
    squares = np.nanmean(np.concatenate([*scores, np.ones((1, quantities))]) ** 2, axis=0)
    found: Floats = products / np.maximum(pairs, 1) / np.maximum(squares, 1e-9)
    return np.where(pairs >= MIN_PAIRS, found, 0.0), total / max(count, 1)


def sample_noise(noise: Floats, beats: Floats, rng: np.random.Generator) -> Floats:
    """The normal scores of a take, (N, Q): each standard normal.

    Args:
        noise: (Q, 4) see `fit_noise`.
        beats: where its notes stand, in quarter notes, ascending, (N,).
        rng: of the take.
    """
    piece, drift, place, duration = noise.T  # (Q,) each
    places, which = np.unique(beats, return_inverse=True)
    shape = len(places), len(noise)
    drifting, fresh = np.zeros(shape), rng.standard_normal(shape)
    kept = np.exp(-np.diff(places, prepend=-np.inf)[:, None] / np.maximum(duration, DURATIONS[0]))
    for number in range(len(places)):
        before = drifting[number - 1] if number else 0.0
        drifting[number] = kept[number] * before + np.sqrt(1.0 - kept[number] ** 2) * fresh[number]
    own = np.maximum(0.0, 1.0 - piece - drift - place)
    taken: Floats = (
        np.sqrt(piece) * rng.standard_normal(len(noise))
        + np.sqrt(drift) * drifting[which]
        + np.sqrt(place) * rng.standard_normal(shape)[which]
        + np.sqrt(own) * rng.standard_normal((len(beats), len(noise)))
    )
    return taken
