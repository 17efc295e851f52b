"""How fast training and sampling are beside a bare nn.LSTM of the same size, as ratios within one run.

    python -m benchmarks.speed CKPT DATASET [--rounds 3] [--bars 16] [--device cuda] [--json]

CKPT is of a language model. Both sides take turns, and each ratio is the median over the rounds:

    sampling    ids a second of `generate` (grammar, filters, look-back, notes decoded), at batch 1, 8, 64 and
                256, against an embedding, an nn.LSTM and a linear layer stepped as they are, drawing from the
                softmax, the same threads; its nn.LSTM has the layers and widths, inputs too, of ours. The
                same with --compiled (what is compiled is compiled before), and with int8 weights beside
    GPT-2       ids a second of Hugging Face's GPT-2 with a key-value cache, of as many weights as ours, and
                how many times that is ours; wants `pip install -e '.[bench]'`
    roofline    steps a second at batch 1 against the most that memory allows: the bytes of the weights that a
                step reads over the bandwidth of copying a large tensor
    training    steps a second of our model and loss against the bare one's, the same batches, AdamW, in
                single precision on both sides, and once more in bfloat16
    prepare     files a second of `prepare` against MidiTok's REMI alone, one process, MIDI files of DATASET

Seconds from a cold start, of `--help` and of one piece, are printed as they are. On a GPU see `speed_gpu.py`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.speed_bare import Bare, bare_loss, bare_sampling
from benchmarks.speed_gpu import measured
from benchmarks.speed_peers import gpt2, gpt2_sampling, preparing
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.cli.tables import print_facts
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError, MusegenError
from musegen.evaluation.likelihood import model_view
from musegen.generation.pieces import Request, generate
from musegen.models.lm import LanguageModel
from musegen.training.windows import Batch, TokenDataModule
from musegen.training.decoder_module import DecoderModule

BATCHES = (1, 8, 64, 256)
STEPS = 4
"""Of training in a round."""


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """How long a call takes, and what it gives."""
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def sampling(checkpoint: Checkpoint, bare: Bare, *, bars: int, rounds: int) -> dict[str, dict[str, float]]:
    """Ids a second of both sides, and the ratio, at every batch."""
    assert isinstance(checkpoint.model, LanguageModel)
    model, plain, rows = checkpoint.model, checkpoint.config.sampling, {}
    ways = {
        "": plain,
        ", compiled": replace(plain, compiled=True),
        ", compiled, int8": replace(plain, compiled=True, precision="int8"),
    }

    def write(batch: int, seed: int, way: str) -> list[int]:
        results = generate(
            model, checkpoint.tokenizer, Request(bars=bars), num=batch, seed=seed, sampling=ways[way]
        )
        return [len(result.ids) for result in results]

    for batch in BATCHES:
        ours: dict[str, list[float]] = {way: [] for way in ways}
        theirs, seeds = [], range(1, rounds + 1)
        for way in ways:
            write(batch, 0, way)  # what is laid out or compiled once is there
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
    """Bytes a second that copying a large tensor reads and writes."""
    source = torch.ones(64 * 2**20)
    target = torch.empty_like(source)
    taken = min(seconds(lambda: target.copy_(source))[0] for _ in range(5))
    return 2 * source.numel() * source.element_size() / taken


def read_by_a_step(model: LanguageModel) -> int:
    """Bytes of the weights that a step reads: not those of which it looks up a few rows."""
    tables = {id(each.weight) for each in model.modules() if isinstance(each, nn.Embedding)}
    tables |= {id(model.decoder.input.weight)}
    return sum(w.numel() * w.element_size() for w in model.parameters() if id(w) not in tables)


def beside_gpt2(checkpoint: Checkpoint, rates: dict[str, dict[str, float]], steps: int) -> Any:
    """Ids a second of GPT-2, and how many times that is ours, at every batch."""
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
    """Steps a second of both sides, and the ratio."""
    config, tables = checkpoint.config, checkpoint.tokenizer.tables
    view = model_view(checkpoint, dataset)
    batches = TokenDataModule(view, tables, config, config.optim.batch_tokens).train_batches(0)
    checkpoint.model.train()
    is_note = torch.from_numpy((tables.pitch >= 0).astype("int64"))
    module = DecoderModule(checkpoint.model, optim=config.optim, steps=1, is_note=is_note)

    def steps(loss: Callable[[Batch], Tensor], model: nn.Module, first: int) -> float:
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
        made = [batches[(first + i) % len(batches)] for i in range(STEPS)]
        began = time.perf_counter()
        for batch in made:
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                nats = loss(batch)
            nats.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        return STEPS / (time.perf_counter() - began)

    ours, theirs = [], []
    for turn in range(rounds):
        ours.append(steps(module.loss, checkpoint.model, turn * STEPS))
        theirs.append(steps(lambda batch: bare_loss(bare, batch), bare, turn * STEPS))
    checkpoint.model.eval()
    ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
    return {"steps/s": median(ours), "bare": median(theirs), "ratio": ratio}


def cold(checkpoint: Path, bars: int) -> dict[str, float]:
    """Seconds of commands in processes of their own."""
    command = [sys.executable, "-m", "musegen"]
    with tempfile.TemporaryDirectory() as folder:
        piece = ["generate", str(checkpoint), "--bars", str(bars), "--out", str(Path(folder) / "out")]
        words = {"--help": ["--help"], f"{bars} bars": piece}
        return {
            name: seconds(
                lambda each=each: subprocess.run([*command, *each], check=True, capture_output=True)
            )[0]
            for name, each in words.items()
        }


def on_cpu(checkpoint: Checkpoint, dataset: Dataset, *, rounds: int, bars: int) -> dict[str, Any]:
    """All figures."""
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
        "GPT-2": lambda: beside_gpt2(checkpoint, rates, steps=100),
        "training, bfloat16": lambda: in_bfloat16(checkpoint, dataset, bare, rounds=rounds),
    }
    print(json.dumps(found), file=sys.stderr, flush=True)  # what is known is said, should the rest not end
    for name, part in parts.items():
        found[name] = part()
        print(json.dumps({name: found[name]}), file=sys.stderr, flush=True)
    return found


def in_bfloat16(checkpoint: Checkpoint, dataset: Dataset, bare: Bare, *, rounds: int) -> Any:
    """`training` in bfloat16, where the processor computes in it."""
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():  # noqa: SLF001
        return "not measured: this processor does not compute in bfloat16"
    return training(checkpoint, dataset, bare, rounds=rounds, precision="bfloat16")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    parser.add_argument("checkpoint", type=Path, help="a language model's folder")
    parser.add_argument("dataset", type=Path, help="a prepared dataset")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bars", type=int, default=16)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args(argv)
    try:
        checkpoint = load_checkpoint(arguments.checkpoint, device=arguments.device)
        dataset = Dataset.open(arguments.dataset)
        if not isinstance(checkpoint.model, LanguageModel):
            raise ConfigError(f"{arguments.checkpoint} is of family {checkpoint.config.family}, not lm")
    except MusegenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if arguments.device == "cuda":
        found = measured(checkpoint, dataset, device="cuda", rounds=arguments.rounds, bars=arguments.bars)
    else:
        found = on_cpu(checkpoint, dataset, rounds=arguments.rounds, bars=arguments.bars)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        print_facts(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
