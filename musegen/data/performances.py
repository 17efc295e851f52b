"""The performances of a dataset: of each piece the score, and how each of its notes was played."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from musegen.config.settings import DataConfig
from musegen.data.dataset import Dataset, IndexEntry
from musegen.data.selection import select
from musegen.errors import DataError
from musegen.music.notes import Floats, Ints
from musegen.music.performance import SIXTEENTH, UNITS, Sheet, frame_of, notes_of, played_beside, sheet_of

FINE = 24
"""Positions per quarter note on which written music stands: 32nds, and triplets of 16ths."""
OFF_GRID = 0.01
"""Distance from these, in quarter notes, above which a note is off the grid; and the share that may be."""


class Performance(NamedTuple):
    """A piece of N notes, ordered by position and pitch."""

    features: Ints
    """(N, F) of the score, see `music.performance.SIZES`."""
    tempo: Floats
    """(N,) quarter notes per minute (BPM)."""
    position: Ints
    """(N,) in twelfths of a quarter note."""
    values: Floats
    """(3, N) shift, velocity and stretch, see `music.performance.Played`."""


def read_performances(
    dataset: Dataset, pieces: Sequence[IndexEntry], data: DataConfig, positions: int
) -> list[Performance]:
    """The performances of some pieces of a dataset.

    Args:
        dataset: the music.
        pieces: with the selected tracks.
        data: which tracks to use.
        positions: of the score per quarter note.
    """
    return list(_performances(dataset, pieces, data, positions))


def _performances(
    dataset: Dataset, pieces: Sequence[IndexEntry], data: DataConfig, positions: int
) -> Iterator[Performance]:
    for piece in pieces:
        score = select(dataset, piece, data).score
        notes = notes_of(score)
        sheet = sheet_of(notes, frame_of(score), positions)
        yield as_performance(sheet, np.stack(played_beside(notes, sheet, positions)))


def as_performance(sheet: Sheet, values: Floats) -> Performance:
    """A performance of a score.

    Args:
        sheet: the score.
        values: (3, N) see `Performance`.
    """
    return Performance(sheet.features, sheet.tempo, sheet.position, values)


def check_played(performances: Sequence[Performance], name: str) -> None:
    """Refuse music that nobody has played.

    Args:
        performances: of the training pieces.
        name: of the dataset.

    Raises:
        DataError: the notes stand on the grid, and all have one velocity.
    """
    shift, velocity, _ = np.concatenate([each.values for each in performances], axis=1)
    position = np.concatenate([each.position for each in performances])
    onset = (position + shift * SIXTEENTH) * FINE / UNITS
    is_off = np.abs(onset - np.round(onset)) > OFF_GRID * FINE
    if is_off.mean() <= OFF_GRID and len(np.unique(velocity)) < 2:
        raise DataError(
            f"nothing to learn from {name}: every note stands on the grid, and all have velocity "
            f"{velocity[0]:.0f}; a performer is trained on music that was played, as MIDI with a tempo"
        )
