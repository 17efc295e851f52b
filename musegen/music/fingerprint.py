"""A hash of the music of a Score, and whether its notes lie on a grid, or near beats."""

import hashlib

import numpy as np
from symusic import Score

from musegen.music.notes import all_onsets, note_arrays

GRID = 24
"""Positions per quarter note: exact for 16ths and 32nds, their triplets, and 8th triplets."""
FINEST = 96
"""Scores whose onsets share a step of at least 1/96 quarter note are compared exactly, others on GRID."""


def off_grid_share(score: Score, grid: int = GRID) -> float:
    """Share of the onsets (0 to 1) more than 1% of a quarter note off `grid` positions per quarter."""
    onsets = all_onsets(score)
    if not len(onsets):
        return 0.0
    positions = onsets * grid / score.tpq
    return float((np.abs(positions - np.round(positions)) > 0.01 * grid).mean())


def beat_strength(score: Score) -> float:
    """How closely the onsets gather about 16ths or eighth triplets: 1 on them, near 0 without beats.

    It is the length of the mean of the onsets as angles, of which a 16th, or a triplet, is a full turn,
    without what few onsets have by chance.
    """
    onsets = all_onsets(score) / score.tpq
    if len(onsets) < 2:
        return 0.0
    lengths = [float(np.abs(np.exp(2j * np.pi * onsets * parts).mean())) for parts in (3, 4)]
    return float(np.sqrt(max(0.0, len(onsets) * max(lengths) ** 2 - 1) / (len(onsets) - 1)))


def fingerprint(score: Score) -> str:
    """Hex sha256, equal for equal music in any key, tempo, resolution, note values and with any names.

    Hashed are the onsets, relative to the first and divided by their greatest common divisor, and
    the pitches, relative to the lowest of the first pitched notes (those of drums as they are).
    """
    rows = [np.zeros((0, 3), np.int64)]
    for track in score.tracks:
        onsets, _, pitches, _ = note_arrays(track)
        rows.append(np.stack([onsets, np.full_like(onsets, track.is_drum), pitches], axis=1))
    notes = np.concatenate(rows)  # (notes, 3): onset, is drum, pitch
    notes = notes[np.lexsort((notes[:, 2], notes[:, 1], notes[:, 0]))]
    pitched = notes[:, 1] == 0
    if pitched.any():
        notes[pitched, 2] -= notes[pitched][0, 2]
    notes[:, 0] = _steps(notes[:, 0], score.tpq)
    return hashlib.sha256(np.unique(notes, axis=0).astype("<i8").tobytes()).hexdigest()


def _steps(onsets: np.ndarray, tpq: int) -> np.ndarray:
    """Sorted onsets (notes,) in ticks as whole numbers of their common step, from 0."""
    onsets = onsets - onsets[:1]
    step = np.gcd.reduce(onsets) if len(onsets) else 0
    if step * FINEST < tpq:  # performed, not notated: compare on the grid
        onsets = np.round(onsets * GRID / tpq).astype(np.int64)
        step = np.gcd.reduce(onsets) if len(onsets) else 0
    return onsets // max(1, int(step))
