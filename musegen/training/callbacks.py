"""What happens beside the steps: the best checkpoint, a sample to hear, one line a validation."""

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

BITS_A_NOTE = {"bits_per_note": "{:.3f} bits a note"}

COLLAPSED = 1.0
"""Nats a clip below which a latent space says nothing: less than one yes or no."""


class StopAtNaN(pl.Callback):
    """End the run where loss, validation or weights are not numbers; what was kept before stays.

    On a GPU each loss is looked at one step later, and before anything is compared or kept: to ask for it at
    once would be to wait for the step, with nothing to do for the GPU meanwhile.

    Args:
        names: of the pieces, by which those of the batch are named.
        figure: of the validation.
    """

    SHOWN = 8
    """Pieces that are named."""

    def __init__(self, names: Sequence[str], figure: str) -> None:
        self.names, self.figure = names, figure
        self._last: tuple[int, _Arriving, Tensor] | None = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, _module: Any, outputs: Any, batch: Any, _index: int
    ) -> None:
        """Look at every loss."""
        loss: Tensor = outputs["loss"] if isinstance(outputs, dict) else outputs
        self._look()
        self._last = trainer.global_step, _Arriving(loss.detach()), batch["piece"]
        if not loss.is_cuda:
            self._look()

    def on_validation_start(self, _trainer: pl.Trainer, _module: Any) -> None:
        """Look at the last loss before what it led to is compared."""
        self._look()

    def on_validation_end(self, trainer: pl.Trainer, _module: Any) -> None:
        """Look at what would be compared."""
        value = float(trainer.callback_metrics[self.figure])
        if not math.isfinite(value):
            raise _diverged(trainer.global_step, f"{self.figure} is {value}")

    def on_save_checkpoint(self, trainer: pl.Trainer, module: Any, _checkpoint: dict[str, Any]) -> None:
        """Look at weights that the step just done may have spoilt: no loss has seen them yet."""
        self._look()
        if not all(bool(weights.isfinite().all()) for weights in module.parameters()):
            raise _diverged(trainer.global_step, "some weights are not numbers any more")

    def _look(self) -> None:
        """Look at the loss that has not been looked at, if there is one."""
        if self._last is None:
            return
        (step, loss, pieces), self._last = self._last, None
        value = loss.value()
        if math.isfinite(value):
            return
        names = [self.names[index] for index in torch.unique(pieces).tolist()]
        more = f" and {len(names) - self.SHOWN} more" if len(names) > self.SHOWN else ""
        raise _diverged(step, f"the loss is {value}, on {', '.join(names[: self.SHOWN])}{more}")


class _Arriving:
    """One number on its way from a device, which goes on meanwhile.

    Args:
        number: ().
    """

    def __init__(self, number: Tensor) -> None:
        self._number, self._arrived = number, None
        if number.is_cuda:
            self._number = torch.empty_like(number, device="cpu", pin_memory=True)
            self._number.copy_(number, non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record()

    def value(self) -> float:
        """Wait for it alone."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return float(self._number)


def _diverged(step: int, what: str) -> MusegenError:
    return MusegenError(
        f"training diverged at step {step}: {what}; what was saved before is kept; try a lower --optim.lr"
    )


class KeepBest(pl.Callback):
    """Save the model whenever validation improves, and say how it goes.

    Args:
        save: writes the checkpoint folder, given the metrics.
        say: prints one line for the user.
        figure: what is compared, the lower the better.
        shown: the figures that are said, and in which words.
    """

    def __init__(
        self,
        save: Callable[[dict[str, Any]], None],
        say: Callable[[str], None],
        *,
        figure: str = "val_bits_per_note",
        shown: dict[str, str] = BITS_A_NOTE,
    ) -> None:
        self.save, self.say, self.figure, self.shown = save, say, figure, shown
        self.best = math.inf
        self.began = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """What an interrupted run needs to go on."""
        return {"best": self.best, "seconds": time.monotonic() - self.began}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on."""
        self.best, self.began = state_dict["best"], time.monotonic() - state_dict["seconds"]

    def on_validation_end(self, trainer: pl.Trainer, _module: pl.LightningModule) -> None:
        """Compare, save, say."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        values = {
            name.removeprefix("val_"): round(float(value), 6)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("val_")
        }
        minutes = (time.monotonic() - self.began) / 60
        value = values[self.figure.removeprefix("val_")]
        better = value < self.best
        said = ", ".join(words.format(values[name]) for name, words in self.shown.items())
        self.say(
            f"step {trainer.global_step}/{trainer.max_steps}  valid {said}"
            f"{' (best so far)' if better else ''}  {minutes:.1f} min"
        )
        if better:
            self.best = value
            self.save({"valid": values, "step": trainer.global_step, "minutes": round(minutes, 2)})


class WatchCollapse(pl.Callback):
    """Say once when a VAE tells its decoder next to nothing, and what to change.

    Args:
        say: prints one line for the user.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say, self.has_said = say, False

    def on_validation_end(self, trainer: pl.Trainer, _module: pl.LightningModule) -> None:
        """Look at the KL, once the latent space has had time to fill."""
        kl = trainer.callback_metrics.get("val_kl")
        is_early = trainer.global_step < (trainer.max_steps or 0) / 4
        if kl is None or float(kl) >= COLLAPSED or is_early or self.has_said:
            return
        used = int(trainer.callback_metrics["val_active_units"])
        self.has_said = True
        self.say(
            f"the latent space has collapsed: KL {float(kl):.2f} nats, {used} dimensions used, so every clip "
            "looks alike to the decoder; lower --latent.beta, raise --latent.free-bits, or set "
            "--model.input-dropout 0.3"
        )


class SampleEachValidation(pl.Callback):
    """Write a short piece after each validation, so that progress can be heard.

    Args:
        write: generates and writes one MIDI file.
        folder: where the files go.
    """

    def __init__(self, write: Callable[[Path], None], folder: Path) -> None:
        self.write, self.folder = write, folder

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Generate with the weights as they are; the run's random numbers are left alone."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        was_training = module.training
        module.eval()
        with contextlib.suppress(MusegenError):  # a sample that runs away must not end the training
            self.write(self.folder / f"step-{trainer.global_step:06d}.mid")
        module.train(was_training)
