"""The Lightning module of language models and accompaniment models."""

import math
from typing import Any, cast

import torch
from torch import Tensor

from musegen.models.losses import stream_nats, token_nats
from musegen.models.protocol import first_state
from musegen.models.seq2seq import Seq2Seq
from musegen.training.callbacks import BITS_PER_NOTE
from musegen.training.learner import Learner
from musegen.training.sharding import Batch


class DecoderModule(Learner):
    """Trains a decoder on batches of `TokenDataModule`."""

    figure = "val_bits_per_note"
    shown = BITS_PER_NOTE

    def loss(self, batch: Batch) -> Tensor:
        """Mean nats per token of a batch of windows, given their plans if they have any."""
        ids, targets = batch["input_ids"], batch["target_ids"]
        state = self._first_state(batch)
        logits, _ = self.model(ids, state)
        return token_nats(logits, targets).sum() / batch["tokens"]

    def _first_state(self, batch: Batch) -> Any:
        given = (batch.get(name) for name in ("source_ids", "plan", "labels"))
        return first_state(self.model, len(batch["input_ids"]), *given)

    def training_step(self, batch: Batch) -> Tensor:
        """A step on a batch of windows and on the plans of its excerpts."""
        loss = super().training_step(batch)
        if "excerpt_ids" in batch:
            planner = cast(Seq2Seq, self.model)
            nats = planner.planning_nats(batch["excerpt_ids"], batch["excerpt_plan"])
            planning = nats.sum() / batch["spans"]
            self.log("train_nats_per_span", planning)
            loss = loss + planning
        return loss

    def validation_step(self, batch: Batch) -> None:
        """Count nats, tokens and notes of whole pieces."""
        targets = batch["target_ids"]
        ids = torch.cat([batch["input_ids"], targets[:, -1:]], dim=1)
        state = self._first_state(batch)
        # Targets that are given, or padding, are 0.
        nats = torch.where(targets != 0, stream_nats(self.model, state, ids), 0.0).sum(dim=1)
        if "plan" in batch:
            nats = nats + cast(Seq2Seq, self.model).plan_nats(state)
        self.add_rows(nats, (targets != 0).sum(dim=1), self.is_note[targets].sum(dim=1))  # type: ignore[index]

    def on_validation_epoch_end(self) -> None:
        """Log nats per token and bits per note over all pieces of all ranks."""
        nats, tokens, notes = self.sums()
        self.log("val_nats_per_token", nats / max(tokens, 1), rank_zero_only=True)
        self.log("val_bits_per_note", nats / math.log(2) / max(notes, 1), prog_bar=True, rank_zero_only=True)
