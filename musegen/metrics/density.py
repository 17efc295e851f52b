"""How densely a piece is filled with notes, drums counted."""

import numpy as np
from symusic import Score

from musegen.music.notes import all_onsets, last_end, note_arrays


def note_density(score: Score) -> float:
    """Notes a quarter, from the first onset to the last end; NaN without notes.

    Each note of a chord counts. Yang and Lerch (2020) count the notes of samples of one length; pieces
    have many lengths, hence a rate.
    """
    onsets = all_onsets(score)
    return len(onsets) * score.tpq / (last_end(score) - float(onsets.min())) if len(onsets) else float("nan")


def empty_beat_rate(score: Score) -> float:
    """Share of the quarters (0 to 1), from tick 0 to the last end, in which no note sounds.

    Dong et al., "Pypianoroll" (2018). MusPy's `empty_beat_rate` with notes that are a tick shorter: it
    takes a note that ends on a beat to sound in that beat too, and counts one beat more where the piece
    ends on a beat; here a note sounds until its end, not at it.
    """
    count = -(-last_end(score) // score.tpq)
    if not count:
        return float("nan")
    steps = np.zeros(count + 1, np.int64)
    for track in score.tracks:
        onsets, durations, _, _ = note_arrays(track)
        np.add.at(steps, onsets // score.tpq, 1)
        np.add.at(steps, -(-(onsets + durations) // score.tpq), -1)
    return float((np.cumsum(steps)[:-1] == 0).mean())
