"""How many notes of a clip, or of many clips at once, are found again: precision, recall and F1.

Times in ticks of a common count to the quarter; a note is found again where onset and pitch are exact.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from symusic import Score, Track

from musegen.music.fingerprint import GRID
from musegen.music.notes import Floats, Ints, note_arrays, pitched_notes

_HOLD, _REST = 128, 129


class NoteScores(NamedTuple):
    """Shares from 0 to 1."""

    precision: float
    """Of the notes found, those that are in the reference."""
    recall: float
    """Of the reference's notes, those that were found."""
    f1: float
    """The harmonic mean of both."""


def note_scores(reference: Score, found: Score, *, with_durations: bool = False) -> NoteScores:
    """Which notes of a clip were found again, with their exact onset and pitch (on 24 positions a quarter).

    Drums, velocities and tracks are left out. Without a note on one side its share is 0; on both, 1.

    Args:
        reference: what there should be.
        found: what there is.
        with_durations: ask for the exact duration too.
    """
    wanted, there = (_notes(score, with_durations=with_durations) for score in (reference, found))
    hits = (wanted & there).total()
    if not wanted and not there:
        return NoteScores(1.0, 1.0, 1.0)
    precision, recall = (hits / max(1, notes.total()) for notes in (there, wanted))
    return NoteScores(precision, recall, 2 * hits / (wanted.total() + there.total()))


def _notes(score: Score, *, with_durations: bool) -> Counter[tuple[int, ...]]:
    onsets, durations, pitches = pitched_notes(score)
    begins, ends = (np.round(t * GRID / score.tpq).astype(np.int64) for t in (onsets, onsets + durations))
    columns = [begins, pitches, ends - begins] if with_durations else [begins, pitches]
    return Counter(tuple(row) for row in np.stack(columns, axis=1).tolist())


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
        wanted, there = (note_keys(n.of(clip), with_durations=with_durations) for n in (reference, found))
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


def melody_preserved(given: Track, written: Track) -> bool:
    """Whether every note of the two tracks is equal in onset, duration, pitch and velocity, and none is more.

    Both in the same ticks a quarter; the order of notes does not matter.
    """
    rows = [np.stack(note_arrays(track), axis=1) for track in (given, written)]
    given_rows, written_rows = (notes[np.lexsort(notes.T)] for notes in rows)
    return np.array_equal(given_rows, written_rows)
