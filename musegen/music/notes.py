"""Notes of a Score as arrays, and normalisation: sorted notes, no overlaps of one pitch.

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
    """Replace the notes of `track` by the arrays, each (notes,)."""
    onsets, durations = onsets.astype(np.int32), durations.astype(np.int32)
    track.notes = Note.from_numpy(
        onsets, durations, pitches.astype(np.int8), velocities.astype(np.int8), "tick"
    )


def normalise_notes(score: Score, *, user_tracks: Collection[int] = ()) -> tuple[Score, list[str]]:
    """The Score with normalised notes, and descriptions of the repairs.

    In each track notes are sorted by (onset, pitch). Drum hits without length last a 32nd. Other notes
    without length, notes before tick 0, outside MIDI's pitches or silent (velocity 0) are dropped, and all
    but the longest of notes with equal onset and pitch. A note ends where its pitch starts again in the
    same track.
    Tracks whose numbers are in `user_tracks` are not changed.
    """
    score = score.copy()
    counts: Counter[str] = Counter()
    for number, track in enumerate(score.tracks):
        if number not in user_tracks:
            counts.update(_normalise_track(track, max(1, score.tpq // 8)))
    return score, [f"{count} {what}" for what, count in counts.items() if count]


def _normalise_track(track: Track, hit: int) -> dict[str, int]:
    """Normalise a track in place; the repairs. Drum hits without length get `hit` ticks."""
    onsets, durations, pitches, velocities = note_arrays(track)
    struck = (durations == 0) & track.is_drum
    durations[struck] = hit
    counts = {
        "drum hits of no length given one": int(struck.sum()),
        "notes before the start dropped": int((onsets < 0).sum()),
        "notes without length dropped": int(((onsets >= 0) & (durations <= 0)).sum()),
    }
    dropped = sum(counts.values()) - counts["drum hits of no length given one"]
    keep = (onsets >= 0) & (durations > 0) & (velocities > 0) & (pitches >= 0)
    counts["silent or impossible notes dropped"] = int((~keep).sum()) - dropped
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
    """The notes of `track` split into as few tracks as possible without overlaps on one pitch.

    Without overlaps that is one track. No note is changed.
    """
    columns = onsets, durations, pitches, _ = note_arrays(track)
    layers = np.zeros(len(onsets), np.int64)
    ends: dict[int, list[int]] = {}  # pitch -> end of the last note of each layer
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
    """The Score transposed by `semitones`, except drum tracks.

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
    """The tick at which the last note ends; 0 without notes."""
    ends = [onsets + durations for onsets, durations, _, _ in map(note_arrays, score.tracks)]
    return int(max((e.max() for e in ends if len(e)), default=0))


def pitched_notes(score: Score) -> tuple[Ints, Ints, Ints]:
    """Onsets, durations (ticks) and pitches of the notes of all tracks except drums, each (notes,)."""
    rows = [np.zeros((3, 0), np.int64)]
    rows += [np.stack(note_arrays(track)[:3]) for track in score.tracks if not track.is_drum]
    onsets, durations, pitches = np.concatenate(rows, axis=1)
    return onsets, durations, pitches


def played_notes(score: Score) -> tuple[Ints, Ints, Ints]:
    """The same of all tracks; the pieces of a drum kit have pitches from 128."""
    rows = [np.zeros((3, 0), np.int64)]
    for track in score.tracks:
        onsets, durations, pitches, _ = note_arrays(track)
        rows.append(np.stack([onsets, durations, pitches + 128 * track.is_drum]))
    onsets, durations, pitches = np.concatenate(rows, axis=1)
    return onsets, durations, pitches


def check_ticks(ours: Score, human: Score) -> None:
    """Check that two Scores have the same resolution.

    Raises:
        ValueError: they differ in ticks per quarter note.
    """
    if ours.tpq != human.tpq:
        raise ValueError(f"scores of {ours.tpq} and {human.tpq} ticks per quarter note: resample one of them")
