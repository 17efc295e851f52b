"""How fast training and sampling are on a GPU beside a bare cuDNN loop, and what limits each.

Called by `python -m benchmarks.speed CKPT DATASET --device cuda`. Each part is timed on its own, after a
first run that is not timed. What a part fails by is printed in its place, so one fault spares the others.
"""

import json
import time
import traceback
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.speed_bare import Bare, bare_loss, bare_sampling
from musegen.checkpoint.folder import Checkpoint
from musegen.console import say
from musegen.data.dataset import Dataset
from musegen.evaluation.likelihood import model_view
from musegen.generation import engine
from musegen.generation.graphs import BLOCK, Graphed
from musegen.generation.pieces import Request, generate
from musegen.training.windows import Batch, TokenDataModule
from musegen.training.decoder_module import DecoderModule

BATCHES = (1, 64, 4096)
STEPS = 20
"""Of training in a round."""
SHOWN = 8
"""Kernels that are named."""

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
    """All figures; `device` "cpu" is for trying this out."""
    bare = Bare(len(checkpoint.tokenizer.tables.kind), checkpoint.config.model).to(device)
    found: Found = {"machine": _machine(device), "torch": torch.__version__}
    found["weights"] = sum(weight.numel() for weight in checkpoint.model.parameters())
    found["bare_weights"] = sum(weight.numel() for weight in bare.parameters())

    def add(name: str, part: Callable[[], Found]) -> None:
        found[name] = _tried(part)
        say(json.dumps({name: found[name]}))  # at once: a run that is cut short has said something

    data = TokenDataModule(
        model_view(checkpoint, dataset),
        checkpoint.tokenizer.tables,
        checkpoint.config,
        checkpoint.config.optim.batch_tokens,
    ).train_batches(0)
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
    for side in ("ours", "bare"):
        add(
            f"profile of training, bfloat16, {side}",
            lambda s=side: _training_profile(checkpoint, bare, made[:5], device, s),
        )
    return found


def _machine(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else device


def _tried(part: Callable[[], Found]) -> Found:
    """What a part finds, or what it fails by."""
    try:
        return part()
    except Exception as error:  # noqa: BLE001 - a benchmark tells what happened and goes on
        return {
            "failed": f"{type(error).__name__}: {error}",
            "at": traceback.format_exc(limit=-4).splitlines(),
        }


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _sampling(
    checkpoint: Checkpoint,
    bare: Bare,
    batch: int,
    bars: int,
    rounds: int,
    is_graphed: bool,  # noqa: FBT001
) -> Found:
    """Ids a second of `generate`, and of drawing ids from the bare model as long."""
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    device = next(bare.parameters()).device.type
    before, engine.GRAPHS = engine.GRAPHS, is_graphed
    try:
        generate(model, tokenizer, Request(bars=1), num=batch)  # type: ignore[arg-type]
        bare_sampling(bare, batch, 20)
        rates: dict[str, list[float]] = {"ids/s": [], "engine ids/s": [], "bare": [], "ratio": []}
        for seed in range(rounds):
            _wait(device)
            with _engine_alone() as alone:
                began = time.perf_counter()
                results = generate(model, tokenizer, Request(bars=bars), num=batch, seed=seed)  # type: ignore[arg-type]
                taken = time.perf_counter() - began
            lengths = [len(result.ids) for result in results]
            steps = min(max(lengths), 200)
            _wait(device)
            began = time.perf_counter()
            bare_sampling(bare, batch, steps)
            _wait(device)
            theirs = batch * steps / (time.perf_counter() - began)
            rates["ids/s"].append(sum(lengths) / taken)
            rates["engine ids/s"].append(sum(lengths) / sum(alone))
            rates["bare"].append(theirs)
            rates["ratio"].append(sum(lengths) / taken / theirs)
    finally:
        engine.GRAPHS = before
    medians = {name: median(values) for name, values in rates.items()}
    return {**medians, "ids a piece": sum(lengths) / batch, "longest": max(lengths)}


class _engine_alone:  # noqa: N801 - used as a function
    """Adds up the seconds in the engine, without what is decoded from its ids."""

    def __enter__(self) -> list[float]:
        from musegen.generation import tasks

        self._tasks, self._real, seconds = tasks, tasks.sample_streams, []

        def timed(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            result = self._real(*arguments, **named)
            seconds.append(time.perf_counter() - began)
            return result

        tasks.sample_streams = timed  # type: ignore[assignment]
        return seconds

    def __exit__(self, *_: object) -> None:
        self._tasks.sample_streams = self._real


def _stepper(
    checkpoint: Checkpoint, bare: Bare, device: str, precision: str, side: str
) -> Callable[[Batch], None]:
    """One whole training step of a side."""
    model: nn.Module = checkpoint.model if side == "ours" else bare
    is_note = torch.from_numpy((checkpoint.tokenizer.tables.pitch >= 0).astype("int64")).to(device)
    module = DecoderModule(checkpoint.model, optim=checkpoint.config.optim, steps=1, is_note=is_note)
    loss = module.loss if side == "ours" else lambda batch: bare_loss(bare, batch)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)

    def step(batch: Batch) -> None:
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
            nats = loss(batch)
        nats.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def _training(
    checkpoint: Checkpoint,
    bare: Bare,
    made: list[Batch],
    device: str,
    precision: str,
    rounds: int,
    steps: int,
) -> Found:
    """Steps a second of both sides, taking turns."""
    stepper = {side: _stepper(checkpoint, bare, device, precision, side) for side in ("ours", "bare")}
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    for turn in range(rounds + 1):  # the first is not counted
        for side, step in stepper.items():
            _wait(device)
            began = time.perf_counter()
            for index in range(steps):
                step(made[index % len(made)])
            _wait(device)
            if turn:
                rates[side].append(steps / (time.perf_counter() - began))
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
    """Of the second to the fourth block of steps; without a GPU, of all."""

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
                    bool(rows.done.all())  # as the engine asks

            found.update(_profile(blocks), steps=3 * BLOCK)
            return torch.cat(drawn), rows

    engine.Graphed = Watched  # type: ignore[misc]
    try:
        write()
    finally:
        engine.Graphed = Graphed  # type: ignore[misc]
    return found


def _training_profile(checkpoint: Checkpoint, bare: Bare, made: list[Batch], device: str, side: str) -> Found:
    """Of a few steps."""
    step = _stepper(checkpoint, bare, device, "bfloat16", side)

    def run() -> None:
        for batch in made:
            step(batch)

    run()
    found = _profile(run)
    checkpoint.model.eval()
    return found


def _profile(run: Callable[[], None]) -> Found:
    """How long the GPU is busy, with what, and with how many kernels."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    _wait(device)
    with torch.profiler.profile(activities=activities) as profiler:
        began = time.perf_counter()
        run()
        _wait(device)
        wall = (time.perf_counter() - began) * 1e6
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
