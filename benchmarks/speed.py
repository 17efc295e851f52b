"""Speed of training and sampling compared with a plain nn.LSTM of the same size, as ratios within one run.

    python -m benchmarks.speed CKPT DATASET [--rounds 3] [--bars 16] [--device cuda] [--json]

CKPT is a language model. Both sides take turns, and each ratio is the median over the rounds:

    sampling    tokens per second of `generate` (grammar, filters, look-back, decoding of notes), at batch 1,
                8, 64 and 256, against an embedding, an nn.LSTM and a linear layer that sample from the
                softmax step by step, same threads; its nn.LSTM has our layers and widths, inputs included.
                Also with --compiled (compiled before timing), and with int8 weights as well
    GPT-2       tokens per second of Hugging Face's GPT-2 with a key-value cache and the same number of
                weights, and the ratio of ours to it; needs `pip install -e '.[bench]'`
    roofline    steps per second at batch 1 against the most that memory allows: the bandwidth of copying a
                large tensor divided by the bytes of the weights that a step reads
    training    steps per second of our model and loss against those of the plain model, the same batches,
                AdamW, in single precision on both sides, and again in bfloat16
    prepare     files per second of `prepare` against MidiTok's REMI alone, one process, MIDI files of DATASET

Seconds from a cold start, of `--help` and of one piece, are printed as measured. For GPUs see
`speed_gpu.py`.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch
from torch import nn

from benchmarks.runner import benchmark, need_lm
from benchmarks.speed_bare import SIDES, Bare, bare_sampling, seconds, stepper, train_batches
from benchmarks.speed_gpu import measured
from benchmarks.speed_peers import gpt2, gpt2_sampling, preparing
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_facts
from musegen.data.dataset import Dataset
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.models.lm import LanguageModel

BATCHES = (1, 8, 64, 256)
STEPS = 4
"""Training steps per round."""


def sampling(checkpoint: Checkpoint, bare: Bare, *, bars: int, rounds: int) -> dict[str, dict[str, float]]:
    """Tokens per second of both sides, and the ratio, for every batch size."""
    assert isinstance(checkpoint.model, LanguageModel)
    model, plain, rows = checkpoint.model, checkpoint.config.sampling, {}
    ways = {
        "": plain,
        ", compiled": replace(plain, compiled=True),
        ", compiled, int8": replace(plain, compiled=True, precision="int8"),
    }

    def write(batch: int, seed: int, way: str) -> list[int]:
        request, tokenizer = Request(bars=bars), checkpoint.tokenizer
        results = generate(model, tokenizer, request, num=batch, seed=seed, sampling=ways[way])
        return [len(result.ids) for result in results]

    for batch in BATCHES:
        ours: dict[str, list[float]] = {way: [] for way in ways}
        theirs, seeds = [], range(1, rounds + 1)
        for way in ways:
            write(batch, 0, way)  # so that weights are packed and steps compiled before timing
        bare_sampling(bare, batch, 3)
        for seed in seeds:
            steps = 200
            for way in ways:
                taken, lengths = seconds(lambda batch=batch, seed=seed, way=way: write(batch, seed, way))
                ours[way].append(sum(lengths) / taken)
                steps = min(max(lengths), 200)
            taken, _ = seconds(lambda batch=batch, steps=steps: bare_sampling(bare, batch, steps))
            theirs.append(batch * steps / taken)
        for way, rates in ours.items():
            ratio = median(a / b for a, b in zip(rates, theirs, strict=True))
            rows[f"batch {batch}{way}"] = {"ids/s": median(rates), "bare": median(theirs), "ratio": ratio}
    return rows


def bandwidth() -> float:
    """Bytes per second read and written when copying a large tensor."""
    source = torch.ones(64 * 2**20)
    target = torch.empty_like(source)
    taken = min(seconds(lambda: target.copy_(source))[0] for _ in range(5))
    return 2 * source.numel() * source.element_size() / taken


def read_by_a_step(model: LanguageModel) -> int:
    """Bytes of the weights that a step reads, without tables of which it looks up a few rows."""
    tables = {id(each.weight) for each in model.modules() if isinstance(each, nn.Embedding)}
    tables |= {id(model.decoder.input.weight)}
    return sum(w.numel() * w.element_size() for w in model.parameters() if id(w) not in tables)


def against_gpt2(checkpoint: Checkpoint, rates: dict[str, dict[str, float]], steps: int) -> Any:
    """Tokens per second of GPT-2, and the ratio of ours to it, for every batch size."""
    peer = gpt2(sum(each.numel() for each in checkpoint.model.parameters()), checkpoint.tokenizer.vocab_size)
    if peer is None:
        return "not measured: transformers is not installed (pip install -e '.[bench]')"
    found: dict[str, Any] = {"weights": sum(each.numel() for each in peer.parameters()), "steps": steps}
    for batch in BATCHES[::2]:
        gpt2_sampling(peer, batch, 3)
        taken, _ = seconds(lambda batch=batch: gpt2_sampling(peer, batch, steps))
        theirs = batch * steps / taken
        ratio = rates[f"batch {batch}"]["ids/s"] / theirs
        found[f"batch {batch}"] = {"ids/s": theirs, "ours over it": ratio}
    return found


def training(
    checkpoint: Checkpoint, dataset: Dataset, bare: Bare, *, rounds: int, precision: str = "float32"
) -> dict[str, float]:
    """Training steps per second of both sides, and the ratio."""
    batches = train_batches(checkpoint, dataset)
    rates: dict[str, list[float]] = {side: [] for side in SIDES}
    for turn in range(rounds):
        made = [batches[(turn * STEPS + i) % len(batches)] for i in range(STEPS)]
        for side in SIDES:
            step = stepper(checkpoint, bare, side=side, precision=precision)
            taken, _ = seconds(lambda step=step, made=made: [step(batch) for batch in made])
            rates[side].append(STEPS / taken)
    checkpoint.model.eval()
    ratio = median(a / b for a, b in zip(rates["ours"], rates["bare"], strict=True))
    return {"steps/s": median(rates["ours"]), "bare": median(rates["bare"]), "ratio": ratio}


def cold(checkpoint: Path, bars: int) -> dict[str, float]:
    """Seconds of commands, each in its own process."""
    command = partial(subprocess.run, check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as folder:
        piece = ["generate", str(checkpoint), "--bars", str(bars), "--out", str(Path(folder) / "out")]
        words = {"--help": ["--help"], f"{bars} bars": piece}
        musegen = [sys.executable, "-m", "musegen"]
        return {name: seconds(partial(command, [*musegen, *each]))[0] for name, each in words.items()}


def on_cpu(checkpoint: Checkpoint, dataset: Dataset, *, rounds: int, bars: int) -> dict[str, Any]:
    """All figures on a CPU."""
    assert isinstance(checkpoint.model, LanguageModel)
    bare = Bare(len(checkpoint.tokenizer.tables.kind), checkpoint.config.model)
    rates = sampling(checkpoint, bare, bars=bars, rounds=rounds)
    most = bandwidth() / read_by_a_step(checkpoint.model)
    found: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "weights": sum(weight.numel() for weight in checkpoint.model.parameters()),
        "bare_weights": sum(weight.numel() for weight in bare.parameters()),
        "sampling": rates,
    }
    parts: dict[str, Callable[[], Any]] = {
        "roofline": lambda: {
            "steps/s": most,
            "share reached": rates["batch 1"]["ids/s"] / most,
            "compiled": rates["batch 1, compiled"]["ids/s"] / most,
        },
        "training": lambda: training(checkpoint, dataset, bare, rounds=rounds),
        "cold_start_seconds": lambda: cold(checkpoint.path, bars),
        "prepare": lambda: preparing(dataset),
        "GPT-2": lambda: against_gpt2(checkpoint, rates, steps=100),
        "training, bfloat16": lambda: in_bfloat16(checkpoint, dataset, bare, rounds=rounds),
    }
    print(json.dumps(found), file=sys.stderr, flush=True)  # printed now in case the run is interrupted
    for name, part in parts.items():
        found[name] = part()
        print(json.dumps({name: found[name]}), file=sys.stderr, flush=True)
    return found


def in_bfloat16(checkpoint: Checkpoint, dataset: Dataset, bare: Bare, *, rounds: int) -> Any:
    """`training` in bfloat16, if the CPU supports it."""
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():  # noqa: SLF001
        return "not measured: this CPU does not support bfloat16"
    return training(checkpoint, dataset, bare, rounds=rounds, precision="bfloat16")


@benchmark(print_facts)
def main(
    checkpoint: Checkpoint,
    dataset: Dataset,
    /,
    *,
    rounds: int = 3,
    bars: int = 16,
    device: Literal["cpu", "cuda"] = "cpu",
) -> dict[str, Any]:
    """All figures, on one device.

    Args:
        checkpoint: the folder of a language model
        dataset: a prepared dataset
        rounds: number of rounds over which medians are taken
        bars: bars per sampled piece
        device: device to measure on
    """
    need_lm(checkpoint)
    if device == "cpu":
        return on_cpu(checkpoint, dataset, rounds=rounds, bars=bars)
    checkpoint.model.to(device)
    return measured(checkpoint, dataset, device=device, rounds=rounds, bars=bars)
