"""The remaining batches of an interrupted epoch, and the rows of each rank.

Every batch is shared by all ranks: whatever their number, a step is on the same music.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from musegen.data.views import TokenView

Batch = dict[str, Tensor]


class Batches(Dataset[Batch]):
    """A list of batches, each made on access."""

    plan: Sequence[Any]
    """The content of each."""
    share = 0, 1
    """The rank, and how many ranks share each batch."""

    def __len__(self) -> int:
        return len(self.plan)


class EpochData(pl.LightningDataModule):
    """Training data in batches that depend only on (seed, epoch).

    Args:
        view: the token streams.
        seed: of all random numbers.
        batch_tokens: ids per batch, padding included.
    """

    unit: ClassVar = "window"
    """The unit of `count`."""
    count: int
    """The number of training units."""

    def __init__(self, view: TokenView, *, seed: int, batch_tokens: int) -> None:
        super().__init__()
        self.view, self.seed, self.batch_tokens = view, seed, batch_tokens
        self.names = [piece.name for piece in view.pieces]
        self.left_out: dict[str, int] = {}
        """The number of units that cannot be trained on, by reason."""

    def train_batches(self, epoch: int) -> Batches:
        """The batches of one epoch, the same at every call."""
        raise NotImplementedError

    def train_dataloader(self) -> DataLoader[Batch]:
        """This rank's share of the remaining batches of this epoch."""
        trainer = self.trainer
        assert trainer is not None
        return epoch_loader(self.train_batches(trainer.current_epoch), trainer)


class _Rest(Sampler[int]):
    """The numbers from `start` on; the length is that of all, by which Lightning counts an epoch."""

    def __init__(self, start: int, count: int) -> None:
        self.start, self.count = start, count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.count))


def epoch_loader(batches: Batches, trainer: pl.Trainer) -> DataLoader[Any]:
    """A loader of this rank's share of the remaining batches of this epoch."""
    batches.share = trainer.global_rank, trainer.world_size
    done = _batches_done(trainer)
    limit = trainer.limit_train_batches
    count = len(batches) if limit == 1.0 else int(limit if isinstance(limit, int) else limit * len(batches))
    start = done if done < count else 0  # the epoch is complete: the next one begins
    return DataLoader(batches, batch_size=None, sampler=_Rest(start, len(batches)))


def share_of(batch: Batch, divisor: str, rank: int, ranks: int) -> Batch:
    """This rank's rows of a batch; the mean of the losses of all ranks is the loss of the whole batch.

    Args:
        batch: tensors of B rows, and numbers.
        divisor: name of the divisor of the loss.
        rank: from 0.
        ranks: how many share the batch. If it has fewer rows than ranks, the others repeat its first row
            with weight 0.
    """
    if ranks == 1:
        return batch
    is_idle = rank >= max(len(each) for each in batch.values() if each.dim())
    rows = slice(0, 1) if is_idle else slice(rank, None, ranks)
    share = {name: each[rows] if each.dim() else each for name, each in batch.items()}
    share[divisor] = torch.full((), torch.inf) if is_idle else batch[divisor] / ranks
    return share


def _batches_done(trainer: pl.Trainer) -> int:
    """The number of batches of this epoch that an interrupted run has done."""
    loop = trainer.fit_loop
    is_going_on = loop.restarting or loop.epoch_loop.restarting
    return int(loop.epoch_loop.batch_progress.current.ready) if is_going_on else 0
