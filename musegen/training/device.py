"""The device of a run, its precision and its speed."""

import os

import torch

from musegen.config.settings import TrainConfig
from musegen.errors import ConfigError


def accelerator(config: TrainConfig) -> str:
    """The accelerator for Lightning: "auto" is CUDA, else MPS, else the CPU; "gpu" the first or second."""
    chosen = config.trainer.accelerator
    if chosen not in ("auto", "gpu"):
        return chosen
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu" if chosen == "auto" else chosen


def device_type(config: TrainConfig) -> str:
    """The type of the device of a run, as far as it is here."""
    chosen = accelerator(config)
    is_here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return chosen if is_here.get(chosen) else "cpu"


def precision(config: TrainConfig) -> str:
    """The requested precision, else bfloat16 if a GPU or the CPU supports it, which halves the time.

    Raises:
        ConfigError: the CPU cannot run an LSTM in it.
    """
    requested, device = config.trainer.precision, device_type(config)
    if requested == "bf16-mixed" and device == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():  # noqa: SLF001
        raise ConfigError(
            "⟨trainer.precision⟩ bf16-mixed: this CPU does not compute in bfloat16; leave it out"
        )
    if requested:
        return requested
    # There is no public function for this.
    computes_bf16 = device == "cuda" or (device == "cpu" and torch.cpu._is_avx512_bf16_supported())  # noqa: SLF001
    return "bf16-mixed" if computes_bf16 else "32-true"


def limit_memory() -> None:
    """Bound what oneDNN keeps for batches of each shape, else the memory of a run grows by gigabytes.

    By default 1024 shapes are kept. The user's own setting is respected; oneDNN reads it at its first call.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")
