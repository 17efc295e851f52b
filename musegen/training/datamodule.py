"""Batches of token streams: windows for training, whole pieces for validation.

Everything drawn at random is a function of (seed, epoch), so that a run can be repeated.
"""

from collections.abc import Sequence

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from musegen.checkpoint import has_plans
from musegen.config import TrainConfig
from musegen.data.augment import transpose_together, transposition_tables
from musegen.data.views import TokenView, Window, cut_excerpts, cut_windows
from musegen.tokenizers import Tables
from musegen.tokenizers.plan import UNKNOWN, stream_plan
from musegen.tokenizers.tables import Ints
from musegen.training.order import epoch_loader, share_of

Batch = dict[str, Tensor]
EXCERPT_BARS = 32
"""Bars of which a planner sees at once in training; windows of tokens are far shorter in busy music."""
EXCERPTS = 16
"""A batch; they cost little, since only the planner reads them."""
POOL_BATCHES = 32
"""Windows are shuffled, then sorted by length within pools of so many batches, to pad little."""


class TokenBatches(Dataset[Batch]):
    """A list of batches, each made when asked for.

    A batch holds input_ids and target_ids (B, T), lengths (B,), piece (B,), which of the view's pieces each
    row is from, tokens, what their sum is divided by (see `share_of`), and where the streams accompany
    melodies source_ids (B, S): all padded at the end with 0. Where these are events, it also holds the
    streams' plan (B, K, 2), padded with `UNKNOWN`; and for the planner the melodies of longer excerpts,
    excerpt_ids (R, S), with their plans, excerpt_plan (R, K, 2), and spans, what their sum is divided by.

    Args:
        view: the streams.
        plan: the windows of each batch.
        shifts: by which row of `moves` each window is transposed.
        moves: `transposition_tables` of the streams, and of their melodies if there are any.
        planned: tables by which the streams' plans are read; None: none are wanted.
        excerpts: of which some are put into each batch, drawn anew by where its first window begins.
        seed: of the draw.
    """

    def __init__(
        self,
        view: TokenView,
        plan: list[list[Window]],
        shifts: list[list[int]],
        moves: list[Ints],
        planned: Tables | None = None,
        *,
        excerpts: list[Window] | None = None,
        seed: Sequence[int] = (),
    ) -> None:
        self.view, self.plan, self.shifts, self.moves, self.planned = view, plan, shifts, moves, planned
        self.excerpts, self.seed = excerpts, seed
        self.share = 0, 1

    def __len__(self) -> int:
        """Batches."""
        return len(self.plan)

    def __getitem__(self, index: int) -> Batch:
        """Batch number `index`."""
        rows = [
            transpose_together(self._streams(window), self.moves, shift)
            for window, shift in zip(self.plan[index], self.shifts[index], strict=True)
        ]
        ids = _pad([streams[0] for streams in rows])
        lengths = torch.tensor([len(streams[0]) - 1 for streams in rows])
        starts = [window.start for window in self.plan[index]]
        piece = torch.from_numpy(np.searchsorted(self.view.offsets, starts, side="right") - 1)
        batch = {"input_ids": ids[:, :-1], "target_ids": ids[:, 1:], "lengths": lengths, "piece": piece}
        batch["tokens"] = lengths.sum().float()
        if self.view.sources is not None:
            batch["source_ids"] = _pad([streams[1] for streams in rows])
        if self.planned is not None:
            plans = [stream_plan(streams[0], self.planned) for streams in rows]
            batch["plan"] = _pad(plans, UNKNOWN)
        batch = share_of(batch, "tokens", *self.share)
        if self.planned is not None and self.excerpts:
            excerpts = self._excerpts(self.excerpts, self.plan[index][0].start, self.planned)
            batch |= share_of(excerpts, "spans", *self.share)
        return batch

    def _excerpts(self, excerpts: list[Window], key: int, planned: Tables) -> Batch:
        rng = np.random.default_rng([*self.seed, key])
        chosen = [excerpts[i] for i in rng.integers(0, len(excerpts), EXCERPTS)]
        shifts = rng.integers(0, len(self.moves[0]), EXCERPTS).tolist()
        rows = [
            transpose_together(self._streams(window), self.moves, shift)
            for window, shift in zip(chosen, shifts, strict=True)
        ]
        plans = [stream_plan(streams[0], planned) for streams in rows]
        return {
            "excerpt_ids": _pad([streams[1] for streams in rows]),
            "excerpt_plan": _pad(plans, UNKNOWN),
            "spans": torch.tensor(float(sum(map(len, plans)))),
        }

    def _streams(self, window: Window) -> list[Ints]:
        streams = [self.view.ids[window.start : window.stop].astype(np.int64)]
        if self.view.sources is not None:
            source = self.view.sources.ids[window.source_start : window.source_stop]
            streams.append(source.astype(np.int64))
        return streams


def _pad(rows: list[Ints], value: int = 0) -> Tensor:
    return pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True, padding_value=value)


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
        self.names = [piece.name for piece in view.pieces]
        self.windows = cut_windows(view, tables.kind, split="train", longest=config.data.window)
        reach = config.data.transpose
        shifts = range(-reach + 1, reach + 1) if reach else range(1)
        spoken = [tables] if view.sources is None else [tables, view.sources.tables]
        self.moves = [transposition_tables(each, shifts) for each in spoken]
        self.stay = [transposition_tables(each, range(1)) for each in spoken]
        self.planned = tables if has_plans(config, tables) else None
        self.excerpts = cut_excerpts(view, tables.kind, EXCERPT_BARS) if self.planned else None

    @property
    def size(self) -> str:
        """How much there is to train on, in words."""
        return f"{len(self.windows)} windows"

    def train_batches(self, epoch: int) -> TokenBatches:
        """The batches of one epoch, the same at every call."""
        rng = np.random.default_rng([self.seed, epoch])
        plan = plan_batches(self.windows, batch_tokens=self.batch_tokens, rng=rng)
        shifts = [rng.integers(0, len(self.moves[0]), len(batch)).tolist() for batch in plan]
        return TokenBatches(
            self.view,
            plan,
            shifts,
            self.moves,
            self.planned,
            excerpts=self.excerpts,
            seed=(self.seed, epoch),
        )

    def train_dataloader(self) -> DataLoader[Batch]:
        """This epoch's batches, this rank's share, from where it was left."""
        trainer = self.trainer
        assert trainer is not None
        return epoch_loader(self.train_batches(trainer.current_epoch), trainer)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Whole validation pieces; training pieces where the dataset has no validation split."""
        split = "valid" if self.view.indices("valid") else "train"
        offsets = self.view.offsets
        heard = self.view.sources.offsets if self.view.sources else np.zeros(len(offsets), dtype=np.int64)
        pieces = [
            Window(int(offsets[i]), int(offsets[i + 1]), int(heard[i]), int(heard[i + 1]))
            for i in self.view.indices(split)
        ]
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
        return DataLoader(TokenBatches(self.view, plan, shifts, self.stay, self.planned), batch_size=None)
