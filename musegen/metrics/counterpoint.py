"""What a teacher of four-part writing marks: parallels, crossed voices, notes out of range.

Voices are looked at in frames of a sixteenth, as an array (frames, voices) of MIDI pitches from the
highest voice to the lowest, -1 where a voice rests.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from symusic import Score

from musegen.music.notes import Ints, last_end, note_arrays

FIFTH = 7
OCTAVE = 0
"""Semitones of an interval, octaves taken off."""


def voice_frames(score: Score) -> Ints:
    """What each track sounds at the begin of each sixteenth, (frames, tracks); the highest of several."""
    ticks = np.arange(-(-4 * last_end(score) // score.tpq)) * score.tpq / 4
    frames = np.full((len(ticks), len(score.tracks)), -1, np.int64)
    for voice, track in enumerate(score.tracks):
        onsets, durations, pitches, _ = note_arrays(track)
        begins, ends = np.searchsorted(ticks, onsets), np.searchsorted(ticks, onsets + durations)
        for begin, end, pitch in zip(begins.tolist(), ends.tolist(), pitches.tolist(), strict=True):
            np.maximum(frames[begin:end, voice], pitch, out=frames[begin:end, voice])
    return frames


def parallels(frames: Ints, interval: int) -> int:
    """How many parallels of `interval` (FIFTH; OCTAVE, unisons included) stand in a piece.

    Of every two voices and every two different frames that follow each other: both voices move, the
    same way, from the interval to the interval, octaves taken off. Bach on the test chorales of the
    canonical split: 0.23 fifths and 0.08 octaves a piece.

    Args:
        frames: (frames, voices).
        interval: 0 to 11 semitones.
    """
    changed = np.append(True, (np.diff(frames, axis=0) != 0).any(axis=1))[: len(frames)]
    frames = frames[changed]
    count = 0
    for a, b in combinations(range(frames.shape[1]), 2):
        pair = frames[:, [a, b]]
        sound = (pair >= 0).all(axis=1)
        there = sound & ((pair[:, 0] - pair[:, 1]) % 12 == interval)
        moves = np.diff(pair, axis=0)
        count += int((there[:-1] & there[1:] & (moves[:, 0] * moves[:, 1] > 0)).sum())
    return count


def crossed(frames: Ints) -> NDArray[np.bool_]:
    """In which frames a voice sounds above the next higher one, (frames,); Bach: 2.0% of all frames."""
    upper, lower = frames[:, :-1], frames[:, 1:]
    return np.asarray(((upper >= 0) & (lower >= 0) & (lower > upper)).any(axis=1))


def range_errors(score: Score, ranges: Sequence[tuple[int, int]]) -> int:
    """How many notes lie outside their voice's range, both ends of which are allowed; one range a track."""
    errors = 0
    for track, (low, high) in zip(score.tracks, ranges, strict=True):
        pitches = note_arrays(track)[2]
        errors += int(((pitches < low) | (pitches > high)).sum())
    return errors
