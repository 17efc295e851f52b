"""A piece as monophonic lines: melodies, their motion, and counterpoint between voices.

A motion is a step from a note of a line to the next: its interval in semitones, and the ratio of the time to
the following note and the time before. So a line is recognised in any key, tempo and position. The logarithm
of the ratio is rounded to sevenths of an octave: there the ratios of 2 and 3 in notation lie within 0.1 of a
whole number, and those of 5 within 0.25, so that times rounded to ticks are recognised up to 4% off (5: 2%).
The durations of the notes do not matter.

Errors of counterpoint (parallels, crossed voices, notes out of range) are detected in frames of a sixteenth:
an array (frames, voices) of MIDI pitches from the highest voice to the lowest, -1 for a rest.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from symusic import Score, Track

from musegen.metrics.pitch import shares
from musegen.music.fingerprint import off_grid_share
from musegen.music.melody import skyline
from musegen.music.notes import Floats, Ints, last_end, note_arrays
from musegen.music.quantise import ON_GRID, quantise

Codes = NDArray[np.int32]
WIDEST = 13
"""Semitones; wider intervals are counted in the outermost bins."""
RATIOS = 512
"""The code of a motion is its interval (from -127 up) times this, plus its ratio (from -200 up, at 56)."""
_LARGEST = 200
_STEPS = 7
"""Steps of a ratio per octave."""
OPEN, SHUT = 0, RATIOS - 1
"""Codes in place of the last ratio of a line, which has no following note: OPEN in the searched text, SHUT in
the query. They differ, so that no match continues from one line into the next."""
FIFTH = 7
OCTAVE = 0
"""Semitones of an interval modulo the octave."""


class Line(NamedTuple):
    """Consecutive notes with different onsets, both (notes,)."""

    onsets: Ints
    """Ticks, rising."""
    pitches: Ints


def track_lines(score: Score) -> list[Line]:
    """The top line (see `skyline`) of each track with notes, drums excluded."""
    return [_line(score, track) for track in score.tracks if not track.is_drum and len(track.notes)]


def _line(score: Score, track: Track) -> Line:
    onsets, durations, pitches, _ = note_arrays(track)
    order = np.argsort(onsets, kind="stable")
    onsets, durations, pitches = onsets[order], durations[order], pitches[order]
    if (onsets[1:] < (onsets + durations)[:-1]).any() or (np.diff(onsets) == 0).any():
        return _skyline_of(score, [track])
    return Line(onsets, pitches)


def _skyline_of(score: Score, tracks: list[Track]) -> Line:
    alone = Score(score.tpq)
    alone.tracks = tracks
    onsets, _, pitches, _ = note_arrays(skyline(alone).tracks[0])
    return Line(onsets, pitches)


def top_line(score: Score) -> Line:
    """The top line of all tracks together, drums excluded; empty without notes."""
    pitched = [track for track in score.tracks if not track.is_drum and len(track.notes)]
    return _skyline_of(score, pitched) if pitched else Line(np.zeros(0, np.int64), np.zeros(0, np.int64))


def intervals(score: Score) -> Ints:
    """Semitones from each note to the next, positive upwards, line by line, (notes - lines,)."""
    return np.concatenate([np.zeros(0, np.int64), *(np.diff(line.pitches) for line in track_lines(score))])


def mean_interval(score: Score) -> float:
    """Mean size of the intervals in semitones: the average pitch interval of Yang and Lerch (2020).

    They use the notes of a track in order; here a track of chords is reduced to its top line. NaN without
    intervals.
    """
    sizes = np.abs(intervals(score))
    return float(sizes.mean()) if len(sizes) else float("nan")


def interval_histogram(score: Score) -> Floats:
    """Share of the intervals (0 to 1) of each size, from over an octave down to over an octave up, (27,)."""
    return shares(np.bincount(np.clip(intervals(score), -WIDEST, WIDEST) + WIDEST, minlength=2 * WIDEST + 1))


def pitch_class_transitions(score: Score) -> Floats:
    """Share of the steps (0 to 1) from each pitch class to each, row by row, (144,).

    The pitch class transition matrix of Yang and Lerch (2020), normalised by its sum, of the top line
    of each track.
    """
    counts = np.zeros(144, np.int64)
    for _, pitches in track_lines(score):
        counts += np.bincount(pitches[:-1] % 12 * 12 + pitches[1:] % 12, minlength=144)
    return shares(counts)


def mean_onset_interval(score: Score) -> float:
    """Mean time from a note of a line to the next in quarter notes; NaN without intervals.

    The average inter-onset interval of Yang and Lerch (2020), who use seconds: quarter notes do not depend
    on the tempo.
    """
    times = np.concatenate([np.zeros(0, np.int64), *(np.diff(line.onsets) for line in track_lines(score))])
    return float(times.mean() / score.tpq) if len(times) else float("nan")


def motions(line: Line, *, last: int = OPEN) -> Codes:
    """The motions of a line, (notes - 1,).

    Args:
        line: at least one note.
        last: OPEN or SHUT.
    """
    octaves = np.diff(np.log2(np.diff(line.onsets)))
    ratios = np.clip(np.round(_STEPS * octaves), -_LARGEST, _LARGEST).astype(np.int32) + RATIOS // 2
    steps = np.diff(line.pitches).astype(np.int32) + 127
    return np.asarray(steps * RATIOS + np.append(ratios, last)[: len(steps)], np.int32)


def readings(score: Score) -> list[list[Line]]:
    """The lines of a score: of each track and of all together; for a performance, also quantised.

    Music off the grid of notation is read a second time after `quantise`, since a model is trained on it
    and generates it in that form. Lines of a single note are ignored.
    """
    scores = [score]
    if off_grid_share(score) > 1 - ON_GRID:
        scores.append(quantise(score)[0])
    return [[line for line in _lines(each) if len(line.onsets) > 1] for each in scores]


def _lines(score: Score) -> list[Line]:
    lines = track_lines(score)
    return [*lines, top_line(score)] if len(lines) > 1 else lines


def voice_frames(score: Score) -> Ints:
    """The pitch of each track at the start of each sixteenth, (frames, tracks); the highest of several."""
    ticks = np.arange(-(-4 * last_end(score) // score.tpq)) * score.tpq / 4
    frames = np.full((len(ticks), len(score.tracks)), -1, np.int64)
    for voice, track in enumerate(score.tracks):
        onsets, durations, pitches, _ = note_arrays(track)
        begins, ends = np.searchsorted(ticks, onsets), np.searchsorted(ticks, onsets + durations)
        for begin, end, pitch in zip(begins.tolist(), ends.tolist(), pitches.tolist(), strict=True):
            np.maximum(frames[begin:end, voice], pitch, out=frames[begin:end, voice])
    return frames


def parallels(frames: Ints, interval: int) -> int:
    """Number of parallels of `interval` (FIFTH; OCTAVE, unisons included) in a piece.

    Counted for every pair of voices and every two consecutive different frames: both voices move in the same
    direction, from the interval to the same interval modulo the octave. Bach on the test chorales of the
    canonical split: 0.23 fifths and 0.08 octaves per piece.

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
        has_interval = sound & ((pair[:, 0] - pair[:, 1]) % 12 == interval)
        moves = np.diff(pair, axis=0)
        count += int((has_interval[:-1] & has_interval[1:] & (moves[:, 0] * moves[:, 1] > 0)).sum())
    return count


def crossed(frames: Ints) -> NDArray[np.bool_]:
    """Whether a voice is above the next higher one in each frame, (frames,); Bach: 2.0% of all frames."""
    upper, lower = frames[:, :-1], frames[:, 1:]
    return np.asarray(((upper >= 0) & (lower >= 0) & (lower > upper)).any(axis=1))


def range_errors(score: Score, ranges: Sequence[tuple[int, int]]) -> int:
    """Number of notes outside the range of their voice (inclusive); one range per track."""
    errors = 0
    for track, (low, high) in zip(score.tracks, ranges, strict=True):
        pitches = note_arrays(track)[2]
        errors += int(((pitches < low) | (pitches > high)).sum())
    return errors
