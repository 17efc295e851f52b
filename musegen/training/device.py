"""The device of a run, its precision and its speed."""

import copy
import time

import torch

from musegen.config.settings import TrainConfig
from musegen.errors import ConfigError
from musegen.training.setup import Run


def accelerator(config: TrainConfig) -> str:
    """The accelerator for Lightning: "auto" is CUDA or the CPU, since MPS lacks float64 for the sums here."""
    if config.trainer.accelerator == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return config.trainer.accelerator


def _on_gpu(config: TrainConfig) -> bool:
    return config.trainer.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def precision(config: TrainConfig) -> str:
    """The requested precision, else bfloat16 if the device supports it, which halves the time.

    Raises:
        ConfigError: the CPU cannot run an LSTM in it.
    """
    requested = config.trainer.precision
    if requested == "bf16-mixed" and not _on_gpu(config) and not torch.ops.mkldnn._is_mkldnn_bf16_supported():  # noqa: SLF001
        raise ConfigError(
            "⟨trainer.precision⟩ bf16-mixed: this CPU does not compute in bfloat16; leave it out"
        )
    if requested:
        return requested
    # There is no public function for this.
    computes_bf16 = _on_gpu(config) or torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001
    return "bf16-mixed" if computes_bf16 else "32-true"


def seconds_per_step(run: Run) -> float:
    """Time some steps of a copy of the model, without changing the random numbers of the run."""
    device = "cuda" if _on_gpu(run.config) else "cpu"
    trial = copy.deepcopy(run.module).to(device)
    batches = run.data.train_batches(0)
    with torch.random.fork_rng():
        times = []
        for index in range(min(3, len(batches))):
            began = time.perf_counter()
            batch = {name: tensor.to(device) for name, tensor in batches[index].items()}
            with torch.autocast(device, torch.bfloat16, enabled=precision(run.config).startswith("bf16")):
                trial.loss(batch).backward()  # type: ignore[no-untyped-call]
            times.append(time.perf_counter() - began)
    return min(times)
