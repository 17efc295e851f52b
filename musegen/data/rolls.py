"""The piano rolls of a dataset: how many frames there are per quarter note, and the roll of each piece."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from symusic.core import ScoreTick

from musegen.config.settings import GRID_POSITIONS, DataConfig
from musegen.data.dataset import Dataset, IndexEntry
from musegen.data.fitting import MIN_SHARE
from musegen.data.selection import select
from musegen.errors import ConfigError, DataError, MusegenError, attempt
from musegen.music.notes import pitched_notes
from musegen.music.rolls import KEYS, Roll, outside_keys, roll_of


class Survey(NamedTuple):
    """What a dataset is as piano rolls."""

    positions: int
    """Frames per quarter note."""
    empty: int
    """Pieces without a note."""
    outside: int
    """Notes that a piano does not have."""


def survey(dataset: Dataset, data: DataConfig, positions: int | None) -> Survey:
    """How many frames per quarter note suit a dataset, and what its rolls will lack.

    Args:
        dataset: the music.
        data: which tracks to use.
        positions: as set; None: the fewest on which 95% of the training pieces lie.

    Raises:
        ConfigError: every note lies on fewer positions, so that frames would only be repeated.
        DataError: no training piece has a note.
    """
    scores = [score for _, score in _scores(dataset, dataset.pieces, data)]
    train = [
        score for piece, score in _scores(dataset, dataset.split("train"), data) if len(roll_of(score, 1))
    ]
    if not train:
        raise DataError(f"dataset {dataset.name} has no training piece with notes: frames are made of notes")
    onsets, whole = Counter[int](), Counter[int]()
    for score in train:
        onset, duration, _ = pitched_notes(score)
        for each in GRID_POSITIONS:
            is_on = not (onset * each % score.tpq).any()
            onsets[each] += is_on
            whole[each] += is_on and not ((onset + duration) * each % score.tpq).any()
    if positions is None:
        fitting = (each for each in GRID_POSITIONS if onsets[each] >= MIN_SHARE * len(train))
        positions = next(fitting, max(GRID_POSITIONS, key=lambda each: onsets[each]))
    coarser = [each for each in GRID_POSITIONS if positions % each == 0 and each < positions]
    enough = next((each for each in coarser if whole[each] == len(train)), None)
    if enough is not None:
        raise ConfigError(
            f"⟨roll.positions⟩ is {positions}, and every note of {dataset.name} begins and ends on {enough} "
            f"per quarter note: finer frames would only repeat each other; use {enough}, or leave it out"
        )
    empty = sum(not len(roll_of(score, positions)) for score in scores)
    return Survey(positions, empty, sum(map(outside_keys, scores)))


def read_rolls(
    dataset: Dataset, pieces: Sequence[IndexEntry], data: DataConfig, positions: int
) -> list[Roll]:
    """The roll of each piece, without a frame where it has no notes or no such tracks."""
    rolls = {piece.name: roll_of(score, positions) for piece, score in _scores(dataset, pieces, data)}
    return [rolls.get(piece.name, np.zeros((0, KEYS), np.bool_)) for piece in pieces]


def _scores(
    dataset: Dataset, pieces: Sequence[IndexEntry], data: DataConfig
) -> Iterator[tuple[IndexEntry, ScoreTick]]:
    """The pieces that have the selected tracks."""
    for piece in pieces:
        selected = attempt(select, dataset, piece, data)
        if not isinstance(selected, MusegenError):
            yield piece, selected.score
