"""How like two clips are, of many clips at once, as arrays of notes.

Times in ticks of a common count to the quarter; a note is found again where onset and pitch are exact.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from musegen.music.notes import Ints

Floats = NDArray[np.float64]
_HOLD, _REST = 128, 129


class Notes(NamedTuple):
    """The notes of some clips, (N,) each, clip by clip."""

    clip: Ints
    """Number of the clip, from 0."""
    onset: Ints
    duration: Ints
    pitch: Ints
    """MIDI pitch."""

    def of(self, clip: int) -> "Notes":
        """The notes of one clip."""
        begin, end = np.searchsorted(self.clip, [clip, clip + 1])
        return Notes(*(column[begin:end] for column in self))


def note_keys(notes: Notes, *, with_durations: bool = False) -> Ints:
    """A number for each note, (N,), that equal notes of a clip share."""
    keys = notes.onset * 128 + notes.pitch
    return keys * (1 << 20) + notes.duration if with_durations else keys


def found_again(reference: Notes, found: Notes, count: int, *, with_durations: bool = False) -> Floats:
    """Precision, recall and F1 of the notes of each clip, (count, 3); 0 where one side is empty."""
    scores = np.zeros((count, 3))
    for clip in range(count):
        wanted, there = (
            note_keys(each.of(clip), with_durations=with_durations) for each in (reference, found)
        )
        hits = len(np.intersect1d(wanted, there))
        scores[clip] = hits / max(1, len(there)), hits / max(1, len(wanted)), 0.0
        scores[clip, 2] = 2 * hits / max(1, len(wanted) + len(there))
    return scores


def positions(notes: Notes, length: int, step: int) -> Ints:
    """What one line of notes does at each position, (length // step,): the pitch struck, a hold or a rest.

    Args:
        notes: of one clip; of several struck at one position the last counts.
        length: of the clip in ticks.
        step: ticks of a position; an onset between two counts to the one before.
    """
    line = np.full(length // step, _REST)
    for onset, duration, pitch in zip(notes.onset, notes.duration, notes.pitch, strict=True):
        begin = onset // step
        line[begin + 1 : max(begin + 1, -(-(onset + duration) // step))] = _HOLD
        line[begin : begin + 1] = pitch
    return line
