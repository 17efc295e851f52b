"""The rhythm of some music on one key, as if it were tapped: what a model makes a drum kit of."""

import numpy as np
from symusic import Score, Track

from musegen.music.notes import Ints, note_arrays, put_notes
from musegen.music.performance import UNITS, nearest

KEY = 60
LONGEST = 8
"""A tap lasts at most this part of a quarter note."""


def taps_of(score: Score) -> Score:
    """All notes on one key: of those at one position of the score the loudest, with its onset and velocity.

    Args:
        score: tidy.

    Returns:
        The same bars and tempo with one track.
    """
    rows = np.concatenate([np.stack(note_arrays(track)) for track in score.tracks], axis=1)
    onset, _, _, velocity = rows
    place = nearest(onset / score.tpq, UNITS)
    order = np.lexsort((-velocity, place))
    kept = order[np.append(True, np.diff(place[order]) != 0)]
    onset, velocity = onset[kept], velocity[kept]
    order = np.lexsort((-velocity, onset))  # two positions may be played at once
    order = order[np.append(True, np.diff(onset[order]) != 0)]
    onset, velocity = onset[order], velocity[order]
    length: Ints = np.minimum(np.append(np.diff(onset), score.tpq), max(1, score.tpq // LONGEST))
    tapped = score.copy()
    tapped.tracks = [Track("Taps", 0, is_drum=False)]
    put_notes(tapped.tracks[0], onset, length, np.full_like(onset, KEY), velocity)
    return tapped
