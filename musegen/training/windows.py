"""Batches of token streams: windows for training, whole pieces for validation.

All random choices are functions of (seed, epoch), so that a run can be repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from musegen.config.settings import TrainConfig
from musegen.data.batches import fill_batches, plan_batches
from musegen.data.holes import Mix, draw_holes
from musegen.data.variations import transpose_together, transposition_tables
from musegen.data.views import TokenView
from musegen.data.windows import Window, cut_excerpts, cut_windows
from musegen.tokenizers import Kind, Tables
from musegen.tokenizers.chord_plan import UNKNOWN, stream_plan
from musegen.tokenizers.holes import Bools, Cut, cut_holes
from musegen.tokenizers.label_ids import LabelVocabulary
from musegen.tokenizers.tables import Ints
from musegen.training.sharding import Batch, Batches, EpochData, share_of

EXCERPT_BARS = 32
"""Length of a planner's training excerpts; windows of tokens are far shorter in busy music."""
EXCERPTS = 16
"""Per batch; they cost little, since only the planner reads them."""
LENGTH_SHARE = 0.8
"""Share of the pieces whose first id encodes their length, if there are such ids."""

HIDDEN = 0.15
"""Share of the training windows without labels, so that the model knows music of any label, too."""


@dataclass(eq=False)
class TokenBatches(Batches):
    """A list of batches, each made on access.

    A batch holds input_ids and target_ids (B, T), lengths (B,), piece (B,), which of the view's pieces each
    row is from, and tokens, the divisor of the loss (see `share_of`); for accompaniments also the melodies,
    source_ids (B, S). All are padded at the end with 0. With holes the sources are what is given, and targets
    that are not predicted are 0. For models that know labels it also has their ids, labels (B, K); for models
    with a chord planner the plan of the streams (B, K, 2), padded with `UNKNOWN`, and longer excerpts for the
    planner: their melodies, excerpt_ids (R, S), their plans, excerpt_plan (R, K, 2), and spans, the divisor
    of the planner's loss.
    """

    view: TokenView
    """The streams."""
    plan: list[list[Window]]
    """The windows of each batch."""
    shifts: list[list[int]]
    """The row of `moves` by which each window is transposed."""
    moves: list[Ints]
    """`transposition_tables` of the streams, and of their melodies and labels if there are any."""
    planned: Tables | None = None
    """Tables for reading the streams' plans; None: no plans."""
    firsts: list[Ints] | None = None
    """The id that replaces the first one of each window, 0 for none; None: no window has one."""
    excerpts: list[Window] | None = None
    """From which some are added to each batch at random, by the start of its first window."""
    seed: Sequence[int] = ()
    """Of the choice of excerpts, holes and labels."""
    holes: tuple[Mix, Tables] | None = None
    """What is missing, and the tables of the streams; None: no holes."""
    labels: Ints | None = None
    """(P, K) ids of the labels of each of the view's pieces; None: the model knows none."""
    hidden: float = 0.0
    """Share of the rows without labels, and of the others' labels that are left out, if they have several."""

    def __getitem__(self, index: int) -> Batch:
        """Batch number `index`."""
        rows = self._rows(self.plan[index], self.shifts[index])
        if self.firsts is not None:
            for streams, first in zip(rows, self.firsts[index].tolist(), strict=True):
                streams[0][0] = first or streams[0][0]
        starts = [window.start for window in self.plan[index]]
        labels = [] if self.labels is None else [streams.pop() for streams in rows]
        scored = None
        if self.holes is not None:
            cuts = [self._cut(streams[0], start) for streams, start in zip(rows, starts, strict=True)]
            rows, scored = [[cut.target, cut.source] for cut in cuts], [cut.scored for cut in cuts]
        ids = _pad([streams[0] for streams in rows])
        lengths = torch.tensor([len(streams[0]) - 1 for streams in rows])
        piece = torch.from_numpy(np.searchsorted(self.view.offsets, starts, side="right") - 1)
        batch = {"input_ids": ids[:, :-1], "target_ids": ids[:, 1:], "lengths": lengths, "piece": piece}
        if scored is not None:
            batch["target_ids"] = torch.where(_pad(scored)[:, 1:], ids[:, 1:], 0)
        batch["tokens"] = (batch["target_ids"] != 0).sum().float()
        if labels:
            kept = [self._some(each, start) for each, start in zip(labels, starts, strict=True)]
            batch["labels"] = torch.from_numpy(np.stack(kept))
        if len(rows[0]) > 1:
            batch["source_ids"] = _pad([streams[1] for streams in rows])
        if self.planned is not None:
            plans = [stream_plan(streams[0], self.planned) for streams in rows]
            batch["plan"] = _pad(plans, UNKNOWN)
        batch = share_of(batch, "tokens", *self.share)
        if self.planned is not None and self.excerpts:
            excerpts = self._excerpts(self.excerpts, self.plan[index][0].start, self.planned)
            batch |= share_of(excerpts, "spans", *self.share)
        return batch

    def _cut(self, ids: Ints, start: int) -> Cut:
        assert self.holes is not None
        mix, tables = self.holes
        return cut_holes(
            ids, tables, draw_holes(ids, tables, mix, np.random.default_rng([*self.seed, start]))
        )

    def _some(self, labels: Ints, start: int) -> Ints:
        """The ids of the labels of a row, (K,), of which some are unknown."""
        kept = np.random.default_rng([*self.seed, start]).random(len(labels) + 1) >= self.hidden
        known: Ints = labels * (kept[0] & (kept[1:] | (len(labels) == 1)))
        return known

    def _excerpts(self, excerpts: list[Window], key: int, planned: Tables) -> Batch:
        rng = np.random.default_rng([*self.seed, key])
        chosen = [excerpts[i] for i in rng.integers(0, len(excerpts), EXCERPTS)]
        shifts = rng.integers(0, len(self.moves[0]), EXCERPTS).tolist()
        rows = self._rows(chosen, shifts)
        plans = [stream_plan(streams[0], planned) for streams in rows]
        return {
            "excerpt_ids": _pad([streams[1] for streams in rows]),
            "excerpt_plan": _pad(plans, UNKNOWN),
            "spans": torch.tensor(float(sum(map(len, plans)))),
        }

    def _rows(self, windows: list[Window], shifts: list[int]) -> list[list[Ints]]:
        """The streams of each window, transposed together."""
        pairs = zip(windows, shifts, strict=True)
        return [transpose_together(self._streams(window), self.moves, shift) for window, shift in pairs]

    def _streams(self, window: Window) -> list[Ints]:
        streams = [self.view.ids[window.start : window.stop].astype(np.int64)]
        if self.view.sources is not None:
            source = self.view.sources.ids[window.source_start : window.source_stop]
            streams.append(source.astype(np.int64))
        if self.labels is not None:
            streams.append(self.labels[np.searchsorted(self.view.offsets, window.start, side="right") - 1])
        return streams


def _pad(rows: Sequence[Ints | Bools], value: int = 0) -> Tensor:
    return pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True, padding_value=value)


def _length_ids(view: TokenView, tables: Tables) -> Ints | None:
    """The id that encodes the length of each piece, (P,), 0 for none; None: there are no such ids."""
    with_length = tables.bars[tables.bars > 0]
    if not len(with_length):
        return None
    of_bars = np.zeros(int(with_length.max()) + 2, dtype=np.int64)  # the last is for longer pieces
    of_bars[with_length] = np.flatnonzero(tables.bars > 0)
    bars = np.add.reduceat(tables.kind[view.ids] == Kind.BAR, view.offsets[:-1], dtype=np.int64)
    return of_bars[np.minimum(bars, len(of_bars) - 1)]


class TokenDataModule(EpochData):
    """Training windows, randomly transposed, and validation pieces of a view.

    Args:
        view: the token streams.
        tables: of the tokenizer.
        config: of the run.
        batch_tokens: ids per batch, padding included.
    """

    def __init__(self, view: TokenView, tables: Tables, config: TrainConfig, batch_tokens: int) -> None:
        super().__init__(view, seed=config.seed, batch_tokens=batch_tokens)
        self.windows = cut_windows(view, tables.kind, split="train", longest=config.data.window)
        self.count = len(self.windows)
        reach = config.data.transpose
        shifts = range(-reach + 1, reach + 1) if reach else range(1)
        vocabularies = [tables] if view.sources is None else [tables, view.sources.tables]
        self.moves = [transposition_tables(each, shifts) for each in vocabularies]
        self.identity = [transposition_tables(each, range(1)) for each in vocabularies]
        self.planned = tables if config.plans(tables.voices) else None
        self.excerpts = cut_excerpts(view, tables.kind, EXCERPT_BARS) if self.planned else None
        self.length_ids = _length_ids(view, tables)
        self.holes = (config.data.holes, tables) if config.fills else None
        self.label_names, self.labels = config.model.labels, None
        if self.label_names:
            labels = LabelVocabulary(self.label_names)
            self.labels = np.stack([labels.ids(piece.labels) for piece in view.pieces])
            self.moves.append(labels.moved(shifts))
            self.identity.append(labels.moved(range(1)))

    def train_batches(self, epoch: int) -> TokenBatches:
        """The batches of one epoch, the same at every call."""
        rng = np.random.default_rng([self.seed, epoch])
        lengths = np.array([window.length for window in self.windows])
        batches = plan_batches(lengths, batch_tokens=self.batch_tokens, rng=rng)
        plan = [[self.windows[i] for i in batch] for batch in batches]
        shifts = [rng.integers(0, len(self.moves[0]), len(batch)).tolist() for batch in plan]
        length_ids = self.length_ids
        firsts = None if length_ids is None else [self._firsts(batch, length_ids, rng) for batch in plan]
        own = self.planned, firsts, self.excerpts, (self.seed, epoch), self.holes, self.labels, HIDDEN
        return TokenBatches(self.view, plan, shifts, self.moves, *own)

    def _firsts(self, batch: list[Window], length_ids: Ints, rng: np.random.Generator) -> Ints:
        """`TokenBatches.firsts` of a batch."""
        starts = np.array([window.start for window in batch])
        piece = np.searchsorted(self.view.offsets, starts, side="right") - 1
        has_length = (self.view.offsets[piece] == starts) & (rng.random(len(batch)) < LENGTH_SHARE)
        return np.where(has_length, length_ids[piece], 0)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Whole validation pieces, or training pieces if the dataset has no validation split."""
        split = "valid" if self.view.indices("valid") else "train"
        offsets, sources = self.view.offsets, self.view.sources
        source_offsets = sources.offsets if sources else np.zeros(len(offsets), dtype=np.int64)
        pieces = [
            Window(int(offsets[i]), int(offsets[i + 1]), int(source_offsets[i]), int(source_offsets[i + 1]))
            for i in self.view.indices(split)
        ]
        lengths = np.array([window.length for window in pieces])
        order = np.argsort(lengths, kind="stable")
        plan = [[pieces[i] for i in batch] for batch in fill_batches(order, lengths, self.batch_tokens)]
        # The first few batches (see limit_val_batches) must hold pieces of all lengths.
        plan = [plan[i] for i in np.random.default_rng(0).permutation(len(plan))]
        shifts = [[0] * len(batch) for batch in plan]
        batches = TokenBatches(
            self.view, plan, shifts, self.identity, self.planned, holes=self.holes, labels=self.labels
        )
        return DataLoader(batches, batch_size=None)
