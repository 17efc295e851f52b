"""Transposition of token streams by table look-up."""

import numpy as np
import numpy.typing as npt

from musegen.tokenizers import Kind, Tables

Ints = npt.NDArray[np.int64]


def transposition_tables(tables: Tables, shifts: range) -> Ints:
    """For each shift in semitones, the id that each id becomes.

    Returns:
        (shifts, V); -1 where a pitch would leave 0 to 127. Drums and all other ids stay.
    """
    by_pitch = np.full(128, -1, dtype=np.int64)
    melodic = (tables.kind == Kind.PITCH) & (tables.is_drum == 0)
    by_pitch[tables.pitch[melodic]] = np.flatnonzero(melodic)
    result = np.tile(np.arange(tables.vocab_size), (len(shifts), 1))
    for row, shift in enumerate(shifts):
        moved = tables.pitch[melodic] + shift
        inside = (moved >= 0) & (moved <= 127)
        result[row, melodic] = np.where(inside, by_pitch[np.clip(moved, 0, 127)], -1)
    return result


def transpose_together(streams: list[Ints], tables: list[Ints], row: int) -> list[Ints]:
    """Transpose streams that sound together, all by the same row of their `transposition_tables`.

    They stay as they are where a pitch of any would not fit.
    """
    moved = [table[row][ids] for ids, table in zip(streams, tables, strict=True)]
    return streams if any((ids < 0).any() for ids in moved) else moved
