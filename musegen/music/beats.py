"""Files of beats beside recordings, one time per line, and recordings put on them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from symusic import Score, Tempo, TimeSignature, Track

from musegen.errors import MidiError
from musegen.music.free_time import seconds_at
from musegen.music.notes import Floats, Ints, last_end, note_arrays, put_notes

TICKS = 960
"""Per beat."""
MIN_BEATS = 4
PAST_END = 0.1
"""Share of the beats that may lie past the end of the music: a recording may end before its last bar."""
BEATS_PER_BAR = 4
"""Where the file does not say which beats begin a bar."""


class Beats(NamedTuple):
    """The beats of a recording."""

    times: Floats
    """(N,) in seconds, ascending."""
    is_downbeat: Ints
    """(N,) 1 for beats that begin a bar; all 0 if the file does not say."""


def read_beats(path: Path) -> Beats:
    """The beats in a text file: each line begins with a time in seconds; 1 or 0 may say whether a bar begins.

    Columns are separated by spaces, tabs or commas.

    Raises:
        MidiError: there is no such file, a line has no time, or there are too few beats or unsorted ones.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MidiError(f"no file of beats {path.name} beside it that can be read") from error
    rows = [line.replace(",", " ").split() for line in lines]
    try:
        times = np.array([float(row[0]) for row in rows if row])
    except ValueError as error:
        raise MidiError(f"{path.name} is no file of beats, one time in seconds per line: {error}") from error
    if len(times) < MIN_BEATS:
        raise MidiError(f"{path.name} has {len(times)} beats: {MIN_BEATS} or more are needed")
    if not np.isfinite(times).all() or times[0] < 0:
        raise MidiError(f"{path.name} has a beat at {times.min():g} s: times are from 0 up")
    wrong = np.flatnonzero(np.diff(times) <= 0)
    if len(wrong):
        at = int(wrong[0])
        raise MidiError(
            f"the beats of {path.name} are not sorted: {times[at]:g} s is followed by {times[at + 1]:g} s"
        )
    flags = [row[1] if len(row) > 1 else "" for row in rows if row]
    says = set(flags) <= {"0", "1", "0.0", "1.0"}
    return Beats(times, np.array([int(says and float(flag) == 1) for flag in flags], np.int64))


def on_beats(raw: Score, beats: Beats) -> Score:
    """A recording in which every beat is a quarter note, with its tempo, so that its times stay the same.

    Before the first and after the last beat the nearest tempo goes on.

    Args:
        raw: of a file.
        beats: of the recording.

    Raises:
        MidiError: the beats are those of another recording.
    """
    end = float(seconds_at(raw, np.array([last_end(raw)]))[0])
    past = int((beats.times > end).sum())
    if past > PAST_END * len(beats.times):
        raise MidiError(
            f"{past} of {len(beats.times)} beats are past the end of the music, which is at {end:.1f} s"
        )
    times, before = _continued(beats.times, end)
    beats_per_bar, first = _bars(beats.is_downbeat)
    numbers = np.arange(len(times)) + -(first + before) % beats_per_bar  # downbeats begin bars
    score = Score(TICKS)
    score.time_signatures = [TimeSignature(0, beats_per_bar, 4)]
    speeds = 60 / np.diff(times)
    score.tempos = [Tempo(int(n) * TICKS, float(bpm)) for n, bpm in zip(numbers, speeds, strict=False)]
    score.tempos[0].time = 0
    for played in raw.tracks:
        onsets, durations, pitches, velocities = note_arrays(played)
        begins, ends = (
            np.round(np.interp(seconds_at(raw, each), times, numbers) * TICKS).astype(np.int64)
            for each in (onsets, onsets + durations)
        )
        score.tracks.append(Track(played.name, played.program, played.is_drum))
        put_notes(score.tracks[-1], begins, ends - begins, pitches, velocities)
    return score


def _continued(times: Floats, end: float) -> tuple[Floats, int]:
    """Beats from the begin to the end of the music, and how many are new before the first."""
    opening, closing = times[1] - times[0], times[-1] - times[-2]
    before = int(np.ceil(times[0] / opening))
    after = max(0, int(np.ceil((end - times[-1]) / closing)))
    earlier = times[0] - opening * np.arange(before, 0, -1)
    return np.concatenate([earlier, times, times[-1] + closing * np.arange(1, after + 1)]), before


def _bars(is_downbeat: Ints) -> tuple[int, int]:
    """The most frequent number of beats in a bar, and the number of the first downbeat."""
    found = np.flatnonzero(is_downbeat)
    if len(found) < 2:
        return BEATS_PER_BAR, int(found[0]) if len(found) else 0
    return int(np.bincount(np.diff(found)).argmax()), int(found[0])
