"""The Lightning module: loss, optimizer and learning-rate schedule around any decoder."""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from musegen.config.settings import OptimConfig
from musegen.models.losses import stream_nats, token_nats
from musegen.models.protocol import first_state
from musegen.models.seq2seq import Seq2Seq
from musegen.training.callbacks import BITS_A_NOTE
from musegen.training.datamodule import Batch

FINAL_LR = 0.02
"""Share of the highest learning rate that is left at the end."""


class DecoderModule(pl.LightningModule):
    """Trains a language model on batches of `TokenDataModule`.

    Args:
        model: the decoder.
        optim: how to fit it.
        steps: steps of the whole run; the learning rate follows them.
        is_note: (V,) 1 for each id that stands for one note (its pitch).
    """

    figure = "val_bits_per_note"
    """By which the best checkpoint is chosen."""
    shown: ClassVar = BITS_A_NOTE

    def __init__(self, model: nn.Module, *, optim: OptimConfig, steps: int, is_note: Tensor) -> None:
        super().__init__()
        self.model = model
        self.optim = optim
        self.steps = steps
        self.register_buffer("is_note", is_note, persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """Mean nats a token of a batch of windows, given their plans where there are any."""
        ids, targets = batch["input_ids"], batch["target_ids"]
        state = first_state(self.model, len(ids), batch.get("source_ids"), batch.get("plan"))
        logits, _ = self.model(ids, state)
        return token_nats(logits, targets).sum() / batch["tokens"]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One step on a batch of windows, and on the plans of its excerpts."""
        del batch_idx
        loss = self.loss(batch)
        self.log("train_nats_per_token", loss, prog_bar=True)
        if isinstance(self.model, Seq2Seq) and "excerpt_ids" in batch:
            nats = self.model.planning_nats(batch["excerpt_ids"], batch["excerpt_plan"])
            planning = nats.sum() / batch["spans"]
            self.log("train_nats_per_span", planning)
            loss = loss + planning
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add up nats, tokens and notes of whole pieces."""
        del batch_idx
        ids = torch.cat([batch["input_ids"], batch["target_ids"][:, -1:]], dim=1)
        state = first_state(self.model, len(ids), batch.get("source_ids"), batch.get("plan"))
        nats = stream_nats(self.model, state, ids).sum(dim=1)
        if isinstance(self.model, Seq2Seq):
            nats = nats + self.model.plan_nats(state)
        targets = batch["target_ids"]
        self._totals += torch.stack(
            [nats.double().sum(), (targets != 0).sum().double(), self.is_note[targets].sum().double()]  # type: ignore[index]
        )

    def on_validation_epoch_start(self) -> None:
        """Begin the sums of a validation."""
        self._totals = torch.zeros(3, dtype=torch.float64, device=self.device)

    def on_validation_epoch_end(self) -> None:
        """Log nats a token and bits a note over all pieces of all ranks."""
        gathered = self.all_gather(self._totals)
        totals = gathered.view(-1, 3).sum(dim=0) if isinstance(gathered, Tensor) else self._totals
        nats, tokens, notes = totals.tolist()
        self.log("val_nats_per_token", nats / max(tokens, 1), rank_zero_only=True)
        self.log("val_bits_per_note", nats / math.log(2) / max(notes, 1), prog_bar=True, rank_zero_only=True)

    def configure_optimizers(self) -> Any:
        """The optimizer asked for, warmed up and then cooled along a cosine, by the step."""
        return make_schedule(self.optim, self.model, self.steps)


def make_schedule(config: OptimConfig, model: nn.Module, steps: int) -> dict[str, Any]:
    """The optimizer of a run and how its learning rate goes, as Lightning wants them."""
    optimizer = make_optimizer(config, model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_factor(steps, config.warmup))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def lr_factor(steps: int, warmup: float) -> Callable[[int], float]:
    """Share of the highest learning rate at each step: a linear rise, then half a cosine down."""
    rising = max(1, round(steps * warmup))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        progress = min(1.0, (step - rising) / max(1, steps - rising))
        return FINAL_LR + (1 - FINAL_LR) * 0.5 * (1 + math.cos(math.pi * progress))

    return factor


def make_optimizer(config: OptimConfig, model: nn.Module) -> torch.optim.Optimizer:
    """The torch optimizer that `config` names, over the weights of `model`."""
    weights = model.parameters()
    match config.optimizer:
        case "adamw":
            return torch.optim.AdamW(weights, lr=config.lr, weight_decay=config.weight_decay)
        case "adam":
            return torch.optim.Adam(weights, lr=config.lr)
        case "sgd":
            return torch.optim.SGD(weights, lr=config.lr, momentum=0.9)
        case "rmsprop":
            return torch.optim.RMSprop(weights, lr=config.lr)
        case "adagrad":
            return torch.optim.Adagrad(weights, lr=config.lr)
