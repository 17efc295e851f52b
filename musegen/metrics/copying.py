"""How much of a piece stands bar for bar in the music it was learnt from."""

import hashlib
from collections.abc import Container

import numpy as np
from symusic import Score

from musegen.metrics.sounding import pitched_notes
from musegen.music.fingerprint import GRID
from musegen.music.metre import bar_ticks


def bar_keys(score: Score) -> list[bytes]:
    """A key for each bar with notes: equal for bars of equal music.

    That is the same length, and the same pitches at the same places with the same durations (on 24
    positions a quarter), at the same pitch: a transposed bar has another key. Drums, velocities and
    how notes spread over tracks do not matter. Keys are hashes of 8 bytes: of a million bars, none
    is expected to be taken for another.
    """
    bars = bar_ticks(score)
    onsets, durations, pitches = pitched_notes(score)
    bar = np.searchsorted(bars, onsets, side="right") - 1
    places = np.stack([onsets - bars[bar], durations], axis=1) * GRID / score.tpq
    notes = np.column_stack([bar, np.round(places).astype(np.int64), pitches])  # (notes, 4)
    notes = np.unique(notes, axis=0)  # sorted: by bar, onset, duration, pitch
    lengths = np.round(np.diff(bars) * GRID / score.tpq).astype("<i8")
    keys = []
    for rows in np.split(notes, np.nonzero(np.diff(notes[:, 0]))[0] + 1) if len(notes) else []:
        content = lengths[rows[0, 0]].tobytes() + rows[:, 1:].astype("<i8").tobytes()
        keys.append(hashlib.blake2b(content, digest_size=8).digest())
    return keys


def copied_share(score: Score, known: Container[bytes]) -> float:
    """Share (0 to 1) of the bars with notes that stand exactly, at the same pitch, in known music.

    NaN where there are no notes.

    Args:
        score: in ticks; to ask about the accompaniment, without the melody.
        known: the keys of the training pieces' bars, a set of all their `bar_keys`, without the
            melody likewise.
    """
    keys = bar_keys(score)
    return sum(key in known for key in keys) / len(keys) if keys else float("nan")
