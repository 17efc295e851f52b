"""The steps of a run in a given time are planned again while it goes on, since machines are not steady.

Until the learning rate falls, no step depends on how many there will be (warmup, stable, decay: Hu et
al. 2024, arXiv:2404.06395). Each validation compares the time with the steps; when only the time for the fall
is left, it begins, and the number of steps is final. It is in the configuration of the run, which repeats it.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytorch_lightning as pl

from musegen.config.settings import TrainConfig
from musegen.training.budget import USED
from musegen.training.learner import rising_and_falling

SPANS = 2
"""Validations over which the seconds per step are measured."""


class Pace(pl.Callback):
    """Plans the number of steps at each validation, until the learning rate falls.

    It falls early if validation has not improved for half as many validations as end the run.

    Args:
        clock: of the run.
        config: of the run: its steps, and the shares of them in which the learning rate rises and falls.
        change: sets the configuration of the run.
        most: maximum number of steps; None: no limit.
    """

    def __init__(
        self,
        clock: pl.callbacks.Timer,
        config: TrainConfig,
        change: Callable[[TrainConfig], None],
        *,
        most: int | None,
    ) -> None:
        self.clock, self.config, self.change, self.most = clock, config, change, most
        self._marks: list[tuple[int, float]] = []

    def on_train_start(self, trainer: pl.Trainer, _module: Any) -> None:
        """Note the step and the time, which are not 0 if the run is resumed."""
        self._marks = [(trainer.global_step, self.clock.time_elapsed())]

    def on_validation_end(self, trainer: pl.Trainer, _module: Any) -> None:
        """Plan the steps that are left."""
        step, steps = trainer.global_step, self.config.trainer.max_steps or 0
        rising, optim = _rising(self.config, steps), self.config.optim
        falls_at = steps - rising_and_falling(steps, optim)[1]
        if not self._marks or self._marks[-1][0] == step or not max(rising.values()) <= step < falls_at:
            return
        self._marks.append((step, self.clock.time_elapsed()))
        (before, began), (_, now) = self._marks[max(0, len(self._marks) - 1 - SPANS)], self._marks[-1]
        per_step = (now - began) / (step - before)
        left = USED * (now + (self.clock.time_remaining() or 0)) - now
        planned = step + max(1, int(left / per_step))
        if self.most is not None:
            planned = min(planned, max(self.most, step + 1))
        decay = optim.decay or 0.0
        early = trainer.early_stopping_callback
        if early is not None and early.wait_count >= early.patience // 2:
            planned = min(planned, step + max(1, round(step * decay / (1 - decay))))
        falls_at = max(step, planned - round(planned * decay))
        config = replace(
            self.config,
            trainer=replace(self.config.trainer, max_steps=planned),
            optim=replace(optim, decay=(planned - falls_at) / planned),
        )
        shares = {
            name: replace(getattr(config, name), warmup=each / planned) for name, each in rising.items()
        }
        self.config = replace(config, **shares)
        trainer.fit_loop.epoch_loop.max_steps = planned
        self.change(self.config)


def _rising(config: TrainConfig, steps: int) -> dict[str, int]:
    """Steps of each warmup (of the learning rate, and of the beta of a VAE), by its group of settings."""
    groups = {each.name: getattr(config, each.name) for each in fields(config)}
    if not getattr(config, "is_variational", True):  # an autoencoder of another kind has no beta
        del groups["latent"]
    return {name: round(steps * group.warmup) for name, group in groups.items() if hasattr(group, "warmup")}
