"""Which batches an epoch still has: this rank's share, from where an interrupted epoch was left."""

from collections.abc import Iterator
from typing import Any, Protocol

import pytorch_lightning as pl
from torch.utils.data import DataLoader, Sampler


class Planned(Protocol):
    """A list of batches that are made when asked for."""

    plan: list[Any]
    """What each batch holds."""
    shifts: list[Any]
    """How it is transposed."""

    def __len__(self) -> int:
        """Batches."""
        ...

    def __getitem__(self, index: int) -> Any:
        """Batch number `index`."""
        ...


class _Rest(Sampler[int]):
    """The numbers from `start` on; its length is that of all, by which Lightning counts an epoch."""

    def __init__(self, start: int, count: int) -> None:
        self.start, self.count = start, count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.count))


def epoch_loader(batches: Planned, trainer: pl.Trainer) -> DataLoader[Any]:
    """A loader of the batches of this epoch that this rank has not seen yet; the plan is cut to its share."""
    cut_to_share(batches, trainer.global_rank, trainer.world_size)
    done = _batches_done(trainer)
    limit = trainer.limit_train_batches
    count = len(batches) if limit == 1.0 else int(limit if isinstance(limit, int) else limit * len(batches))
    start = done if done < count else 0  # a whole epoch: the next one begins
    return DataLoader(batches, batch_size=None, sampler=_Rest(start, len(batches)))  # type: ignore[arg-type]


def cut_to_share(batches: Planned, rank: int, ranks: int) -> None:
    """Leave of a plan what one rank has; every rank has as many, so that none waits for another."""
    if ranks == 1:
        return
    count = max(1, len(batches) // ranks)
    mine = [(rank + i * ranks) % len(batches) for i in range(count)]
    batches.plan = [batches.plan[i] for i in mine]
    batches.shifts = [batches.shifts[i] for i in mine]


def _batches_done(trainer: pl.Trainer) -> int:
    """Batches of this epoch that an interrupted run has behind it."""
    loop = trainer.fit_loop
    is_going_on = loop.restarting or loop.epoch_loop.restarting
    return int(loop.epoch_loop.batch_progress.current.ready) if is_going_on else 0
