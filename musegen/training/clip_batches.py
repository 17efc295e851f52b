"""Batches of clips for a VAE: of similar length, randomly transposed by table look-up."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader

from musegen.config.autoencoder import VAETrainConfig
from musegen.data.batches import plan_batches
from musegen.data.clips import Clips, clip_attributes, cut_clips
from musegen.data.variations import changed_lines, transposition_tables
from musegen.data.views import TokenView
from musegen.music.notes import Floats
from musegen.tokenizers import Tokenizer
from musegen.tokenizers.tables import Ints
from musegen.training.sharding import Batch, Batches, EpochData, share_of

PITCH = 3
"""Column of the attribute that transposition changes."""
VALIDATION_CLIPS = 512
"""At most this many, spread evenly over the split: enough to choose a checkpoint, and cheap."""


Change = Callable[[Ints, int], Ints]
"""From clips, (B, T), and the number of the batch to modified clips, (B, S)."""


@dataclass(eq=False)
class ClipBatches(Batches):
    """A list of batches, each made on access.

    A batch holds `ids` (B, T), padded at the end with 0, `piece` (B,), which of the view's pieces each clip
    is from, and `attributes` (B, 4) of metrics/attributes.py; for models with sliders
    also `changed` (B, S), each clip modified by data/variations.py.
    """

    clips: Clips
    """All clips of the split."""
    attributes: Floats
    """(C, 4) of all clips."""
    moves: Ints
    """`transposition_tables`, by as many semitones down as up."""
    plan: list[Ints]
    """The clips of each batch."""
    shifts: list[Ints]
    """By how many semitones each clip of a batch is transposed."""
    change: Change | None = None
    """Makes the modified clips; None: there are none."""

    def __getitem__(self, index: int) -> Batch:
        """Batch number `index`."""
        ids, shifts = self.clips.rows(self.plan[index]), self.shifts[index]
        moved = self.moves[shifts[:, None] + len(self.moves) // 2, ids]
        fits = np.all(moved >= 0, axis=1)  # all pitches stay from 0 to 127
        attributes = self.attributes[self.plan[index]]
        attributes[:, PITCH] += np.where(fits, shifts, 0)
        ids = np.where(fits[:, None], moved, ids)
        batch = {
            "ids": torch.from_numpy(ids),
            "attributes": torch.from_numpy(attributes).float(),
            "piece": torch.from_numpy(self.clips.piece[self.plan[index]]),
        }
        batch["tokens"] = (batch["ids"][:, 1:] != 0).sum().float()
        if self.change is not None:
            batch["changed"] = torch.from_numpy(self.change(ids, index))
        return share_of(batch, "tokens", *self.share)


class ClipDataModule(EpochData):
    """Training clips, randomly transposed, and validation clips, unchanged.

    Args:
        view: the token streams.
        tokenizer: of the model.
        config: of the run.
        batch_tokens: ids per batch, padding included.
    """

    unit = "clip"

    def __init__(
        self, view: TokenView, tokenizer: Tokenizer, config: VAETrainConfig, batch_tokens: int
    ) -> None:
        super().__init__(view, seed=config.seed, batch_tokens=batch_tokens)
        tables = self.tables = tokenizer.tables
        self.has_sliders = config.latent.sliders > 0
        bars = self.bars = config.model.clip_bars
        self.train_clips = cut_clips(view, tokenizer, bars=bars, split="train")
        self.left_out, self.count = self.train_clips.left_out, len(self.train_clips.piece)
        held_out = cut_clips(view, tokenizer, bars=bars, split="valid") if view.indices("valid") else None
        self.valid_clips = held_out if held_out and len(held_out.piece) else self.train_clips
        reach = config.data.transpose
        self.reach, self.moves = reach, transposition_tables(tables, range(-reach, reach + 1))
        self.attributes, self.valid_attributes = (
            clip_attributes(clips, tables, bars) for clips in (self.train_clips, self.valid_clips)
        )

    def train_batches(self, epoch: int) -> ClipBatches:
        """The batches of one epoch, the same at every call."""
        rng = np.random.default_rng([self.seed, epoch])
        lengths = np.diff(self.train_clips.offsets)
        plan = plan_batches(lengths, batch_tokens=self.batch_tokens, rng=rng)
        shifts = [rng.integers(-self.reach, self.reach + 1, len(batch)) for batch in plan]
        change = self._change(epoch) if self.has_sliders else None
        return ClipBatches(self.train_clips, self.attributes, self.moves, plan, shifts, change)

    def _change(self, epoch: int) -> Change:
        def change(ids: Ints, index: int) -> Ints:
            rng = np.random.default_rng([self.seed, epoch, index])
            return changed_lines(ids, self.bars, self.tables, rng)

        return change

    def val_dataloader(self) -> DataLoader[Batch]:
        """Validation clips, or training clips if the dataset has no validation split."""
        chosen = self.valid_clips.spread(VALIDATION_CLIPS)
        plan = np.array_split(chosen, -(-len(chosen) // 128))
        shifts = [np.zeros(len(batch), dtype=np.int64) for batch in plan]
        batches = ClipBatches(self.valid_clips, self.valid_attributes, self.moves, plan, shifts)
        return DataLoader(batches, batch_size=None)
