"""What sounds in a Score, as arrays."""

import numpy as np
from symusic import Score

from musegen.music.notes import Ints, note_arrays


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
