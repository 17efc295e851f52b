"""A performance as a score and what lies beside it: the shift, velocity and length of each note.

Positions are in twelfths of a quarter note, on which both 16ths and eighth triplets lie; the shift of a note
is in 16ths. A score is described note by note, in integers that need no scale: the inputs of a performer.
"""

from typing import NamedTuple

import numpy as np
from symusic import Score

from musegen.music.metre import bar_ticks
from musegen.music.notes import Floats, Ints, normalise_notes, note_arrays, put_notes

UNITS = 12
"""Per quarter note."""
SIXTEENTH, TRIPLET = 3, 4
"""The lengths of a 16th and of an eighth triplet."""
TRIPLET_ERROR = 0.7
"""A beat is in triplets if these fit its notes with less than this share of the error of 16ths."""
TICKS, VELOCITY = 480, 80
"""Per quarter note, and of each note, in a score that is written."""
DRUMS = 16
"""The instrument of drums; others are numbered by families of General MIDI, from 0 to 15."""
FAR = 16 * UNITS
"""Longer gaps and lengths are in one class."""
_EDGES = np.array([*range(25), *range(27, 49, 3), *range(60, 97, 12), 144])
"""The shortest length of each class, in twelfths."""
_LENGTHS = len(_EDGES) + 1
SIZES = {
    "pitch": 256, "instrument": DRUMS + 1, "position": 288, "bar": 64, "repeat": 20, "before": _LENGTHS,
    "after": _LENGTHS, "same_before": _LENGTHS, "same_after": _LENGTHS, "chord": 8, "above": 8,
    "interval": 51, "length": _LENGTHS,
}  # fmt: skip
"""The features of a note, and how many values each has. Pitches of drums are from 128; `position` is in the
bar, `bar` the length of that in eighths; `repeat` counts hits of one pitch in one position; gaps are to other
notes, and to those of the same pitch; `chord` counts the notes of the position, `above` the higher ones;
`interval` is from the note before, 0 for drums."""


class Notes(NamedTuple):
    """The notes of a piece, all tracks together, in any order; times are in quarter notes."""

    onset: Floats
    length: Floats
    pitch: Ints
    velocity: Ints
    instrument: Ints
    """See `DRUMS`."""


class Frame(NamedTuple):
    """What notes stand in: bar lines and tempos."""

    bars: Floats
    """(bars + 1,) bar lines in quarter notes, the first at the begin of the first bar."""
    tempo_times: Floats
    """(tempos,) where each tempo begins, in quarter notes, ascending."""
    tempos: Floats
    """(tempos,) quarter notes per minute (BPM)."""


class Sheet(NamedTuple):
    """The score of N notes, ordered by position and pitch."""

    order: Ints
    """(N,) which of the given notes each is."""
    position: Ints
    """(N,) in twelfths of a quarter note."""
    features: Ints
    """(N, F) see `SIZES`."""
    tempo: Floats
    """(N,) quarter notes per minute (BPM)."""


class Played(NamedTuple):
    """What lies beside a score, by note, (N,) each."""

    shift: Floats
    """From the position to the onset, in 16ths."""
    velocity: Floats
    """MIDI velocity."""
    stretch: Floats
    """Binary logarithm of the length played, relative to the length in the score."""


def notes_of(score: Score) -> Notes:
    """The notes of all tracks of a Score."""
    columns = [np.zeros((5, 0))]
    for track in score.tracks:
        onsets, lengths, pitches, velocities = note_arrays(track)
        instrument = np.full(len(onsets), instrument_of(track.program, is_drum=track.is_drum))
        columns.append(np.stack([onsets / score.tpq, lengths / score.tpq, pitches, velocities, instrument]))
    onset, length, *rest = np.concatenate(columns, axis=1)
    return Notes(onset, length, *(each.astype(np.int64) for each in rest))


def instrument_of(program: int, *, is_drum: bool) -> int:
    """The number of the instrument of a track, 0 to `DRUMS`."""
    return DRUMS if is_drum else program // 8


def frame_of(score: Score, pad: float = 0.0) -> Frame:
    """Bar lines and tempos of a tidy Score.

    Args:
        score: the music.
        pad: quarter notes by which it begins earlier than the notes that are placed in it.
    """
    tempos = sorted(score.tempos, key=lambda each: each.time)
    times, speeds = [each.time / score.tpq for each in tempos], [each.qpm for each in tempos]
    bars = bar_ticks(score) / score.tpq
    bars = np.append(bars, 2 * bars[-1] - bars[-2])  # a late note may stand on the last bar line
    return Frame(bars - pad, np.array([*times, *[0.0] * (not times)]) - pad, np.array(speeds or [120.0]))


def sheet_of(notes: Notes, frame: Frame, positions: int) -> Sheet:
    """The score of some notes: each at its nearest position.

    Args:
        notes: played, or written.
        frame: where they stand.
        positions: per quarter note: 4 for 16ths, 12 for eighth triplets as well.
    """
    position = nearest(notes.onset, positions)
    key = notes.pitch + 128 * (notes.instrument == DRUMS)
    order = np.lexsort((notes.onset, key, position))
    position, key = position[order], key[order]
    features = np.stack(
        [
            key,
            notes.instrument[order],
            *_in_bars(position, frame),
            _repeats(position, key),
            *_gaps(position),
            *_same_gaps(position, key),
            *_chords(position),
            _intervals(key),
            _written_length(notes.length[order], key, positions)[1],
        ],
        axis=1,
    )
    which = np.searchsorted(frame.tempo_times, position / UNITS, side="right") - 1
    return Sheet(order, position, features, frame.tempos[np.maximum(which, 0)])


def played_beside(notes: Notes, sheet: Sheet, positions: int) -> Played:
    """What lies beside the score of notes that were played."""
    onset, length, key = notes.onset[sheet.order], notes.length[sheet.order], sheet.features[:, 0]
    shift = (onset * UNITS - sheet.position) / SIXTEENTH
    written, _ = _written_length(length, key, positions)
    stretch = np.log2(np.maximum(length * UNITS, 1e-3) / written)
    return Played(shift, notes.velocity[sheet.order].astype(float), np.where(key < 128, stretch, 0.0))


def written_score(score: Score, positions: int) -> Score:
    """The score of what was played: each note at its nearest position, with one velocity.

    Args:
        score: tidy.
        positions: see `sheet_of`.
    """
    written = score.resample(TICKS, min_dur=1)
    for track, played in zip(written.tracks, score.tracks, strict=True):
        onsets, lengths, pitches, velocities = note_arrays(played)
        position = nearest(onsets / score.tpq, positions)
        length, _ = _written_length(lengths / score.tpq, pitches, positions)
        onsets, lengths = position * (TICKS // UNITS), length * (TICKS // UNITS)
        put_notes(track, onsets, lengths, pitches, np.full_like(velocities, VELOCITY))
    return normalise_notes(written)[0]


def nearest(onsets: Floats, positions: int) -> Ints:
    """The position nearest to each onset, in twelfths; of 12 per quarter note, a beat has 16ths or triplets.

    Args:
        onsets: in quarter notes.
        positions: see `sheet_of`.
    """
    times = onsets * UNITS
    # half a position after one, as the second of two 32nds, is in that one
    sixteenths = np.ceil(times / SIXTEENTH - 0.5).astype(np.int64) * SIXTEENTH
    if positions == 4 or not len(times):
        return sixteenths
    triplets = np.ceil(times / TRIPLET - 0.5).astype(np.int64) * TRIPLET
    beats = np.floor(onsets + 0.125).astype(np.int64)  # from a 32nd before a beat on
    beats -= beats.min()
    errors = [np.bincount(beats, np.abs(times - grid)) for grid in (triplets, sixteenths)]
    in_triplets = errors[0] < TRIPLET_ERROR * errors[1]
    return np.where(in_triplets[beats], triplets, sixteenths)


def _class_of(length: Ints) -> Ints:
    found: Ints = np.searchsorted(_EDGES, length, side="right") - 1
    return found


def _in_bars(position: Ints, frame: Frame) -> tuple[Ints, Ints]:
    """The position in its bar, and the length of that in eighths."""
    lines = np.round(frame.bars * UNITS).astype(np.int64)
    bar = np.clip(np.searchsorted(lines, position, side="right") - 1, 0, len(lines) - 2)
    within = np.clip(position - lines[bar], 0, SIZES["position"] - 1)
    return within, np.clip((lines[bar + 1] - lines[bar]) // 6, 0, SIZES["bar"] - 1)


def _repeats(position: Ints, key: Ints) -> Ints:
    """Which hit of its pitch in its position each note is, at most the fourth, and of how many."""
    first, last = _equals(position * 256 + key)
    found: Ints = np.minimum(np.arange(len(key)) - first, 3) * 5 + np.minimum(last - first, 4)
    return found


def _equals(values: Ints) -> tuple[Ints, Ints]:
    """Where the values equal to each begin and end, in ascending values."""
    return np.searchsorted(values, values, side="left"), np.searchsorted(values, values, side="right")


def _gaps(position: Ints) -> tuple[Ints, Ints]:
    """The gaps to the positions before and after that have notes."""
    places, which = np.unique(position, return_inverse=True)
    steps = np.diff(places)
    before, after = np.append(FAR, steps), np.append(steps, FAR)
    return _class_of(before[which]), _class_of(after[which])


def _same_gaps(position: Ints, key: Ints) -> tuple[Ints, Ints]:
    """The gaps to the notes of the same pitch before and after."""
    order = np.lexsort((position, key))
    steps = np.where(np.diff(key[order]) == 0, np.diff(position[order]), FAR)
    before, after = np.full(len(key), FAR), np.full(len(key), FAR)
    before[order[1:]], after[order[:-1]] = steps, steps
    return _class_of(before), _class_of(after)


def _chords(position: Ints) -> tuple[Ints, Ints]:
    """The number of notes in each position, and of those above each note, at most 7."""
    first, last = _equals(position)
    return np.minimum(last - first, 7), np.minimum(last - 1 - np.arange(len(position)), 7)


def _intervals(key: Ints) -> Ints:
    """From the note before, from 1 for two octaves down to 49 for two octaves up; 0 next to a drum."""
    moves = np.clip(np.diff(key), -24, 24) + 25
    is_pitched = (key[1:] < 128) & (key[:-1] < 128)
    return np.concatenate([np.zeros(min(1, len(key)), np.int64), np.where(is_pitched, moves, 0)])


def _written_length(length: Floats, key: Ints, positions: int) -> tuple[Ints, Ints]:
    """The nearest length in a score, at least one position, in twelfths, and its class; 0 for drums."""
    step = SIXTEENTH if positions == 4 else 1
    written = np.maximum(np.round(length * UNITS / step).astype(np.int64), 1) * step
    return written, np.where(key < 128, _class_of(np.minimum(written, FAR)), 0)
