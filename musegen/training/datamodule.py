"""Batches of token streams: windows for training, whole pieces for validation.

Everything drawn at random is a function of (seed, epoch), so that a run can be repeated.
"""

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from musegen.config import TrainConfig
from musegen.data.augment import transpose_ids, transposition_tables
from musegen.data.views import TokenView, Window, cut_windows
from musegen.tokenizers import Tables

Batch = dict[str, Tensor]
POOL_BATCHES = 32
"""Windows are shuffled, then sorted by length within pools of so many batches, to pad little."""


class TokenBatches(Dataset[Batch]):
    """A list of batches, each made when asked for: input_ids, target_ids (B, T), lengths (B,)."""

    def __init__(
        self, view: TokenView, plan: list[list[Window]], shifts: list[list[int]], tables: Any
    ) -> None:
        self.view, self.plan, self.shifts, self.tables = view, plan, shifts, tables

    def __len__(self) -> int:
        """Batches."""
        return len(self.plan)

    def __getitem__(self, index: int) -> Batch:
        """Batch number `index`, padded at the end."""
        rows = [
            transpose_ids(self.view.ids[window.start : window.stop].astype(np.int64), self.tables, row)
            for window, row in zip(self.plan[index], self.shifts[index], strict=True)
        ]
        lengths = torch.tensor([len(row) - 1 for row in rows])
        ids = torch.zeros(len(rows), int(lengths.max()) + 1, dtype=torch.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.from_numpy(row)
        return {"input_ids": ids[:, :-1], "target_ids": ids[:, 1:], "lengths": lengths}


def plan_batches(windows: list[Window], *, batch_tokens: int, rng: np.random.Generator) -> list[list[Window]]:
    """Shuffle windows into batches of windows of like length.

    Args:
        windows: what to train on.
        batch_tokens: ids a batch may hold, padding included; one window always fits.
        rng: decides the order.
    """
    order = [windows[i] for i in rng.permutation(len(windows))]
    mean = sum(w.length for w in windows) / len(windows)
    pool = max(1, int(POOL_BATCHES * batch_tokens / mean))
    batches: list[list[Window]] = []
    for start in range(0, len(order), pool):
        batch: list[Window] = []
        for window in sorted(order[start : start + pool], key=lambda w: w.length):
            if batch and (len(batch) + 1) * window.length > batch_tokens:
                batches.append(batch)
                batch = []
            batch.append(window)
        batches.append(batch)
    return [batches[i] for i in rng.permutation(len(batches))]


class TokenDataModule(pl.LightningDataModule):
    """Training windows, transposed at random, and validation pieces of a view.

    Args:
        view: the token streams.
        tables: of the tokenizer.
        config: of the run.
        batch_tokens: ids a batch, padding included.
    """

    def __init__(self, view: TokenView, tables: Tables, config: TrainConfig, batch_tokens: int) -> None:
        super().__init__()
        self.view, self.seed, self.batch_tokens = view, config.seed, batch_tokens
        self.windows = cut_windows(view, tables.kind, split="train", longest=config.data.window)
        reach = config.data.transpose
        self.moves = transposition_tables(tables, range(-reach + 1, reach + 1) if reach else range(1))
        self.stay = transposition_tables(tables, range(1))

    def train_batches(self, epoch: int) -> TokenBatches:
        """The batches of one epoch, the same at every call."""
        rng = np.random.default_rng([self.seed, epoch])
        plan = plan_batches(self.windows, batch_tokens=self.batch_tokens, rng=rng)
        shifts = [rng.integers(0, len(self.moves), len(batch)).tolist() for batch in plan]
        return TokenBatches(self.view, plan, shifts, self.moves)

    def train_dataloader(self) -> DataLoader[Batch]:
        """This epoch's batches, this rank's share."""
        trainer = self.trainer
        assert trainer is not None
        batches = self.train_batches(trainer.current_epoch)
        ranks = trainer.world_size
        if ranks > 1:  # every rank the same number of batches, so that none waits for another
            count = max(1, len(batches) // ranks)
            mine = [(trainer.global_rank + i * ranks) % len(batches) for i in range(count)]
            batches.plan = [batches.plan[i] for i in mine]
            batches.shifts = [batches.shifts[i] for i in mine]
        return DataLoader(batches, batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Whole validation pieces; training pieces where the dataset has no validation split."""
        split = "valid" if self.view.indices("valid") else "train"
        offsets = self.view.offsets
        pieces = [Window(int(offsets[i]), int(offsets[i + 1])) for i in self.view.indices(split)]
        pieces.sort(key=lambda w: w.length)
        plan: list[list[Window]] = []
        for window in pieces:
            if plan and (len(plan[-1]) + 1) * window.length <= self.batch_tokens:
                plan[-1].append(window)
            else:
                plan.append([window])
        # Any first few batches, which --trainer.limit-val-batches takes, hold pieces of all lengths.
        plan = [plan[i] for i in np.random.default_rng(0).permutation(len(plan))]
        shifts = [[0] * len(batch) for batch in plan]
        return DataLoader(TokenBatches(self.view, plan, shifts, self.stay), batch_size=None)
