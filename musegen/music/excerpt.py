"""Excerpts of a Score by bars, and concatenation of clips; times in ticks."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from symusic import Score, Track
from symusic.core import KeySignatureTick, TempoTick, TimeSignatureTick

from musegen.music.metre import bar_length, bar_ticks
from musegen.music.notes import Ints, note_arrays, put_notes

Mark = TypeVar("Mark", TempoTick, TimeSignatureTick, KeySignatureTick)


def excerpt(score: Score, first: int, stop: int) -> Score:
    """Bars `first` (from 0) up to but not including `stop` of a tidy Score, moved to tick 0.

    It has the notes that start in these bars, shortened if they cross the end, and the tempo, metre and key
    in force; tracks without such notes, controls and bends are dropped. Bars after the last are silent.
    """
    begin, end = bar_lines(score, stop)[[first, stop]].tolist()
    part = Score(score.tpq)
    part.tempos = _in_force(list(score.tempos), begin, end)
    part.time_signatures = _in_force(list(score.time_signatures), begin, end)
    part.key_signatures = _in_force(list(score.key_signatures), begin, end)
    for track in score.tracks:
        columns = note_arrays(track)
        inside = (columns[0] >= begin) & (columns[0] < end)
        if inside.any():
            onsets, durations, pitches, velocities = (column[inside] for column in columns)
            durations = np.minimum(durations, end - onsets)
            part.tracks.append(Track(track.name, track.program, track.is_drum))
            put_notes(part.tracks[-1], onsets - begin, durations, pitches, velocities)
    return part


def bar_lines(score: Score, bars: int) -> Ints:
    """As `bar_ticks`, for at least `bars` bars: silent ones follow in the last metre, (bars + 1,) or more."""
    lines = bar_ticks(score)
    metres = [(t.numerator, t.denominator) for t in score.time_signatures if t.time < lines[-1]] or [(4, 4)]
    missing = np.arange(1, bars - len(lines) + 2)
    return np.concatenate([lines, lines[-1] + missing * bar_length(score.tpq, *metres[-1])])


def end_to_end(clips: Sequence[Score], bars: int) -> Score:
    """Clips of `bars` bars in one metre, concatenated, in the finest ticks of any of them.

    Tracks with equal name and program are merged; tempos are those of each clip, metre and key of the first.
    """
    tpq = max(clip.tpq for clip in clips)
    whole = excerpt(clips[0].resample(tpq), 0, 0)
    length = int(bar_lines(whole, bars)[bars])
    tempos: list[TempoTick] = []
    merged: dict[tuple[str, int, bool], Track] = {}
    for number, clip in enumerate(clips):
        part = excerpt(clip.resample(tpq), 0, bars).shift_time(number * length)
        tempos += [tempo for tempo in part.tempos if not tempos or tempo.mspq != tempos[-1].mspq]
        for track in part.tracks:
            key = (track.name, track.program, track.is_drum)
            if key not in merged:
                whole.tracks.append(Track(*key))
                merged[key] = whole.tracks[-1]
            merged[key].notes.extend(track.notes)
    whole.tempos = tempos
    return whole


def _in_force(marks: list[Mark], begin: int, end: int) -> list[Mark]:
    """The mark in force at `begin`, moved to tick 0, and those after it before `end`."""
    kept = [mark.copy() for mark in marks if mark.time <= begin][-1:]
    kept += [mark.copy() for mark in marks if begin < mark.time < end]
    for mark in kept:
        mark.time = max(0, mark.time - begin)
    return kept
