"""Precision, recall and F1 of the notes of a clip, or of many clips at once.

Times are in ticks at a common resolution; notes match if onset and pitch are equal.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from symusic import Score, Track

from musegen.music.fingerprint import GRID
from musegen.music.notes import Floats, Ints, note_arrays, played_notes

DRUMS = 128
"""What is added to the pitches of drums, which do not count as notes of these pitches."""
_HOLD, _REST = 128, 129


class NoteScores(NamedTuple):
    """Shares from 0 to 1."""

    precision: float
    """The share of the found notes that are in the reference."""
    recall: float
    """The share of the notes of the reference that were found."""
    f1: float
    """The harmonic mean of both."""


def note_scores(reference: Score, found: Score, *, with_durations: bool = False) -> NoteScores:
    """How many notes of a clip match, with equal onset and pitch (on 24 positions per quarter note).

    A piece of a drum kit counts as a pitch of its own. Velocities and tracks are ignored. If one side has no
    notes its share is 0; if both, 1.

    Args:
        reference: the expected notes.
        found: the notes to evaluate.
        with_durations: durations must be equal, too.
    """
    expected, actual = (_notes(score, with_durations=with_durations) for score in (reference, found))
    hits = (expected & actual).total()
    if not expected and not actual:
        return NoteScores(1.0, 1.0, 1.0)
    precision, recall = (hits / max(1, notes.total()) for notes in (actual, expected))
    return NoteScores(precision, recall, 2 * hits / (expected.total() + actual.total()))


def _notes(score: Score, *, with_durations: bool) -> Counter[tuple[int, ...]]:
    onsets, durations, pitches = played_notes(score)
    begins, ends = (np.round(t * GRID / score.tpq).astype(np.int64) for t in (onsets, onsets + durations))
    columns = [begins, pitches, ends - begins] if with_durations else [begins, pitches]
    return Counter(tuple(row) for row in np.stack(columns, axis=1).tolist())


class Notes(NamedTuple):
    """The notes of clips, (N,) each, clip by clip."""

    clip: Ints
    """Index of the clip, from 0."""
    onset: Ints
    duration: Ints
    pitch: Ints
    """MIDI pitch; of drums `DRUMS` more."""

    def of(self, clip: int) -> "Notes":
        """The notes of one clip."""
        begin, end = np.searchsorted(self.clip, [clip, clip + 1])
        return Notes(*(column[begin:end] for column in self))


def note_keys(notes: Notes, *, with_durations: bool = False) -> Ints:
    """A key for each note, (N,), the same for equal notes of a clip."""
    keys = notes.onset * 2 * DRUMS + notes.pitch
    return keys * (1 << 20) + notes.duration if with_durations else keys


def found_again(reference: Notes, found: Notes, count: int, *, with_durations: bool = False) -> Floats:
    """Precision, recall and F1 of the notes of each clip, (count, 3); 0 if one side is empty."""
    scores = np.zeros((count, 3))
    for clip in range(count):
        expected, actual = (note_keys(n.of(clip), with_durations=with_durations) for n in (reference, found))
        hits = len(np.intersect1d(expected, actual))
        scores[clip] = hits / max(1, len(actual)), hits / max(1, len(expected)), 0.0
        scores[clip, 2] = 2 * hits / max(1, len(expected) + len(actual))
    return scores


def positions(notes: Notes, length: int, step: int) -> Ints:
    """The state of one line at each position, (length // step,): the pitch that starts, a hold or a rest.

    Args:
        notes: of one clip; of several at one position the last counts.
        length: of the clip in ticks.
        step: ticks per position; onsets are rounded down.
    """
    line = np.full(length // step, _REST)
    for onset, duration, pitch in zip(notes.onset, notes.duration, notes.pitch, strict=True):
        begin = onset // step
        line[begin + 1 : max(begin + 1, -(-(onset + duration) // step))] = _HOLD
        line[begin : begin + 1] = pitch
    return line


def melody_preserved(original: Track, written: Track) -> bool:
    """Whether two tracks have the same notes, equal in onset, duration, pitch and velocity.

    Both in the same ticks per quarter note; the order of notes does not matter.
    """
    rows = [np.stack(note_arrays(track), axis=1) for track in (original, written)]
    original_rows, written_rows = (notes[np.lexsort(notes.T)] for notes in rows)
    return np.array_equal(original_rows, written_rows)
