"""Batches of performances: windows of notes for training, whole pieces for validation."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from musegen.config.performer import PerformerTrainConfig
from musegen.data.batches import fill_batches, plan_batches
from musegen.data.dataset import Dataset
from musegen.data.performances import Performance, check_played, read_performances
from musegen.data.views import TokenView
from musegen.models.performer import QUANTITIES
from musegen.music.notes import Ints
from musegen.training.sharding import Batch, Batches, EpochData, share_of

FIRST_DRUM = 128
"""Pitches from here on are those of drums, which are never transposed."""


class Excerpt(NamedTuple):
    """A stretch of notes of a piece."""

    piece: int
    """Index in the view."""
    start: int
    stop: int

    @property
    def length(self) -> int:
        """Number of notes."""
        return self.stop - self.start


@dataclass(eq=False)
class PerformanceBatches(Batches):
    """A list of batches, each made on access.

    A batch holds features (B, T, F), tempo (B, T), lengths (B,), piece (B,), which of the view's pieces each
    row is from, shift, velocity and stretch (B, T), and notes, the divisor of the loss (see `share_of`). All
    are padded at the end with 0.
    """

    performances: dict[int, Performance]
    """By the index of their piece."""
    plan: list[list[Excerpt]]
    """The excerpts of each batch."""
    moves: list[Ints]
    """By how many semitones each is transposed."""

    def __getitem__(self, index: int) -> Batch:
        """Batch number `index`."""
        rows = self.plan[index]
        parts = [(self.performances[row.piece], slice(row.start, row.stop)) for row in rows]
        moved = [
            _transposed(own.features[part], move)
            for (own, part), move in zip(parts, self.moves[index].tolist(), strict=True)
        ]
        lengths = torch.tensor([row.length for row in rows])
        batch = {
            "features": _pad(moved),
            "tempo": _pad([own.tempo[part].astype(np.float32) for own, part in parts]),
            "lengths": lengths,
            "piece": torch.tensor([row.piece for row in rows]),
            "notes": lengths.sum().float(),
        }
        for number, name in enumerate(QUANTITIES):
            batch[name] = _pad([own.values[number, part].astype(np.float32) for own, part in parts])
        return share_of(batch, "notes", *self.share)


def _pad(rows: Sequence[np.ndarray]) -> Tensor:
    return pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True)


def _transposed(features: Ints, move: int) -> Ints:
    """The features with pitches some semitones higher, or as they are if one would leave MIDI's range."""
    pitches = features[:, 0]
    moved = np.where(pitches < FIRST_DRUM, pitches + move, pitches)
    is_wrong = ((moved < 0) | (moved >= FIRST_DRUM)) & (pitches < FIRST_DRUM)
    return features if is_wrong.any() or not move else np.column_stack([moved, features[:, 1:]])


class PerformanceDataModule(EpochData):
    """Training windows of notes, randomly transposed, and validation pieces, unchanged.

    Args:
        dataset: the music.
        view: which pieces of it can be used.
        config: of the run.
        batch_notes: notes per batch, padding included.

    Raises:
        DataError: nothing in the training pieces was played.
    """

    def __init__(
        self, dataset: Dataset, view: TokenView, config: PerformerTrainConfig, batch_notes: int
    ) -> None:
        super().__init__(view, seed=config.seed, batch_tokens=batch_notes)
        self.window, self.reach = config.data.window, config.data.transpose
        self.train, held_out = view.indices("train"), view.indices("valid")
        self.valid = held_out or self.train
        used = sorted({*self.train, *self.valid})
        pieces = [view.pieces[index] for index in used]
        read = read_performances(dataset, pieces, config.data, config.score.positions)
        self.performances = dict(zip(used, read, strict=True))
        check_played([self.performances[index] for index in self.train], dataset.name)
        self.count = sum(-(-self._length(index) // self.window) for index in self.train)

    def _length(self, index: int) -> int:
        return len(self.performances[index].tempo)

    def instruments(self) -> list[int]:
        """Those of the training pieces, ascending; see `music.performance.DRUMS`."""
        return sorted({int(each) for i in self.train for each in set(self.performances[i].features[:, 1])})

    def train_batches(self, epoch: int) -> PerformanceBatches:
        """The batches of one epoch, the same at every call; each epoch cuts the pieces elsewhere."""
        rng = np.random.default_rng([self.seed, epoch])
        excerpts = []
        for index in self.train:
            length, first = self._length(index), int(rng.integers(1, self.window + 1))
            cuts = [0, *range(first, length, self.window), length] if length > self.window else [0, length]
            excerpts += [Excerpt(index, *span) for span in pairwise(cuts)]
        lengths = np.array([each.length for each in excerpts])
        batches = plan_batches(lengths, batch_tokens=self.batch_tokens, rng=rng)
        plan = [[excerpts[i] for i in batch] for batch in batches]
        moves = [rng.integers(-self.reach, self.reach + 1, len(batch)) for batch in plan]
        return PerformanceBatches(self.performances, plan, moves)

    def whole_pieces(self, indices: Sequence[int]) -> PerformanceBatches:
        """Whole pieces in batches of similar length."""
        pieces = [Excerpt(index, 0, self._length(index)) for index in indices]
        lengths = np.array([each.length for each in pieces])
        order = np.argsort(lengths, kind="stable")
        plan = [[pieces[i] for i in batch] for batch in fill_batches(order, lengths, self.batch_tokens)]
        # The first few batches (see limit_val_batches) must hold pieces of all lengths.
        plan = [plan[i] for i in np.random.default_rng(0).permutation(len(plan))]
        return PerformanceBatches(
            self.performances, plan, [np.zeros(len(batch), dtype=np.int64) for batch in plan]
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Validation pieces, or training pieces if the dataset has no validation split."""
        return DataLoader(self.whole_pieces(self.valid), batch_size=None)
