"""Is the given melody still there?"""

import numpy as np
from symusic import Track

from musegen.music.notes import note_arrays


def melody_preserved(given: Track, written: Track) -> bool:
    """Whether every note of the two tracks is equal in onset, duration, pitch and velocity, and none is more.

    Both in the same ticks a quarter; the order of notes does not matter.
    """
    rows = [np.stack(note_arrays(track), axis=1) for track in (given, written)]
    given_rows, written_rows = (notes[np.lexsort(notes.T)] for notes in rows)
    return np.array_equal(given_rows, written_rows)
