"""Callbacks of a training: the best checkpoint, a sample and a line of metrics per validation."""

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from musegen.errors import MusegenError

BITS_PER_NOTE = {"bits_per_note": "{:.3f} bits per note"}

COLLAPSED = 1.0
"""KL in nats per clip below which the latent space has collapsed: about one bit."""


class StopAtNaN(pl.Callback):
    """End the run if the loss, the metric or the weights are not finite; saved files are kept.

    On a GPU each loss is checked one step later, and before anything is compared or saved: checking it at
    once would wait for the step, while the GPU is idle.

    Args:
        names: of the pieces, to name those of the batch.
        figure: the validation metric.
    """

    SHOWN = 8
    """How many pieces are named."""

    def __init__(self, names: Sequence[str], figure: str) -> None:
        self.names, self.figure = names, figure
        self._last: tuple[int, _AsyncNumber, Tensor] | None = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, _module: Any, outputs: Any, batch: Any, _index: int
    ) -> None:
        """Check every loss."""
        loss: Tensor = outputs["loss"] if isinstance(outputs, dict) else outputs
        self._check_loss()
        self._last = trainer.global_step, _AsyncNumber(loss.detach()), batch["piece"]
        if not loss.is_cuda:
            self._check_loss()

    def on_validation_start(self, _trainer: pl.Trainer, _module: Any) -> None:
        """Check the last loss before the model is validated."""
        self._check_loss()

    def on_validation_end(self, trainer: pl.Trainer, _module: Any) -> None:
        """Check the metric."""
        value = float(trainer.callback_metrics[self.figure])
        if not math.isfinite(value):
            raise _diverged(trainer.global_step, f"{self.figure} is {value}")

    def on_save_checkpoint(self, trainer: pl.Trainer, module: Any, _checkpoint: dict[str, Any]) -> None:
        """Check the weights after the last step, which no loss depends on yet."""
        self._check_loss()
        if not all(bool(weights.isfinite().all()) for weights in module.parameters()):
            raise _diverged(trainer.global_step, "some weights are not finite numbers")

    def _check_loss(self) -> None:
        """Check the loss that has not been checked yet, if there is one."""
        if self._last is None:
            return
        (step, loss, pieces), self._last = self._last, None
        value = loss.value()
        if math.isfinite(value):
            return
        names = [self.names[index] for index in torch.unique(pieces).tolist()]
        more = f" and {len(names) - self.SHOWN} more" if len(names) > self.SHOWN else ""
        raise _diverged(step, f"the loss is {value}, on {', '.join(names[: self.SHOWN])}{more}")


class _AsyncNumber:
    """One number that is copied from a device asynchronously.

    Args:
        number: ().
    """

    def __init__(self, number: Tensor) -> None:
        self._number, self._copied = number, None
        if number.is_cuda:
            self._number = torch.empty_like(number, device="cpu", pin_memory=True)
            self._number.copy_(number, non_blocking=True)
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record()

    def value(self) -> float:
        """Wait for this copy only."""
        if self._copied is not None:
            self._copied.synchronize()
        return float(self._number)


def _diverged(step: int, what: str) -> MusegenError:
    return MusegenError(
        f"training diverged at step {step}: {what}; what was saved before is kept; try a lower ⟨optim.lr⟩"
    )


class KeepBest(pl.Callback):
    """Save the model whenever validation improves, and print the metrics.

    Args:
        save: writes the checkpoint folder with these metrics.
        say: prints one line for the user.
        figure: the metric that is compared; lower is better.
        shown: the metrics that are printed, and their formats.
    """

    def __init__(
        self,
        save: Callable[[dict[str, Any]], None],
        say: Callable[[str], None],
        *,
        figure: str = "val_bits_per_note",
        shown: dict[str, str] = BITS_PER_NOTE,
    ) -> None:
        self.save, self.say, self.figure, self.shown = save, say, figure, shown
        self.best = self.first = math.inf
        self.began = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """What an interrupted run needs to resume."""
        return {"best": self.best, "first": self.first, "seconds": time.monotonic() - self.began}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume."""
        self.best, self.began = state_dict["best"], time.monotonic() - state_dict["seconds"]
        self.first = state_dict.get("first", math.inf)

    def on_validation_end(self, trainer: pl.Trainer, _module: pl.LightningModule) -> None:
        """Compare, save and print."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        values = {
            name.removeprefix("val_"): round(float(value), 6)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("val_")
        }
        minutes = (time.monotonic() - self.began) / 60
        value = values[self.figure.removeprefix("val_")]
        self.first = value if math.isinf(self.first) else self.first
        is_better = value < self.best
        metrics = ", ".join(words.format(values[name]) for name, words in self.shown.items())
        self.say(
            f"step {trainer.global_step}/{trainer.max_steps}  valid {metrics}"
            f"{' (best so far)' if is_better else ''}  {minutes:.1f} min"
        )
        if is_better:
            self.best = value
            self.save({"valid": values, "step": trainer.global_step, "minutes": round(minutes, 2)})


class WatchFigure(pl.Callback):
    """Report the metric of each validation, and end the run if that is wanted.

    Args:
        figure: the metric; lower is better.
        watch: with the number of the validation, from 1, and its metric; True ends the run.
    """

    def __init__(self, figure: str, watch: Callable[[int, float], bool]) -> None:
        self.figure, self.watch, self.number = figure, watch, 0

    def on_validation_end(self, trainer: pl.Trainer, _module: pl.LightningModule) -> None:
        """Report."""
        self.number += 1
        if self.watch(self.number, float(trainer.callback_metrics[self.figure])):
            trainer.should_stop = True


class WatchCollapse(pl.Callback):
    """Report once that the latent space of a VAE has collapsed, and what to change.

    Args:
        say: prints one line for the user.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say, self.has_warned = say, False

    def on_validation_end(self, trainer: pl.Trainer, _module: pl.LightningModule) -> None:
        """Check the KL after the first quarter of the run."""
        kl = trainer.callback_metrics.get("val_kl")
        is_early = trainer.global_step < (trainer.max_steps or 0) / 4
        if kl is None or float(kl) >= COLLAPSED or is_early or self.has_warned:
            return
        used = int(trainer.callback_metrics["val_active_units"])
        self.has_warned = True
        self.say(
            f"the latent space has collapsed: KL {float(kl):.2f} nats, {used} dimensions used, so every clip "
            "looks alike to the decoder; lower ⟨latent.beta⟩, raise ⟨latent.free-bits⟩, or set "
            "⟨model.input-dropout⟩ 0.3"
        )


class SampleEachValidation(pl.Callback):
    """Write a sample after each validation, to follow the progress, unless that takes too much of the time.

    Args:
        write: generates and writes one MIDI file.
        folder: where the files go.
    """

    SHARE, FREE = 0.02, 2.0
    """Maximum share of the time so far, and seconds that are never too much."""

    def __init__(self, write: Callable[[Path], None], folder: Path) -> None:
        self.write, self.folder = write, folder
        self._began, self._spent = time.monotonic(), 0.0

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Generate with the current weights, without the random numbers of the run."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        begin = time.monotonic()
        if self._spent > max(self.FREE, self.SHARE * (begin - self._began)):
            return
        was_training = module.training
        module.eval()
        with contextlib.suppress(MusegenError):  # a sample that does not end must not end the training
            self.write(self.folder / f"step-{trainer.global_step:06d}.mid")
        module.train(was_training)
        self._spent += time.monotonic() - begin
