"""Played notes on a grid: the position of each in the score, and the shift from there to its onset.

Positions are those of a performer (`music.performance`): 16ths, or eighth triplets in beats that these fit
better. Both lie on every grid of REMI, and onsets are exact to half of 1/96 of a quarter note. MidiTok has
shifts only in PerTok (Lenz and Mani 2024, arXiv:2410.02060), whose time is no grid of bars; the name of the
tokens, MicroTiming, is from there.
"""

import numpy as np

from musegen.music.notes import Floats
from musegen.music.performance import UNITS, nearest
from musegen.tokenizers.remi_grid import Voice
from musegen.tokenizers.tables import Ints


def with_positions(voices: list[Voice], ticks_per_quarter: int, parts: int) -> list[Voice]:
    """The voices of a piece with a column "position": where each note stands in the score, in ticks.

    Of several notes of one key at one position, the nearest stays there, and the others stand beside it.

    Args:
        voices: see `GridPiece`.
        ticks_per_quarter: of the score.
        parts: positions per quarter note of the grid, a multiple of `UNITS`.
    """
    onset = np.concatenate([columns["time"] for _, columns in voices]) / ticks_per_quarter
    key = np.concatenate([number * 128 + columns["pitch"].astype(np.int64) for number, columns in voices])
    place = _apart(nearest(onset, UNITS) * (parts // UNITS), onset * parts, key)
    position = place * (ticks_per_quarter / parts)
    ends = np.cumsum([len(columns["time"]) for _, columns in voices])[:-1]
    own = np.split(position, ends)
    return [
        (number, columns | {"position": each}) for (number, columns), each in zip(voices, own, strict=True)
    ]


def _apart(position: Ints, onset: Floats, key: Ints) -> Ints:
    """The positions with those of each key different and in the order of onsets.

    Args:
        position: (N,) in the score.
        onset: (N,) in positions.
        key: (N,) voice and pitch.
    """
    order = np.lexsort((onset, key))
    place, key, index = position[order], key[order], np.arange(len(order))
    is_same = (np.diff(key) == 0) & (np.diff(place) == 0)
    if not is_same.any():
        return position
    group = np.cumsum(np.append(True, ~is_same)) - 1
    by_distance = np.lexsort((np.abs(onset[order] - place), group))
    stays = by_distance[np.searchsorted(group[by_distance], np.arange(group[-1] + 1))]
    place = place + index - stays[group]
    # Each position of a key is at least one more than the one before.
    begin = np.cumsum(np.append(0, np.diff(key) != 0)) * (2 * (int(np.abs(place).max()) + len(index)))
    place = np.maximum.accumulate(place - index + begin) + index - begin
    found = np.empty_like(position)
    found[order] = place
    return found
