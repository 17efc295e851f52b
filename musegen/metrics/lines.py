"""A piece as lines of single notes: what of it is heard as melody."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from symusic import Score, Track

from musegen.music.melody import skyline
from musegen.music.notes import Ints, note_arrays

Floats = NDArray[np.float64]
WIDEST = 13
"""Semitones; wider intervals are counted with these."""


class Line(NamedTuple):
    """Notes one after another, no two of one onset, both (notes,)."""

    onsets: Ints
    """Ticks, rising."""
    pitches: Ints


def track_lines(score: Score) -> list[Line]:
    """Of each track with notes, drums left out, what is heard on top (see `skyline`)."""
    return [_line(score, track) for track in score.tracks if not track.is_drum and len(track.notes)]


def _line(score: Score, track: Track) -> Line:
    onsets, durations, pitches, _ = note_arrays(track)
    order = np.argsort(onsets, kind="stable")
    onsets, durations, pitches = onsets[order], durations[order], pitches[order]
    if (onsets[1:] < (onsets + durations)[:-1]).any() or (np.diff(onsets) == 0).any():
        alone = Score(score.tpq)
        alone.tracks = [track]
        onsets, _, pitches, _ = note_arrays(skyline(alone).tracks[0])
    return Line(onsets, pitches)


def top_line(score: Score) -> Line:
    """What is heard on top of all tracks together, drums left out; no notes where there are none."""
    pitched = Score(score.tpq)
    pitched.tracks = [track for track in score.tracks if not track.is_drum and len(track.notes)]
    if not pitched.tracks:
        return Line(np.zeros(0, np.int64), np.zeros(0, np.int64))
    onsets, _, pitches, _ = note_arrays(skyline(pitched).tracks[0])
    return Line(onsets, pitches)


def intervals(score: Score) -> Ints:
    """Semitones from each note to the next, upwards above 0, line by line, (notes - lines,)."""
    return np.concatenate([np.zeros(0, np.int64), *(np.diff(line.pitches) for line in track_lines(score))])


def mean_interval(score: Score) -> float:
    """Mean size of the intervals in semitones: the average pitch interval of Yang and Lerch (2020).

    They follow the notes of a track as they come; here a track of chords is read by its top line. NaN
    without intervals.
    """
    sizes = np.abs(intervals(score))
    return float(sizes.mean()) if len(sizes) else float("nan")


def interval_histogram(score: Score) -> Floats:
    """Share of the intervals (0 to 1) of each size, from an octave and more down to as much up, (27,)."""
    counts = np.bincount(np.clip(intervals(score), -WIDEST, WIDEST) + WIDEST, minlength=2 * WIDEST + 1)
    return counts / counts.sum() if counts.any() else np.full(2 * WIDEST + 1, np.nan)


def pitch_class_transitions(score: Score) -> Floats:
    """Share of the steps (0 to 1) from each pitch class to each, row by row, (144,).

    The pitch class transition matrix of Yang and Lerch (2020), normalised by its sum, of the top line
    of each track.
    """
    counts = np.zeros(144)
    for _, pitches in track_lines(score):
        counts += np.bincount(pitches[:-1] % 12 * 12 + pitches[1:] % 12, minlength=144)
    return counts / counts.sum() if counts.any() else np.full(144, np.nan)


def mean_onset_interval(score: Score) -> float:
    """Mean time from a note of a line to the next in quarters; NaN without intervals.

    The average inter-onset interval of Yang and Lerch (2020), who give seconds: quarters do not depend
    on the tempo.
    """
    times = np.concatenate([np.zeros(0, np.int64), *(np.diff(line.onsets) for line in track_lines(score))])
    return float(times.mean() / score.tpq) if len(times) else float("nan")
