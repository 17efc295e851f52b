"""Where a run computes, in which precision, and how fast that is."""

import copy
import time

import torch

from musegen.config.settings import TrainConfig
from musegen.errors import ConfigError
from musegen.training.setup import Run


def accelerator(config: TrainConfig) -> str:
    """What Lightning is told: "auto" means CUDA or the CPU, since MPS lacks float64, which sums here want."""
    if config.trainer.accelerator == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return config.trainer.accelerator


def _on_gpu(config: TrainConfig) -> bool:
    return config.trainer.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def precision(config: TrainConfig) -> str:
    """The precision asked for; else bfloat16 where the device computes in it, which halves the time.

    Raises:
        ConfigError: the processor cannot run an LSTM in it.
    """
    asked = config.trainer.precision
    if asked == "bf16-mixed" and not _on_gpu(config) and not torch.ops.mkldnn._is_mkldnn_bf16_supported():  # noqa: SLF001
        raise ConfigError(
            "--trainer.precision bf16-mixed: this processor does not compute in bfloat16; leave it out"
        )
    if asked:
        return asked
    # No public name says it.
    computes_bf16 = _on_gpu(config) or torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001
    return "bf16-mixed" if computes_bf16 else "32-true"


def seconds_a_step(run: Run) -> float:
    """Time two steps of a copy of the model, on the CPU or the first GPU; the run's random numbers stay."""
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
