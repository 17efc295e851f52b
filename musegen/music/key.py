"""The key of music, estimated from how long each pitch class sounds."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from symusic import Track

from musegen.music.notes import note_arrays

Floats = NDArray[np.float64]
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well each pitch class fits a key, from its tonic up: Krumhansl and Kessler's ratings (1982)."""


class Key(NamedTuple):
    """A major or minor key."""

    tonic: int
    """Pitch class: 0 is C."""
    mode: str
    """"major" or "minor"."""

    @property
    def signature(self) -> int:
        """The tonic of the major key with the same signature."""
        return self.tonic if self.mode == "major" else (self.tonic + 3) % 12


def pitch_class_weights(tracks: Iterable[Track]) -> Floats:
    """How long each pitch class sounds in the tracks together, drums left out, (12,) in ticks."""
    weights = np.zeros(12)
    for track in tracks:
        if not track.is_drum:
            _, durations, pitches, _ = note_arrays(track)
            weights += np.bincount(pitches % 12, weights=durations, minlength=12)
    return weights


def estimate_key(weights: Floats) -> Key | None:
    """The key whose profile correlates best with `weights` (12,): Krumhansl and Schmuckler (1990).

    None where all classes sound alike, as in silence.
    """
    if np.ptp(weights) == 0:
        return None
    fits = {
        Key(tonic, mode): float(np.corrcoef(weights, np.roll(profile, tonic))[0, 1])
        for mode, profile in (("major", MAJOR), ("minor", MINOR))
        for tonic in range(12)
    }
    return max(fits, key=lambda key: fits[key])
