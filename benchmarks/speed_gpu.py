"""Speed of training and sampling on a GPU compared with a plain cuDNN loop, and what limits each.

Called by `python -m benchmarks.speed CKPT DATASET --device cuda`. Each part is timed separately, after a
first run that is not timed. If a part fails, its error is printed in its place, so that the other parts
still run.
"""

import json
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.speed_bare import SIDES, Bare, bare_sampling, seconds, stepper, train_batches
from musegen.checkpoint.folder import Checkpoint
from musegen.console import say
from musegen.data.dataset import Dataset
from musegen.generation import engine, pieces
from musegen.generation.graphs import BLOCK, Graphed
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.training.sharding import Batch

BATCHES = (1, 64, 4096)
STEPS = 20
"""Training steps per round."""
SHOWN = 8
"""The number of kernels that are listed."""

Found = dict[str, Any]


def measured(
    checkpoint: Checkpoint,
    dataset: Dataset,
    *,
    device: str,
    rounds: int,
    bars: int,
    batches: Sequence[int] = BATCHES,
    steps: int = STEPS,
) -> Found:
    """All figures; `device` "cpu" is for testing this module."""
    bare = Bare(len(checkpoint.tokenizer.tables.kind), checkpoint.config.model).to(device)
    found: Found = {"machine": _machine(device), "torch": torch.__version__}
    found["weights"] = sum(weight.numel() for weight in checkpoint.model.parameters())
    found["bare_weights"] = sum(weight.numel() for weight in bare.parameters())

    def add(name: str, part: Callable[[], Found]) -> None:
        found[name] = _tried(part)
        say(json.dumps({name: found[name]}))  # at once, in case the run is interrupted

    data = train_batches(checkpoint, dataset)
    made = [{k: v.to(device) for k, v in data[i].items()} for i in range(min(steps, len(data)))]
    for precision in ("float32", "bfloat16"):
        add(
            f"training, {precision}",
            lambda p=precision: _training(checkpoint, bare, made, device, p, rounds, steps),
        )
    for batch in batches:
        for is_graphed in (True, False):
            name = f"sampling {bars} bars, batch {batch}" + ("" if is_graphed else ", without graphs")
            turns = rounds if is_graphed else 1
            add(name, lambda b=batch, g=is_graphed, t=turns: _sampling(checkpoint, bare, b, bars, t, g))
    for batch in batches:
        add(f"profile of sampling, batch {batch}", lambda b=batch: _sampling_profile(checkpoint, b))
    for side in SIDES:
        add(
            f"profile of training, bfloat16, {side}",
            lambda s=side: _training_profile(checkpoint, bare, made[:5], device, s),
        )
    return found


def _machine(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else device


def _tried(part: Callable[[], Found]) -> Found:
    """The figures of a part, or its error."""
    try:
        return part()
    except Exception as error:  # noqa: BLE001 - a benchmark reports what happened and continues
        return {
            "failed": f"{type(error).__name__}: {error}",
            "at": traceback.format_exc(limit=-4).splitlines(),
        }


def _sampling(
    checkpoint: Checkpoint,
    bare: Bare,
    batch: int,
    bars: int,
    rounds: int,
    is_graphed: bool,  # noqa: FBT001
) -> Found:
    """Tokens per second of `generate`, and of sampling from the plain model for as many steps."""
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    device = next(bare.parameters()).device.type
    rates: dict[str, list[float]] = {"ids/s": [], "engine ids/s": [], "bare": [], "ratio": []}
    with patch.object(engine, "GRAPHS", is_graphed):
        generate(model, tokenizer, Request(bars=1), num=batch)  # type: ignore[arg-type]
        bare_sampling(bare, batch, 20)
        for seed in range(rounds):
            write = partial(generate, model, tokenizer, Request(bars=bars), num=batch, seed=seed)  # type: ignore[arg-type]
            with _engine_alone() as alone:
                taken, results = seconds(write, device)
            lengths = [len(result.ids) for result in results]
            steps = min(max(lengths), 200)
            theirs = batch * steps / seconds(partial(bare_sampling, bare, batch, steps), device)[0]
            rates["ids/s"].append(sum(lengths) / taken)
            rates["engine ids/s"].append(sum(lengths) / sum(alone))
            rates["bare"].append(theirs)
            rates["ratio"].append(sum(lengths) / taken / theirs)
    medians = {name: median(values) for name, values in rates.items()}
    return {**medians, "ids per piece": sum(lengths) / batch, "longest": max(lengths)}


@contextmanager
def _engine_alone() -> Iterator[list[float]]:
    """Collects the seconds spent in the engine, without decoding its ids to notes."""
    alone, real = [], pieces.sample_streams

    def timed(*arguments: Any, **named: Any) -> Any:
        taken, result = seconds(partial(real, *arguments, **named))
        alone.append(taken)
        return result

    with patch.object(pieces, "sample_streams", timed):
        yield alone


def _run(step: Callable[[Batch], None], batches: list[Batch]) -> None:
    for batch in batches:
        step(batch)


def _training(
    checkpoint: Checkpoint,
    bare: Bare,
    made: list[Batch],
    device: str,
    precision: str,
    rounds: int,
    steps: int,
) -> Found:
    """Steps per second of both sides, taking turns."""
    make = partial(stepper, checkpoint, bare, device=device, precision=precision)
    steppers = {side: make(side=side) for side in SIDES}
    rates: dict[str, list[float]] = {side: [] for side in SIDES}
    for turn in range(rounds + 1):  # the first is not counted
        for side, step in steppers.items():
            taken, _ = seconds(partial(_run, step, list(islice(cycle(made), steps))), device)
            if turn:
                rates[side].append(steps / taken)
    checkpoint.model.eval()
    ratio = median(a / b for a, b in zip(rates["ours"], rates["bare"], strict=True))
    tokens = sum(batch["input_ids"].numel() for batch in made) / len(made)
    return {
        "steps/s": median(rates["ours"]),
        "bare": median(rates["bare"]),
        "ratio": ratio,
        "ids/s": median(rates["ours"]) * tokens,
    }


def _sampling_profile(checkpoint: Checkpoint, batch: int) -> Found:
    """A profile of the second to the fourth block of steps; without a GPU, of all."""

    def write() -> None:
        generate(checkpoint.model, checkpoint.tokenizer, Request(bars=8), num=batch)  # type: ignore[arg-type]

    if not torch.cuda.is_available():
        return _profile(write)
    found: Found = {}

    class Watched(Graphed):
        calls = 0

        def __call__(self, rows: Any, uniform: Tensor) -> tuple[Tensor, Any]:
            self.calls += 1
            if self.calls != 2:
                return super().__call__(rows, uniform)

            drawn: list[Tensor] = []

            def blocks() -> None:
                nonlocal rows
                for _ in range(3):
                    ids, rows = super(Watched, self).__call__(rows, uniform)
                    drawn.append(ids)
                    bool(rows.done.all())  # as the engine checks

            found.update(_profile(blocks), steps=3 * BLOCK)
            return torch.cat(drawn), rows

    with patch.object(engine, "Graphed", Watched):
        write()
    return found


def _training_profile(checkpoint: Checkpoint, bare: Bare, made: list[Batch], device: str, side: str) -> Found:
    """A profile of a few training steps."""
    step = stepper(checkpoint, bare, side=side, device=device, precision="bfloat16")
    _run(step, made)
    found = _profile(partial(_run, step, made))
    checkpoint.model.eval()
    return found


def _profile(run: Callable[[], None]) -> Found:
    """How long the GPU is busy, with which kernels and how many."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profiler:
        wall = seconds(run, device)[0] * 1e6
    events = profiler.key_averages()
    kernels = [
        e for e in events if e.device_type == torch.autograd.DeviceType.CUDA and e.self_device_time_total > 0
    ]
    busy, count = sum(e.self_device_time_total for e in kernels), sum(e.count for e in kernels)
    waits = {e.key: e.count for e in events if e.key in ("cudaStreamSynchronize", "cudaDeviceSynchronize")}
    top = sorted(kernels, key=lambda e: -e.self_device_time_total)[:SHOWN]
    share = busy / wall
    return {
        "wall ms": wall / 1000,
        "busy share": share,
        "kernels": count,
        "us a kernel": busy / max(count, 1),
        "synchronizations": sum(waits.values()),
        "limited by": "the GPU" if share > 0.8 else "launches and Python" if share < 0.5 else "both",
        **{e.key[:70]: f"{e.self_device_time_total / max(busy, 1e-9):.1%} in {e.count}" for e in top},
    }
