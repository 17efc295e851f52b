"""Batches of piano rolls: windows of frames for training, whole pieces for validation."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from musegen.config.frames import FramesTrainConfig
from musegen.data.batches import fill_batches, plan_batches
from musegen.data.dataset import Dataset
from musegen.data.rolls import read_rolls
from musegen.data.views import TokenView
from musegen.errors import DataError
from musegen.music.notes import Ints
from musegen.music.rolls import Roll
from musegen.training.sharding import Batch, Batches, EpochData, share_of


@dataclass(eq=False)
class FrameBatches(Batches):
    """A list of batches, each made on access.

    A batch holds roll (B, T, KEYS), padded at the end with silence, lengths (B,), piece (B,), which of the
    view's pieces each row is from, and count, the number of frames, the divisor of the loss (see `share_of`).
    """

    rolls: dict[int, Roll]
    """By the index of their piece."""
    plan: list[list[tuple[int, int, int]]]
    """The piece, the first frame and the one after the last of each row of each batch."""
    moves: list[Ints]
    """By how many semitones each row is transposed."""

    def __getitem__(self, index: int) -> Batch:
        """Batch number `index`."""
        rows, moves = self.plan[index], self.moves[index].tolist()
        frames = [
            transposed(self.rolls[piece][start:stop], move)
            for (piece, start, stop), move in zip(rows, moves, strict=True)
        ]
        lengths = torch.tensor([len(each) for each in frames])
        batch = {
            "roll": pad_sequence([torch.from_numpy(each).float() for each in frames], batch_first=True),
            "lengths": lengths,
            "piece": torch.tensor([piece for piece, _, _ in rows]),
            "count": lengths.sum().float(),
        }
        return share_of(batch, "count", *self.share)


def transposed(roll: Roll, semitones: int) -> Roll:
    """A roll some semitones higher, or as it is if a key would leave the piano."""
    if not semitones:
        return roll
    gone = roll[:, -semitones:] if semitones > 0 else roll[:, :-semitones]
    return roll if gone.any() else np.roll(roll, semitones, axis=1)


class FrameDataModule(EpochData):
    """Training windows of frames, randomly transposed, and validation pieces, unchanged.

    Args:
        dataset: the music.
        view: which pieces of it can be used.
        config: of the run, with its frames per quarter note.
        batch_frames: per batch, padding included.

    Raises:
        DataError: no training piece has a note.
    """

    def __init__(
        self, dataset: Dataset, view: TokenView, config: FramesTrainConfig, batch_frames: int
    ) -> None:
        super().__init__(view, seed=config.seed, batch_tokens=batch_frames)
        assert config.roll.positions is not None
        self.window, self.reach = config.data.window, config.data.transpose
        train, held_out = view.indices("train"), view.indices("valid")
        used = sorted({*train, *(held_out or train)})
        pieces = [view.pieces[index] for index in used]
        rolls = read_rolls(dataset, pieces, config.data, config.roll.positions)
        self.rolls = {index: roll for index, roll in zip(used, rolls, strict=True) if len(roll)}
        self.train = [index for index in train if index in self.rolls]
        self.valid = [index for index in held_out if index in self.rolls] or self.train
        if not self.train:
            raise DataError(
                f"dataset {dataset.name} has no training piece with notes: frames are made of notes"
            )
        self.count = sum(-(-len(self.rolls[index]) // self.window) for index in self.train)

    def train_batches(self, epoch: int) -> FrameBatches:
        """The batches of one epoch, the same at every call; each epoch cuts the pieces elsewhere."""
        rng = np.random.default_rng([self.seed, epoch])
        rows = []
        for index in self.train:
            length, first = len(self.rolls[index]), int(rng.integers(1, self.window + 1))
            cuts = [0, *range(first, length, self.window), length] if length > self.window else [0, length]
            rows += [(index, *span) for span in pairwise(cuts)]
        lengths = np.array([stop - start for _, start, stop in rows])
        batches = plan_batches(lengths, batch_tokens=self.batch_tokens, rng=rng)
        plan = [[rows[i] for i in batch] for batch in batches]
        moves = [rng.integers(-self.reach, self.reach + 1, len(batch)) for batch in plan]
        return FrameBatches(self.rolls, plan, moves)

    def whole_pieces(self, indices: Sequence[int]) -> FrameBatches:
        """Whole pieces in batches of similar length."""
        rows = [(index, 0, len(self.rolls[index])) for index in indices]
        lengths = np.array([stop for _, _, stop in rows])
        order = np.argsort(lengths, kind="stable")
        plan = [[rows[i] for i in batch] for batch in fill_batches(order, lengths, self.batch_tokens)]
        # The first few batches (see limit_val_batches) must hold pieces of all lengths.
        plan = [plan[i] for i in np.random.default_rng(0).permutation(len(plan))]
        return FrameBatches(self.rolls, plan, [np.zeros(len(batch), dtype=np.int64) for batch in plan])

    def val_dataloader(self) -> DataLoader[Batch]:
        """Validation pieces, or training pieces if the dataset has no validation split."""
        return DataLoader(self.whole_pieces(self.valid), batch_size=None)

    def metres(self) -> Counter[str]:
        """How many training pieces begin in each time signature."""
        firsts = (self.view.pieces[index].time_signatures[:1] for index in self.train)
        return Counter(first[0] if first else "4/4" for first in firsts)
