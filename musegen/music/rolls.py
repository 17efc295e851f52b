"""Piano rolls: frames of the keys that sound, so many per quarter note, of a score and as a score.

A roll has no onsets: a note that is repeated without a rest is one with a note that is held. Drums are not in
it, nor are pitches that a piano does not have.
"""

import numpy as np
from numpy.typing import NDArray
from symusic import Track
from symusic.core import ScoreTick

from musegen.music.notes import Ints, pitched_notes, put_notes

Roll = NDArray[np.bool_]
"""(frames, KEYS)"""
LOWEST, KEYS = 21, 88
"""The MIDI pitch of the lowest key of a piano, and the number of its keys."""
VELOCITY = 80


def roll_of(score: ScoreTick, positions: int, *, until: int | None = None) -> Roll:
    """The frames of a score, from its start to its last note: which keys sound.

    Onsets and ends are rounded to frames; a note lasts one frame at least.

    Args:
        score: tidy.
        positions: frames per quarter note.
        until: a tick at which the roll ends, instead of the end of the last note.
    """
    onsets, durations, pitches = pitched_notes(score)
    inside = (pitches >= LOWEST) & (pitches < LOWEST + KEYS)
    onsets, durations, pitches = onsets[inside], durations[inside], pitches[inside]
    first, last = (_frames(ticks, score.tpq, positions) for ticks in (onsets, onsets + durations))
    last = np.maximum(last, first + 1)
    end = int(last.max(initial=0)) if until is None else round(until * positions / score.tpq)
    roll = np.zeros((end, KEYS), np.bool_)
    for begin, stop, pitch in zip(first.tolist(), last.tolist(), pitches.tolist(), strict=True):
        roll[begin:stop, pitch - LOWEST] = True
    return roll


def _frames(ticks: Ints, tpq: int, positions: int) -> Ints:
    return np.round(ticks * positions / tpq).astype(np.int64)


def outside_keys(score: ScoreTick) -> int:
    """How many notes of a score a piano does not have; drums do not count."""
    pitches = pitched_notes(score)[2]
    return int(((pitches < LOWEST) | (pitches >= LOWEST + KEYS)).sum())


def put_roll(track: Track, roll: Roll, positions: int, tpq: int, start: int = 0) -> None:
    """Add the notes of a roll to a track: a key that sounds in several frames in turn is one note.

    Args:
        track: whose notes stay.
        roll: (frames, KEYS).
        positions: frames per quarter note.
        tpq: ticks per quarter note of the track.
        start: tick of the first frame.
    """
    edges = np.diff(roll.astype(np.int8), axis=0, prepend=0, append=0)  # (frames + 1, KEYS)
    keys, begins = np.nonzero(edges.T == 1)
    _, ends = np.nonzero(edges.T == -1)
    onsets, stops = (start + np.round(each * tpq / positions).astype(np.int64) for each in (begins, ends))
    new = Track(track.name, track.program, track.is_drum)
    order = np.lexsort((keys, onsets))
    columns = (onsets, stops - onsets, keys + LOWEST, np.full(len(keys), VELOCITY))
    put_notes(new, *(column[order] for column in columns))
    track.notes.extend(new.notes)
