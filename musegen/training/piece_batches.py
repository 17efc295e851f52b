"""Batches for classifiers: random windows of pieces for training, all windows of a piece for validation."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from musegen.config.classifier import ClassifierTrainConfig
from musegen.data.variations import transpose_together, transposition_tables
from musegen.data.views import TokenView
from musegen.data.windows import Window, cut_windows, random_window
from musegen.errors import DataError
from musegen.tokenizers import Tokenizer
from musegen.tokenizers.tables import Ints
from musegen.training.sharding import Batch, Batches, EpochData, share_of


@dataclass(eq=False)
class PieceBatches(Batches):
    """A list of batches, each made on access.

    A batch holds `ids` (B, T), padded at the end with 0, `piece` (B,), which of the view's pieces each window
    is from, `label` (B,), `weight` (B,) of each window in the loss, and `weights`, their sum.
    """

    view: TokenView
    labels: Ints
    """(P,) of the view's pieces."""
    class_weights: np.ndarray[tuple[int], np.dtype[np.float64]]
    """(C,)"""
    plan: list[list[Window]]
    """The windows of each batch."""
    shifts: list[list[int]]
    """The row of `moves` by which each window is transposed."""
    moves: Ints
    """`transposition_tables`."""

    def __getitem__(self, index: int) -> Batch:
        """Batch number `index`."""
        windows = self.plan[index]
        rows = [
            transpose_together([self.view.ids[w.start : w.stop].astype(np.int64)], [self.moves], shift)[0]
            for w, shift in zip(windows, self.shifts[index], strict=True)
        ]
        piece = np.searchsorted(self.view.offsets, [w.start for w in windows], side="right") - 1
        label = self.labels[piece]
        weight = torch.from_numpy(self.class_weights[label]).float()
        batch = {
            "ids": pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True),
            "piece": torch.from_numpy(piece),
            "label": torch.from_numpy(label),
            "weight": weight,
            "weights": weight.sum(),
        }
        return share_of(batch, "weights", *self.share)


class LabelledData(EpochData):
    """A random window of each training piece in each epoch, randomly transposed, and validation pieces.

    Args:
        view: the token streams.
        tokenizer: of the model.
        config: of the run.
        batch_tokens: ids per batch, padding included.
    """

    unit = "piece"

    def __init__(
        self, view: TokenView, tokenizer: Tokenizer, config: ClassifierTrainConfig, batch_tokens: int
    ) -> None:
        super().__init__(view, seed=config.seed, batch_tokens=batch_tokens)
        self.kind, self.window = tokenizer.tables.kind, config.data.window
        classes = self.classes = config.model.classes
        names = [piece.labels.get(config.data.labels or "") for piece in view.pieces]
        self.has_label = [name in classes for name in names]
        self.labels = np.array([classes.index(name) if name in classes else 0 for name in names])
        self.train = view.indices("train")
        self.count = len(self.train)
        counts = np.bincount(self.labels[self.train], minlength=len(classes))
        if not counts.all():
            raise DataError(
                f"no training piece has the label {classes[int(counts.argmin())]}: add pieces of it and "
                "prepare the music again, or name the other labels with ⟨model.classes⟩"
            )
        balanced = self.count / (len(classes) * counts)
        self.class_weights = balanced if config.model.balanced else np.ones(len(classes))
        reach = config.data.transpose
        self.moves = transposition_tables(
            tokenizer.tables, range(-reach + 1, reach + 1) if reach else range(1)
        )
        self.identity = transposition_tables(tokenizer.tables, range(1))

    def train_batches(self, epoch: int) -> PieceBatches:
        """The batches of one epoch, the same at every call."""
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(self.train)
        windows = [random_window(self.view, self.kind, int(i), self.window, rng) for i in order]
        size = max(1, self.batch_tokens // max(window.stop - window.start for window in windows))
        parts = np.array_split(np.arange(len(windows)), -(-len(windows) // size))
        plan = [[windows[i] for i in part] for part in parts]
        shifts = [rng.integers(0, len(self.moves), len(part)).tolist() for part in parts]
        return PieceBatches(self.view, self.labels, self.class_weights, plan, shifts, self.moves)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Whole validation pieces, a batch each, or training pieces if there is no validation split."""
        split = "valid" if self.view.indices("valid") else "train"
        plan = piece_windows(self.view, self.kind, split, self.window)
        # The first few batches (see limit_val_batches) must hold pieces of all labels.
        plan = [plan[i] for i in np.random.default_rng(0).permutation(len(plan))]
        shifts = [[0] * len(windows) for windows in plan]
        batches = PieceBatches(self.view, self.labels, self.class_weights, plan, shifts, self.identity)
        return DataLoader(batches, batch_size=None)


def piece_windows(view: TokenView, kind: Ints, split: str, longest: int) -> list[list[Window]]:
    """The windows of each piece of a split, see `cut_windows`."""
    windows = cut_windows(view, kind, split=split, longest=longest)
    piece = np.searchsorted(view.offsets, [window.start for window in windows], side="right") - 1
    counts = Counter(piece.tolist())  # in order of the pieces
    return [windows[begin:end] for begin, end in pairwise(np.cumsum([0, *counts.values()]).tolist())]
