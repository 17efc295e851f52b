"""The Lightning module of models of piano-roll frames."""

from typing import ClassVar

import torch
from torch import Tensor

from musegen.models.frames import FrameModel
from musegen.training.learner import Learner
from musegen.training.sharding import Batch

ESTIMATED = 6
"""Frames of each validation piece that are scored where the likelihood is estimated."""
CHAINS, STEPS = 10, 100
"""Of that estimate, see models/annealing.py: it compares validations, and is not reported as a result."""


class FramesModule(Learner):
    """Trains a model on batches of `FrameDataModule`."""

    model: FrameModel

    figure = "val_nats_per_frame"
    shown: ClassVar = {"nats_per_frame": "{:.3f} nats per frame"}

    def loss(self, batch: Batch) -> Tensor:
        """The mean of the output's loss per frame: nats, or of an RBM a difference of free energies."""
        states, inside = self.model.states(batch["roll"]), _inside(batch)
        return self.model.output.loss(states[inside], batch["roll"][inside]).sum() / batch["count"]

    def validation_step(self, batch: Batch) -> None:
        """Count the nats of whole pieces, without their first frames; of an RBM of a few frames of each."""
        scored = _inside(batch)
        scored[:, 0] = False
        if not self.model.output.is_exact:
            scored &= _spread(batch["lengths"], scored.shape[1])
        nats = self.model.nats(batch["roll"], scored, chains=CHAINS, steps=STEPS).value
        row = torch.nonzero(scored)[:, 0]
        sums = nats.new_zeros(len(scored)).index_add(0, row, nats)
        self.add_rows(sums, scored.sum(dim=1))

    def on_validation_epoch_end(self) -> None:
        """Log nats per frame over all pieces of all ranks."""
        nats, frames = self.sums()
        self.log("val_nats_per_frame", nats / max(frames, 1), prog_bar=True, rank_zero_only=True)


def _inside(batch: Batch) -> Tensor:
    """(B, T) False at padding."""
    steps = torch.arange(batch["roll"].shape[1], device=batch["roll"].device)
    return steps < batch["lengths"][:, None]


def _spread(lengths: Tensor, steps: int) -> Tensor:
    """(B, T) `ESTIMATED` frames spread evenly over each row, after the first."""
    shares = (torch.arange(ESTIMATED, device=lengths.device) + 1) / (ESTIMATED + 1)
    at = (shares * lengths[:, None]).long().clamp(min=0, max=steps - 1)
    return torch.zeros(len(lengths), steps, dtype=torch.bool, device=lengths.device).scatter(
        1, at, value=True
    )
