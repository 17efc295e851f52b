"""The base of the Lightning modules: a model, its loss, and metrics of a validation."""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from musegen.config.trainer import OptimConfig
from musegen.training.sharding import Batch

FINAL_LR = 0.02
"""Learning rate at the end, as a share of the maximum."""


class Learner(pl.LightningModule):
    """Trains a model.

    Args:
        model: of any family.
        optim: settings of the optimizer.
        steps: of the whole run, for the schedule of the learning rate; see `follow`.
        is_note: (V,) 1 for each id that counts as a note (its pitch).
    """

    figure: ClassVar[str]
    """The metric by which the best checkpoint is chosen; lower is better."""
    shown: ClassVar[dict[str, str]]
    """The metrics of a validation that are printed, and their formats."""

    def __init__(self, model: nn.Module, *, optim: OptimConfig, steps: int, is_note: Tensor) -> None:
        super().__init__()
        self.model, self.optim, self.steps = model, optim, steps
        self.register_buffer("is_note", is_note, persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """The training loss, in nats per token."""
        raise NotImplementedError

    def follow(self, config: Any) -> None:
        """Go on with the number of steps, and the schedules, of a configuration of the family."""
        self.steps, self.optim = config.trainer.max_steps or 0, config.optim

    def training_step(self, batch: Batch) -> Tensor:
        """A step on a batch."""
        loss = self.loss(batch)
        self.log("train_nats_per_token", loss, prog_bar=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget the rows of the last validation."""
        self._rows: list[Tensor] = []

    def add_rows(self, *columns: Tensor) -> None:
        """Add figures of the rows of a batch, (B,) or (B, N) each, to those of the validation."""
        self._rows.append(torch.cat([each.float().view(len(each), -1) for each in columns], dim=1))

    def sums(self) -> list[float]:
        """The sums of each column over the rows of the validation, on all ranks.

        They are in float64 and therefore on the CPU: not every device has it. Until then the rows stay on
        their device, so that no batch waits for the one before it.
        """
        sums = torch.cat(self._rows).cpu().double().sum(dim=0)
        if self.trainer.world_size > 1:
            gathered = self.all_gather(sums)
            assert isinstance(gathered, Tensor)
            sums = gathered.view(-1, len(sums)).sum(dim=0)
        return sums.tolist()

    def configure_optimizers(self) -> Any:
        """The optimizer, with the learning rate of each step."""
        optimizer = make_optimizer(self.optim, self.model)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: lr_factor(step, self.steps, self.optim)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def lr_factor(step: int, steps: int, optim: OptimConfig) -> float:
    """Factor of the learning rate at a step: a linear rise, the maximum, then half a cosine down."""
    rising, falling = rising_and_falling(steps, optim)
    if step < rising:
        return (step + 1) / rising
    progress = min(1.0, max(0, step - (steps - falling)) / max(1, falling))
    return FINAL_LR + (1 - FINAL_LR) * 0.5 * (1 + math.cos(math.pi * progress))


def rising_and_falling(steps: int, optim: OptimConfig) -> tuple[int, int]:
    """The number of steps, of all, over which the learning rate rises, and over which it falls."""
    rising = max(1, round(steps * optim.warmup))
    after = max(0, steps - rising)
    return rising, after if optim.decay is None else min(after, round(steps * optim.decay))


def make_optimizer(config: OptimConfig, model: nn.Module) -> torch.optim.Optimizer:
    """The torch optimizer that `config` names, over the weights of `model`."""
    named: dict[str, tuple[Callable[..., torch.optim.Optimizer], dict[str, float]]] = {
        "adamw": (torch.optim.AdamW, {"weight_decay": config.weight_decay}),
        "adam": (torch.optim.Adam, {}),
        "sgd": (torch.optim.SGD, {"momentum": 0.9}),
        "rmsprop": (torch.optim.RMSprop, {}),
        "adagrad": (torch.optim.Adagrad, {}),
    }
    kind, settings = named[config.optimizer]
    assert config.lr is not None
    return kind(model.parameters(), lr=config.lr, **settings)
