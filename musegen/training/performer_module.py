"""The Lightning module of a performer, and the fit of its noise to performances."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from musegen.models.noise import fit_noise
from musegen.models.performer import PADDING, QUANTITIES, Performer, classes_of, normal_scores, quantiles
from musegen.music.performance import UNITS
from musegen.training.learner import Learner
from musegen.training.performances import FIRST_DRUM, PerformanceDataModule
from musegen.training.sharding import Batch

SIXTEENTH_AT_60 = 250.0
"""Milliseconds of a 16th at 60 quarter notes per minute."""


class PerformerModule(Learner):
    """Trains a performer on batches of `PerformanceDataModule`."""

    model: Performer

    figure = "val_nats_per_note"
    shown: ClassVar = {
        "nats_per_note": "{:.3f} nats per note",
        "timing_error": "timing {:.2f} ms",
        "velocity_error": "velocity {:.2f}",
    }

    def _nats(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The logits, and the nats of each note, (B, T), by quantity."""
        logits = self.model(batch["features"], batch["tempo"], batch["lengths"])
        is_note = _is_note(batch)
        nats = {}
        for name in QUANTITIES:
            wanted = is_note & (batch["features"][..., 0] < FIRST_DRUM) if name == "stretch" else is_note
            targets = torch.where(wanted, classes_of(name, batch[name]), PADDING)
            rows = logits[name].float().flatten(0, 1)
            nats[name] = functional.cross_entropy(
                rows, targets.flatten(), ignore_index=PADDING, reduction="none"
            ).view_as(targets)
        return logits, nats

    def loss(self, batch: Batch) -> Tensor:
        """Mean nats per note, of all quantities together."""
        _, nats = self._nats(batch)
        return torch.stack(list(nats.values())).sum() / batch["notes"]

    def validation_step(self, batch: Batch) -> None:
        """Count nats and the errors of the medians of whole pieces."""
        logits, nats = self._nats(batch)
        is_note = _is_note(batch)
        errors = {
            name: torch.where(is_note, (quantiles(name, logits[name].float(), 0.5) - batch[name]).abs(), 0.0)
            for name in QUANTITIES
        }
        timing = errors["shift"] * SIXTEENTH_AT_60 * 60.0 / batch["tempo"].clamp(min=1.0)
        columns = (*nats.values(), timing, errors["velocity"], is_note.float())
        self.add_rows(*(each.sum(dim=1) for each in columns))

    def on_validation_epoch_end(self) -> None:
        """Log the metrics over all notes of all ranks."""
        *nats, timing, velocity, notes = self.sums()
        notes = max(notes, 1.0)
        figures = {f"val_{name}_nats": each / notes for name, each in zip(QUANTITIES, nats, strict=True)}
        figures |= {
            "val_nats_per_note": sum(nats) / notes,
            "val_timing_error": timing / notes,
            "val_velocity_error": velocity / notes,
        }
        self.log_dict(figures, rank_zero_only=True)


def _is_note(batch: Batch) -> Tensor:
    """(B, T) False at padding."""
    steps = torch.arange(batch["tempo"].shape[1], device=batch["tempo"].device)
    return steps < batch["lengths"][:, None]


@torch.no_grad()
def fit_takes(module: PerformerModule, data: PerformanceDataModule) -> dict[str, Any]:
    """Fit the noise of a performer to the validation pieces; see `models/noise.py`."""
    model, was_training = module.model, module.model.training
    model.eval()
    scores, beats = [], []
    for batch in data.val_dataloader():
        on_device = {name: each.to(model.noise.device) for name, each in batch.items()}
        logits = model(on_device["features"], on_device["tempo"], on_device["lengths"])
        found = torch.stack(
            [normal_scores(name, logits[name].float().cpu(), batch[name]) for name in QUANTITIES], dim=2
        )
        is_drum = batch["features"][..., 0] >= FIRST_DRUM
        found[..., QUANTITIES.index("stretch")].masked_fill_(is_drum, torch.nan)
        for row, piece, length in zip(found, batch["piece"].tolist(), batch["lengths"].tolist(), strict=True):
            scores.append(row[:length].double().numpy())
            beats.append(data.performances[piece].position / UNITS)
    model.noise.copy_(torch.from_numpy(fit_noise(scores, beats)))
    model.train(was_training)
    return {}
