"""Which track of a Score holds its melody."""

import numpy as np
from symusic import Score

from musegen.errors import DataError
from musegen.music.notes import note_arrays

MELODY_NAMES = ("melody", "vocal", "vox", "voice", "lead", "soprano", "sing", "cantus", "melodie")
MELODY_PROGRAMS = (52, 53, 54, 85)
"""General MIDI programs (from 0) that sing: choir aahs, voice oohs, synth voice, lead voice."""


def melody_track(score: Score, wanted: str | None = None) -> tuple[int, str]:
    """The index of the melody's track (from 0) and how it was found; never a drum track.

    Args:
        wanted: a track's name (in any case) or its number from 1; None finds it out.

    Returns:
        index, and one of "only track", "name", "number", "program", "inferred".

    Raises:
        DataError: no such track, or drums only; the message names the tracks there are.
    """
    candidates = [i for i, t in enumerate(score.tracks) if not t.is_drum and len(t.notes)]
    if not candidates:
        raise DataError(f"no pitched track for a melody; there are: {track_names(score)}")
    if wanted is not None:
        return _wanted(score, candidates, wanted)
    if len(candidates) == 1:
        return candidates[0], "only track"
    for word in MELODY_NAMES:
        named = [i for i in candidates if word in score.tracks[i].name.lower()]
        if len(named) == 1:
            return named[0], "name"
    sung = [i for i in candidates if score.tracks[i].program in MELODY_PROGRAMS]
    if len(sung) == 1:
        return sung[0], "program"
    return infer_melody(score, candidates), "inferred"


def track_names(score: Score) -> str:
    """The tracks of a Score for a message: `1 "MELODY", 2 "PIANO" (drums)`."""
    return ", ".join(
        f'{i} "{t.name}"' + (" (drums)" if t.is_drum else "") for i, t in enumerate(score.tracks, start=1)
    )


def _wanted(score: Score, candidates: list[int], wanted: str) -> tuple[int, str]:
    named = [i for i in candidates if score.tracks[i].name.strip().lower() == wanted.strip().lower()]
    if named:
        return named[0], "name"
    if wanted.strip().isdecimal() and int(wanted) - 1 in candidates:
        return int(wanted) - 1, "number"
    raise DataError(f"no melody track {wanted!r}; there are: {track_names(score)}")


def infer_melody(score: Score, candidates: list[int]) -> int:
    """Of the tracks `candidates`, the one that most looks like a melody, whatever the names and programs."""
    scores = [_likeness(score, i, candidates) for i in candidates]
    return candidates[int(np.argmax(scores))]


def _likeness(score: Score, index: int, candidates: list[int]) -> float:
    onsets, durations, pitches, _ = note_arrays(score.tracks[index])
    line = len(np.unique(onsets)) / len(onsets)
    return float(pitches.mean() / 12 + 2 * line)
