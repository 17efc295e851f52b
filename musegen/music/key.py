"""Scales, and the key of music: estimated from the durations of its pitch classes, or from its last note."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from symusic import KeySignature, Score, Track

from musegen.music.notes import Floats, note_arrays

MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well each pitch class fits a key, from its tonic up: Krumhansl and Kessler's ratings (1982)."""

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "whole tone": (0, 2, 4, 6, 8, 10),
    "chromatic": tuple(range(12)),
}
"""Semitones above the tonic."""
MODES = ("major", "minor", "dorian", "mixolydian", "phrygian", "lydian", "locrian", "ionian", "aeolian")
"""Modes that a piece can be in: see `tonic_in`."""
MINORS = ("minor", "harmonic minor", "melodic minor")
"""A piece in minor may use any of these."""
IN_SCALE = 0.9
"""Minimum share of its time that a piece spends on the notes of its scale."""


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
    """The total duration of each pitch class in the tracks, drums excluded, (12,) in ticks."""
    weights = np.zeros(12)
    for track in tracks:
        if not track.is_drum:
            _, durations, pitches, _ = note_arrays(track)
            weights += np.bincount(pitches % 12, weights=durations, minlength=12)
    return weights


def estimate_key(weights: Floats) -> Key | None:
    """The key whose profile correlates best with `weights` (12,): Krumhansl and Schmuckler (1990).

    None if all classes sound equally long, as in silence.
    """
    if np.ptp(weights) == 0:
        return None
    fits = {
        Key(tonic, mode): float(np.corrcoef(weights, np.roll(profile, tonic))[0, 1])
        for mode, profile in (("major", MAJOR), ("minor", MINOR))
        for tonic in range(12)
    }
    return max(fits, key=lambda key: fits[key])


def final_class(score: Score) -> int | None:
    """The pitch class on which a piece ends: of the lowest of its last notes, drums excluded."""
    columns = [note_arrays(track) for track in score.tracks if not track.is_drum and len(track.notes)]
    if not columns:
        return None
    onsets, pitches = (np.concatenate(each) for each in list(zip(*columns, strict=True))[0:3:2])
    return int(pitches[onsets == onsets.max()].min()) % 12


def ends_on_tonic(score: Score) -> bool:
    """Whether the last note is the tonic of the estimated key."""
    key = estimate_key(pitch_class_weights(score.tracks))
    return key is not None and key.tonic == final_class(score)


def tonic_in(score: Score, mode: str) -> int | None:
    """The tonic of a piece in one of `MODES`, or None if it is not in that mode.

    The tonic is the note on which it ends. The piece is in the mode if it spends `IN_SCALE` of its time on
    the notes of that scale, and no less than on those of any other mode on the same tonic.
    """
    tonic = final_class(score)
    if tonic is None:
        return None
    weights = np.roll(pitch_class_weights(score.tracks), -tonic)
    shares = {name: float(weights[list(SCALES[name])].sum() / weights.sum()) for name in (*MODES, *MINORS)}
    shares["minor"] = max(shares[name] for name in MINORS)
    others = max(shares[name] for name in MODES)
    return tonic if shares[mode] >= max(IN_SCALE, others) else None


def with_signature(score: Score, tonic: int, mode: str) -> Score:
    """The score with the signature of a key, one of `MODES`, at the start and no other."""
    above = [tuple(sorted((each - step) % 12 for each in SCALES["major"])) for step in range(12)]
    degree = SCALES["major"].index(above.index(SCALES[mode]))
    fifths = ((tonic - SCALES["major"][degree]) * 7 + 5) % 12 - 5  # of the major scale of the same notes
    score = score.copy()
    score.key_signatures = [KeySignature(0, fifths, int(SCALES[mode] == SCALES["minor"]), "tick")]
    return score
