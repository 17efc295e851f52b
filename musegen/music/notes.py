"""Notes of a Score as arrays, and the form every Score of musegen has: sorted, no overlaps of one pitch.

Times and durations are in ticks, pitches are MIDI numbers (0 to 127).
"""

from collections import Counter
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from symusic import Note, Score, Track

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def note_arrays(track: Track) -> tuple[Ints, Ints, Ints, Ints]:
    """Onsets, durations, pitches and velocities of a track, each (notes,) int64, in the track's order."""
    columns, names = track.notes.numpy(), ("time", "duration", "pitch", "velocity")
    onsets, durations, pitches, velocities = (columns[name].astype(np.int64) for name in names)
    return onsets, durations, pitches, velocities


def put_notes(track: Track, onsets: Ints, durations: Ints, pitches: Ints, velocities: Ints) -> None:
    """Replace the notes of `track` by those of the arrays, each (notes,)."""
    onsets, durations = onsets.astype(np.int32), durations.astype(np.int32)
    track.notes = Note.from_numpy(
        onsets, durations, pitches.astype(np.int8), velocities.astype(np.int8), "tick"
    )


def normalise_notes(score: Score, *, user_tracks: Collection[int] = ()) -> tuple[Score, list[str]]:
    """The Score with clean notes, and what had to be repaired, in words.

    In each track the notes are sorted by (onset, pitch). Dropped: notes before tick 0, of no
    length, out of MIDI's pitches or silent (velocity 0), and all but the longest of those that
    start together on one pitch. A note ends where its pitch starts again in the same track.
    Tracks whose numbers are in `user_tracks` stay as they are.
    """
    score = score.copy()
    counts: Counter[str] = Counter()
    for number, track in enumerate(score.tracks):
        if number not in user_tracks:
            counts.update(_normalise_track(track))
    return score, [f"{count} {what}" for what, count in counts.items() if count]


def _normalise_track(track: Track) -> dict[str, int]:
    onsets, durations, pitches, velocities = note_arrays(track)
    counts = {
        "notes before the start dropped": int((onsets < 0).sum()),
        "notes without length dropped": int(((onsets >= 0) & (durations <= 0)).sum()),
    }
    keep = (onsets >= 0) & (durations > 0) & (velocities > 0) & (pitches >= 0)
    counts["silent or impossible notes dropped"] = int((~keep).sum()) - sum(counts.values())
    onsets, durations, pitches, velocities = (x[keep] for x in (onsets, durations, pitches, velocities))

    order = np.lexsort((-velocities, -durations, onsets, pitches))  # by pitch, then onset, longest first
    onsets, durations, pitches, velocities = (x[order] for x in (onsets, durations, pitches, velocities))
    double = np.zeros(len(onsets), dtype=bool)
    double[1:] = (np.diff(pitches) == 0) & (np.diff(onsets) == 0)
    counts["double notes dropped"] = int(double.sum())
    onsets, durations, pitches, velocities = (x[~double] for x in (onsets, durations, pitches, velocities))

    if len(onsets) > 1:
        room = np.diff(onsets)
        cut = (np.diff(pitches) == 0) & (durations[:-1] > room)
        counts["overlapping notes cut"] = int(cut.sum())
        durations[:-1][cut] = room[cut]
    order = np.lexsort((pitches, onsets))
    put_notes(track, onsets[order], durations[order], pitches[order], velocities[order])
    return counts


def split_overlaps(track: Track) -> list[Track]:
    """The notes of `track` in as few tracks as keep those that overlap on one pitch apart.

    Where nothing overlaps, that is one track. Every note stays as it is.
    """
    columns = onsets, durations, pitches, _ = note_arrays(track)
    layers = np.zeros(len(onsets), np.int64)
    ends: dict[int, list[int]] = {}  # pitch -> where each layer is free again
    for index in np.lexsort((durations, onsets)).tolist():
        free = ends.setdefault(int(pitches[index]), [])
        layer = next((i for i, end in enumerate(free) if end <= onsets[index]), len(free))
        free[layer : layer + 1] = [int(onsets[index] + durations[index])]
        layers[index] = layer
    tracks = []
    for layer in range(int(layers.max(initial=-1)) + 1):
        tracks.append(track.copy() if layer == 0 else Track(track.name, track.program, track.is_drum))
        put_notes(tracks[-1], *(column[layers == layer] for column in columns))
    return tracks


def transpose(score: Score, semitones: int) -> Score:
    """The Score moved by `semitones`; drum tracks stay.

    Raises:
        ValueError: a note would leave MIDI's pitches 0 to 127.
    """
    score = score.copy()
    for track in score.tracks:
        if track.is_drum or not semitones:
            continue
        onsets, durations, pitches, velocities = note_arrays(track)
        pitches = pitches + semitones
        if len(pitches) and not 0 <= pitches.min() <= pitches.max() <= 127:
            raise ValueError(f"transposing by {semitones} leaves MIDI's pitches 0 to 127")
        put_notes(track, onsets, durations, pitches, velocities)
    return score


def all_onsets(score: Score) -> Ints:
    """Onsets of all notes of all tracks, (notes,) int64 ticks, unsorted."""
    return np.concatenate([np.zeros(0, np.int64), *(note_arrays(t)[0] for t in score.tracks)])


def last_end(score: Score) -> int:
    """The tick at which the last note ends; 0 where there is none."""
    ends = [onsets + durations for onsets, durations, _, _ in map(note_arrays, score.tracks)]
    return int(max((e.max() for e in ends if len(e)), default=0))


def pitched_notes(score: Score) -> tuple[Ints, Ints, Ints]:
    """Onsets, durations (ticks) and pitches of the notes of all tracks but drums, each (notes,)."""
    rows = [np.zeros((3, 0), np.int64)]
    rows += [np.stack(note_arrays(track)[:3]) for track in score.tracks if not track.is_drum]
    onsets, durations, pitches = np.concatenate(rows, axis=1)
    return onsets, durations, pitches


def check_ticks(ours: Score, human: Score) -> None:
    """Refuse Scores whose ticks are not alike.

    Raises:
        ValueError: they differ in ticks a quarter.
    """
    if ours.tpq != human.tpq:
        raise ValueError(f"scores of {ours.tpq} and {human.tpq} ticks a quarter: resample one of them")
