"""Recordings without beats: the form in which models write them, and back.

In that form a position lasts 10 ms, 24 of them a quarter note, so that what works with bars works with time,
too: a bar of 4/4 lasts 0.96 s. A press of the sustain pedal is a note of the lowest key, which no piano has;
in files it is controller 64. For events in steps of 10 ms see Simon and Oore 2017, "Performance RNN".
"""

from collections.abc import Sequence

import numpy as np
from symusic import ControlChange, Note, Score, Tempo, TimeSignature, Track

from musegen.music.notes import Floats, Ints, last_end, note_arrays, put_notes

BPM = 250.0
BAR_SECONDS = 4 * 60 / BPM
TICKS = 480
"""Per quarter note: 2,000 per second."""
PEDAL = 0
"""The key of the pedal."""
PRESS = 127
"""The velocity of a press, and the value of controller 64."""
SUSTAIN = 64
"""The controller of the pedal, and its lowest value that is a press."""
WRITTEN_BPM, WRITTEN_TICKS = 120.0, 500
"""Of a file that is written, which has no beats either: a tick is a millisecond."""
LONGEST = round(15 * TICKS * BPM / 60)
"""Ticks of the longest press; longer ones are several, one after another."""
_PER_SECOND = TICKS * BPM / 60


def seconds_at(score: Score, ticks: Ints) -> Floats:
    """The time of each tick in seconds."""
    at, seconds = _tempo_map(score)
    return np.interp(ticks, at, seconds)


def ticks_at(score: Score, seconds: Floats) -> Ints:
    """The tick nearest to each time in seconds."""
    at, times = _tempo_map(score)
    return np.round(np.interp(seconds, times, at)).astype(np.int64)


def _tempo_map(score: Score) -> tuple[Floats, Floats]:
    """Ticks between which the tempo is constant, and their times in seconds; the last are far away."""
    tempos = sorted(score.tempos, key=lambda each: each.time)
    ticks = np.array([0, *(each.time for each in tempos), 1 << 40], np.float64)
    lengths = np.array([500_000, *(each.mspq for each in tempos)]) / 1e6 / score.tpq
    return ticks, np.append(0.0, np.cumsum(np.diff(ticks) * lengths))


def in_free_time(raw: Score) -> tuple[Score, list[str]]:
    """A recording in the form of models, and a description of what that cannot hold.

    Args:
        raw: of a file, with its controllers.
    """
    free, low = Score(TICKS), 0
    free.tempos, free.time_signatures = [Tempo(0, BPM)], [TimeSignature(0, 4, 4)]
    for played in raw.tracks:
        onsets, durations, pitches, velocities = note_arrays(played)
        kept = (pitches != PEDAL) | played.is_drum
        low += int((~kept).sum())
        begins, ends = _free_ticks(raw, np.stack([onsets, onsets + durations])[:, kept])
        presses = _free_ticks(raw, _presses(played, last_end(raw)))
        presses = presses[:, presses[1] > presses[0]]
        parts = [
            (at, min(at + LONGEST, end)) for begin, end in presses.T for at in range(begin, end, LONGEST)
        ]
        pressed = np.array(parts, np.int64).reshape(-1, 2).T
        columns = (begins, ends - begins, pitches[kept], velocities[kept])
        added = (pressed[0], pressed[1] - pressed[0], *np.full_like(pressed, [[PEDAL], [PRESS]]))
        free.tracks.append(Track(played.name, played.program, played.is_drum))
        put_notes(free.tracks[-1], *(np.concatenate(both) for both in zip(columns, added, strict=True)))
    return free, [f"{low} notes of the lowest key dropped, which stands for the pedal"] if low else []


def _free_ticks(raw: Score, ticks: Ints) -> Ints:
    """Ticks of a recording in the form of models, rounded down.

    So the position nearest to them is also the nearest to the time in the file.
    """
    found: Ints = np.floor(seconds_at(raw, ticks) * _PER_SECOND + 1e-6).astype(np.int64)
    return found


def _presses(track: Track, end: int) -> Ints:
    """Begin and end of each press of the pedal in ticks, (2, presses); the last may last until `end`."""
    changes = sorted((each.time, each.value >= SUSTAIN) for each in track.controls if each.number == SUSTAIN)
    found, since = [], None
    for time, is_down in [*changes, (end, False)] if not track.is_drum else []:
        if is_down and since is None:
            since = time
        elif not is_down and since is not None:
            found.append((since, max(time, since)))
            since = None
    return np.array(found, np.int64).reshape(-1, 2).T


def as_recording(free: Score) -> Score:
    """What a model wrote, as a recording: the same times at an ordinary tempo, presses as controller 64."""
    score = Score(WRITTEN_TICKS)
    score.tempos, score.time_signatures = [Tempo(0, WRITTEN_BPM)], [TimeSignature(0, 4, 4)]
    for track in free.tracks:
        score.tracks.append(Track(track.name, track.program, track.is_drum))
    return with_recorded(score, free, range(len(free.tracks)))


def with_recorded(raw: Score, free: Score, numbers: Sequence[int]) -> Score:
    """A recording with what a model wrote after it; tracks of the model beyond those given are new.

    Args:
        raw: the recording, which stays as it is.
        free: of the model, the new notes alone.
        numbers: of the track of `raw` in which each track of `free` goes on.
    """
    result = raw.copy()
    for number, track in enumerate(free.tracks):
        if number >= len(numbers):
            result.tracks.append(Track(track.name, track.program, track.is_drum))
        target = result.tracks[numbers[number] if number < len(numbers) else -1]
        onsets, durations, pitches, velocities = note_arrays(track)
        begins, ends = (ticks_at(raw, each / _PER_SECOND) for each in (onsets, onsets + durations))
        is_press = (pitches == PEDAL) & (not track.is_drum)
        rows = np.stack([begins, np.maximum(ends - begins, 1), pitches, velocities], axis=1)
        target.notes.extend([Note(*row) for row in rows[~is_press].tolist()])
        downs, ups = (set(each[is_press].tolist()) for each in (begins, ends))
        changes = [ControlChange(time, SUSTAIN, 0) for time in ups - downs]  # a press may be in several parts
        changes += [ControlChange(time, SUSTAIN, PRESS) for time in downs - ups]
        target.controls.extend(sorted(changes, key=lambda each: each.time))
    return result
