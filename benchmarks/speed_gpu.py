"""Profiles of sampling and training for `benchmarks.speed` on a GPU: what limits each."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from benchmarks.speed_bare import Bare, seconds, stepper
from musegen.checkpoint.folder import Checkpoint
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.training.sharding import Batch

SHOWN = 8
"""The number of kernels that are listed."""


def sampling_profile(checkpoint: Checkpoint, bare: Bare, batch: int) -> dict[str, Any]:
    """A profile of sampling eight bars, after a first run."""
    request, device = Request(bars=8), bare.logits.weight.device.type
    write = partial(generate, checkpoint.model, checkpoint.tokenizer, request, num=batch)  # type: ignore[arg-type]
    write()
    return profile(write, device)


def training_profile(checkpoint: Checkpoint, bare: Bare, made: Sequence[Batch], side: str) -> dict[str, Any]:
    """A profile of a few training steps in bfloat16, after the same ones."""
    steps = stepper(checkpoint, bare, side=side, precision="bfloat16")
    steps(made)
    found = profile(partial(steps, made), bare.logits.weight.device.type)
    checkpoint.model.eval()
    return found


def profile(run: Callable[[], object], device: str) -> dict[str, Any]:
    """How long the GPU is busy, with which kernels and how many."""
    with torch.profiler.profile() as profiler:
        wall = seconds(run, device)[0] * 1e6
    events = profiler.key_averages()
    on_gpu = (event for event in events if event.device_type == torch.autograd.DeviceType.CUDA)
    kernels = sorted(on_gpu, key=lambda event: -event.self_device_time_total)
    busy, count = (sum(getattr(e, name) for e in kernels) for name in ("self_device_time_total", "count"))
    share = busy / wall
    waits = ("cudaStreamSynchronize", "cudaDeviceSynchronize")
    return {
        "wall ms": wall / 1000,
        "busy share": share,
        "kernels": count,
        "us a kernel": busy / max(count, 1),
        "synchronizations": sum(event.count for event in events if event.key in waits),
        "limited by": "the GPU" if share > 0.8 else "launches and Python" if share < 0.5 else "both",
        **{
            e.key[:70]: f"{e.self_device_time_total / busy:.1%} in {e.count}" for e in kernels[:SHOWN] if busy
        },
    }
