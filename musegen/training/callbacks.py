"""What happens beside the steps: the best checkpoint, a sample to hear, one line a validation."""

import contextlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from musegen.errors import MusegenError


class StopAtNaN(pl.Callback):
    """End the run at the step whose loss is not a number; the best checkpoint stays."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: Any, outputs: Any, batch: Any, index: int
    ) -> None:
        """Look at every loss."""
        del module, batch, index
        loss: Tensor = outputs["loss"] if isinstance(outputs, dict) else outputs
        if not bool(torch.isfinite(loss)):
            raise MusegenError(
                f"training diverged at step {trainer.global_step}: the loss is {loss.item()}; "
                "what was saved before is kept; try a lower --optim.lr"
            )


class KeepBest(pl.Callback):
    """Save the model whenever validation improves, and say how it goes.

    Args:
        save: writes the checkpoint folder, given the metrics.
        say: prints one line for the user.
    """

    def __init__(self, save: Callable[[dict[str, Any]], None], say: Callable[[str], None]) -> None:
        self.save, self.say = save, say
        self.best = math.inf
        self.began = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Compare, save, say."""
        del module
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        values = {
            name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val_")
        }
        bits = values["val_bits_per_note"]
        minutes = (time.monotonic() - self.began) / 60
        better = bits < self.best
        self.say(
            f"step {trainer.global_step}/{trainer.max_steps}  valid {bits:.3f} bits a note"
            f"{' (best so far)' if better else ''}  {minutes:.1f} min"
        )
        if better:
            self.best = bits
            self.save(
                {
                    "valid": {
                        "bits_per_note": round(bits, 5),
                        "nats_per_token": round(values["val_nats_per_token"], 6),
                    },
                    "step": trainer.global_step,
                    "minutes": round(minutes, 2),
                }
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
