"""Speed of training and sampling compared with a plain nn.LSTM of the same size, as ratios within one run.

    python -m benchmarks.speed CKPT DATASET [--rounds 3] [--bars 16] [--device cuda] [--only PART] [--json]

CKPT is a language model. Both sides take turns, and each ratio is the median over the rounds:

    sampling    tokens per second of `generate` (grammar, filters, look-back, decoding of notes), at batch 1,
                8, 64 and 256, against an embedding, an nn.LSTM and a linear layer that sample from the
                softmax step by step; its nn.LSTM has our layers and widths, inputs included. Ours is the
                exported step in single precision; also with int8 weights, and in torch
    GPT-2       tokens per second of Hugging Face's GPT-2 with a key-value cache and the same number of
                weights, and the ratio of ours to it; needs `pip install -e '.[bench]'`
    roofline    steps per second at batch 1, in single precision and in int8, against the most that memory
                allows: the bandwidth of copying a large tensor divided by the bytes of the weights that a
                step reads
    training    steps per second of our model and loss against those of the plain model, the same batches,
                AdamW, in single precision on both sides, and again in bfloat16; and what takes the time
    prepare     files per second of `prepare` against MidiTok's REMI alone, one process, MIDI files of DATASET

Seconds from a cold start, of `--help`, of one piece and of `import torch` alone, are medians of five, taken
in turns. All of it is one run, on one thread on both sides. On a GPU: sampling, with and without CUDA graphs,
training, and profiles of both. If a part fails, its error is printed in its place, so that the other parts
still run, and the exit code is 1. With `--only training` only parts with this in their names are measured.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Literal
from unittest.mock import patch

import torch
from torch import nn

from benchmarks.runner import benchmark, need_lm
from benchmarks.speed_bare import (
    SIDES,
    Bare,
    bare_sampling,
    compared,
    profile,
    seconds,
    stepper,
    train_batches,
)
from benchmarks.speed_peers import gpt2, gpt2_sampling, preparing
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_facts
from musegen.console import say
from musegen.data.dataset import Dataset
from musegen.generation import eager
from musegen.generation.backends import machine_of
from musegen.generation.eager import Eager
from musegen.generation.machine import Machine
from musegen.generation.pieces import generate
from musegen.generation.request import Request, Result
from musegen.models.lm import LanguageModel
from musegen.training.sharding import Batch

BATCHES = {"cpu": (1, 8, 64, 256), "cuda": (1, 64, 4096)}
STEPS = {"cpu": 4, "cuda": 20}
"""Training steps per round."""
INT8 = ", int8"
"""The name of sampling with int8 weights, after that of a batch."""
COLD = 5
"""Runs of a command whose median is taken."""
Parts = dict[str, Callable[[], Any]]


def sampling(
    checkpoint: Checkpoint, bare: Bare, machines: dict[str, Machine], *, bars: int, rounds: int
) -> dict[str, dict[str, float]]:
    """Tokens per second of each machine and of the plain model, for every batch size."""
    device, rows = bare.logits.weight.device.type, {}
    tokenizer, plain, request = checkpoint.tokenizer, checkpoint.config.sampling, Request(bars=bars)

    def made(way: str, batch: int, seed: int) -> list[Result]:
        return generate(machines[way], tokenizer, request, num=batch, seed=seed, sampling=plain)

    def rate(way: str, batch: int, turn: int) -> float:
        taken, results = seconds(partial(made, way, batch, turn + 1), device)
        return sum(len(result.ids) for result in results) / taken

    def bare_rate(batch: int, steps: int, _: int) -> float:
        return batch * steps / seconds(partial(bare_sampling, bare, batch, steps), device)[0]

    for batch in BATCHES[device]:
        longest = max(len(result.ids) for result in made("", batch, 0))
        sides = {way: partial(rate, way, batch) for way in machines}
        sides["bare"] = partial(bare_rate, batch, min(longest, 200))
        for side in sides.values():
            side(-1)  # so that graphs are loaded, or captured, before timing
        for way, row in compared(sides, rounds, "ids/s").items():
            rows[f"batch {batch}{way}"] = row
    return rows


def bandwidth() -> float:
    """Bytes per second read and written when copying a large tensor."""
    source = torch.ones(64 * 2**20)
    target = torch.empty_like(source)
    taken = min(seconds(lambda: target.copy_(source))[0] for _ in range(5))
    return 2 * source.numel() * source.element_size() / taken


def read_by_a_step(model: LanguageModel) -> int:
    """How many weights a step reads, without tables of which it looks up a few rows."""
    tables = {id(each.weight) for each in model.modules() if isinstance(each, nn.Embedding)}
    tables |= {id(model.decoder.input.weight)}
    return sum(weights.numel() for weights in model.parameters() if id(weights) not in tables)


def roofline(model: LanguageModel, sampled: dict[str, dict[str, float]]) -> dict[str, float]:
    """The most steps per second at batch 1 with weights of four bytes and of one, and the share reached."""
    found, weights = {}, bandwidth() / read_by_a_step(model)
    for name, way, size in (("float32", "", 4), ("int8", INT8, 1)):
        found[f"{name}, steps/s"] = weights / size
        found[f"{name}, share reached"] = sampled[f"batch 1{way}"]["ids/s"] / (weights / size)
    return found


def against_gpt2(checkpoint: Checkpoint, rates: dict[str, dict[str, float]], steps: int) -> Any:
    """Tokens per second of GPT-2, and the ratio of ours to it, for every batch size."""
    peer = gpt2(sum(each.numel() for each in checkpoint.model.parameters()), checkpoint.tokenizer.vocab_size)
    if peer is None:
        return "not measured: transformers is not installed (pip install -e '.[bench]')"
    found: dict[str, Any] = {"weights": sum(each.numel() for each in peer.parameters()), "steps": steps}
    for batch in BATCHES["cpu"][::2]:
        gpt2_sampling(peer, batch, 3)
        taken, _ = seconds(partial(gpt2_sampling, peer, batch, steps))
        theirs = batch * steps / taken
        ratio = rates[f"batch {batch}"]["ids/s"] / theirs
        found[f"batch {batch}"] = {"ids/s": theirs, "ours over it": ratio}
    return found


def training(
    checkpoint: Checkpoint, bare: Bare, batches: Sequence[Batch], *, rounds: int, precision: str = "float32"
) -> dict[str, float]:
    """Training steps per second of both sides, and the ratio."""
    device = bare.logits.weight.device.type
    steppers = {side: stepper(checkpoint, bare, side=side, precision=precision) for side in SIDES}

    def rate(side: str, turn: int) -> float:
        made = [batches[(turn * STEPS[device] + i) % len(batches)] for i in range(STEPS[device])]
        return len(made) / seconds(partial(steppers[side], made), device)[0]

    if device == "cuda":
        for side in SIDES:
            rate(side, 0)
    row = compared({side: partial(rate, side) for side in SIDES}, rounds, "steps/s")["ours"]
    checkpoint.model.eval()
    return row


def training_profile(
    checkpoint: Checkpoint, bare: Bare, batches: Sequence[Batch], *, side: str, precision: str
) -> dict[str, Any]:
    """The profile of a few training steps of one side."""
    device = bare.logits.weight.device.type
    made = [batches[i] for i in range(min(len(batches), 2 if device == "cpu" else 5))]
    found = profile(partial(stepper(checkpoint, bare, side=side, precision=precision), made), device)
    checkpoint.model.eval()
    return found


def cold(checkpoint: Path, bars: int) -> dict[str, float]:
    """Median seconds of commands, each in its own process, and how one piece compares with torch alone."""
    command = partial(subprocess.run, check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as folder:
        piece = ["generate", str(checkpoint), "--bars", str(bars), "--out", folder, "--force"]
        words = {"--help": ["-m", "musegen", "--help"], f"{bars} bars": ["-m", "musegen", *piece]}
        words["import torch"] = ["-c", "import torch"]
        taken: dict[str, list[float]] = {name: [] for name in words}
        for turn in range(COLD + 1):
            for name, each in words.items():
                found, _ = seconds(partial(command, [sys.executable, *each]))
                taken[name] += [found] if turn else []  # at first files are not cached
    medians = {name: median(each) for name, each in taken.items()}
    return medians | {f"{bars} bars over import torch": medians[f"{bars} bars"] / medians["import torch"]}


def cpu_parts(
    checkpoint: Checkpoint, dataset: Dataset, bare: Bare, *, rounds: int, bars: int, found: dict[str, Any]
) -> Parts:
    """What is measured on a CPU."""
    model = checkpoint.model
    assert isinstance(model, LanguageModel)
    batches = train_batches(checkpoint, dataset)

    def sampled() -> Any:
        machines = {"": machine_of(checkpoint), INT8: machine_of(checkpoint, "int8")}
        machines[", in torch"] = Eager(model, checkpoint.tokenizer.tables)
        return sampling(checkpoint, bare, machines, bars=bars, rounds=rounds)

    def in_bfloat16() -> Any:
        if not torch.ops.mkldnn._is_mkldnn_bf16_supported():  # noqa: SLF001
            return "not measured: this CPU does not support bfloat16"
        return training(checkpoint, bare, batches, rounds=rounds, precision="bfloat16")

    profiles: Parts = {
        f"profile of training, float32, {side}": partial(
            training_profile, checkpoint, bare, batches, side=side, precision="float32"
        )
        for side in SIDES
    }
    return {
        "sampling": sampled,
        "roofline": lambda: roofline(model, found["sampling"]),
        "training": lambda: training(checkpoint, bare, batches, rounds=rounds),
        "cold_start_seconds": lambda: cold(checkpoint.path, bars),
        "prepare": lambda: preparing(dataset),
        "GPT-2": lambda: against_gpt2(checkpoint, found["sampling"], steps=100),
        "training, bfloat16": in_bfloat16,
    } | profiles


def gpu_parts(checkpoint: Checkpoint, dataset: Dataset, bare: Bare, *, rounds: int, bars: int) -> Parts:
    """What is measured on a GPU."""
    device, machine = bare.logits.weight.device.type, Eager(checkpoint.model, checkpoint.tokenizer.tables)
    data = islice(train_batches(checkpoint, dataset), STEPS[device])
    made = [{name: each.to(device) for name, each in batch.items()} for batch in data]
    trained = partial(training, checkpoint, bare, made, rounds=rounds)
    sampled = partial(sampling, checkpoint, bare, {"": machine}, bars=bars)
    written = partial(generate, machine, checkpoint.tokenizer, Request(bars=8))

    def ungraphed() -> Any:
        with patch.object(eager, "GRAPHS", False):  # noqa: FBT003
            return sampled(rounds=1)

    parts: Parts = {f"training, {each}": partial(trained, precision=each) for each in ("float32", "bfloat16")}
    parts[f"sampling {bars} bars"] = partial(sampled, rounds=rounds)
    parts[f"sampling {bars} bars, without graphs"] = ungraphed
    for batch in BATCHES[device]:
        parts[f"profile of sampling, batch {batch}"] = partial(profile, partial(written, num=batch), device)
    for side in SIDES:
        parts[f"profile of training, bfloat16, {side}"] = partial(
            training_profile, checkpoint, bare, made[:5], side=side, precision="bfloat16"
        )
    return parts


def figures(part: Callable[[], Any]) -> Any:
    """The figures of a part, or its error."""
    try:
        return part()
    except Exception as error:  # noqa: BLE001 - a benchmark reports what happened and continues
        return {"failed": f"{type(error).__name__}: {error}"}


def is_complete(found: dict[str, Any]) -> bool:
    """Whether no part failed."""
    return not any("failed" in part for part in found.values() if isinstance(part, dict))


@benchmark(print_facts, is_good=is_complete, threads=1)
def main(
    checkpoint: Checkpoint,
    dataset: Dataset,
    /,
    *,
    rounds: int = 3,
    bars: int = 16,
    device: Literal["cpu", "cuda"] = "cpu",
    only: str = "",
) -> dict[str, Any]:
    """All figures, on one device.

    Args:
        checkpoint: the folder of a language model
        dataset: a prepared dataset
        rounds: number of rounds over which medians are taken
        bars: bars per sampled piece
        device: device to measure on
        only: measure only the parts with this in their names
    """
    need_lm(checkpoint)
    checkpoint.model.to(device)
    bare = Bare(len(checkpoint.tokenizer.tables.kind), checkpoint.config.model).to(device)
    where = {"machine": torch.cuda.get_device_name(), "torch": torch.__version__} if device == "cuda" else {}
    found: dict[str, Any] = where or {"threads": torch.get_num_threads()}
    for name, model in (("weights", checkpoint.model), ("bare_weights", bare)):
        found[name] = sum(weight.numel() for weight in model.parameters())
    if device == "cuda":
        parts = gpu_parts(checkpoint, dataset, bare, rounds=rounds, bars=bars)
    else:
        parts = cpu_parts(checkpoint, dataset, bare, rounds=rounds, bars=bars, found=found)
    for name in (each for each in parts if only in each):
        found[name] = figures(parts[name])
        say(json.dumps({name: found[name]}))  # at once, in case the run is interrupted
    return found
