"""The plain nn.LSTM baseline of `benchmarks.speed`, training steps of both sides, timing and profiles."""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from musegen.checkpoint.folder import Checkpoint
from musegen.data.dataset import Dataset
from musegen.evaluation.likelihood import model_view
from musegen.training.decoder_module import DecoderModule
from musegen.training.sharding import Batch
from musegen.training.windows import TokenDataModule

SIDES = ("ours", "bare")
SHOWN = 10
"""The number of kernels that are listed in a profile."""


def seconds(call: Callable[[], Any], device: str = "cpu") -> tuple[float, Any]:
    """The seconds that a call takes, including all work it starts on a GPU, and its result."""
    wait: Callable[[], None] = torch.cuda.synchronize if device == "cuda" else lambda: None
    wait()
    began = time.perf_counter()
    result = call()
    wait()
    return time.perf_counter() - began, result


def compared(
    sides: Mapping[str, Callable[[int], float]], rounds: int, unit: str
) -> dict[str, dict[str, float]]:
    """The median rate of each side, and of its ratio to "bare", over rounds in which the sides take turns.

    Args:
        sides: from the number of a round to a rate; "bare" is the baseline.
        rounds: the number of rounds.
        unit: of the rates.
    """
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(rounds):
        for side, rate in sides.items():
            rates[side].append(rate(turn))
    bare = rates.pop("bare")
    return {
        side: {
            unit: median(own),
            "bare": median(bare),
            "ratio": median(a / b for a, b in zip(own, bare, strict=True)),
        }
        for side, own in rates.items()
    }


def profile(run: Callable[[], object], device: str) -> dict[str, Any]:
    """How long a device is busy, with which kernels and how many, when something is run a second time."""
    run()
    if device == "cpu":
        return _cpu_profile(run)
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


def _cpu_profile(run: Callable[[], object]) -> dict[str, Any]:
    """Which operations of torch take the time of a CPU, without those that they call."""
    with torch.profiler.profile() as profiler:
        run()
    events = sorted(profiler.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events)
    return {
        "ms": total / 1000,
        **{e.key[:70]: f"{e.self_cpu_time_total / total:.1%} in {e.count}" for e in events[:SHOWN]},
    }


class Bare(nn.Module):
    """An embedding, an nn.LSTM with the widths and layers of ours, and a linear layer.

    Args:
        vocab: V.
        config: model settings of the language model it is compared with.
    """

    def __init__(self, vocab: int, config: Any) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, config.hidden_size)
        self.rnn = nn.LSTM(config.hidden_size, config.hidden_size, config.num_layers, batch_first=True)
        self.logits = nn.Linear(config.hidden_size, vocab)

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """(B, T) ids to (B, T, V) logits and the next state."""
        output, state = self.rnn(self.embedding(ids), state)
        return self.logits(output), state


@torch.inference_mode()
def bare_sampling(bare: Bare, rows: int, steps: int) -> None:
    """Sample so many ids in each row."""
    ids = torch.ones(rows, 1, dtype=torch.int64, device=bare.logits.weight.device)
    state = None
    for _ in range(steps):
        logits, state = bare(ids, state)
        ids = torch.multinomial(logits[:, -1].softmax(dim=1), 1)


def bare_loss(bare: Bare, batch: Batch) -> Tensor:
    """Mean nats per token."""
    logits, _ = bare(batch["input_ids"])
    return nn.functional.cross_entropy(logits.flatten(0, 1), batch["target_ids"].flatten(), ignore_index=0)


def train_batches(checkpoint: Checkpoint, dataset: Dataset) -> Sequence[Batch]:
    """The batches of one epoch, as in the training of the checkpoint."""
    config, view = checkpoint.config, model_view(checkpoint, dataset)
    tables, tokens = checkpoint.tokenizer.tables, config.optim.batch_tokens
    return TokenDataModule(view, tables, config, tokens).train_batches(0)


def stepper(
    checkpoint: Checkpoint, bare: Bare, *, side: str, precision: str
) -> Callable[[Sequence[Batch]], None]:
    """Complete training steps of "ours" or "bare", one for each batch."""
    model: nn.Module = checkpoint.model if side == "ours" else bare
    device = bare.logits.weight.device.type
    is_note = torch.from_numpy((checkpoint.tokenizer.tables.pitch >= 0).astype("int64")).to(device)
    module = DecoderModule(checkpoint.model, optim=checkpoint.config.optim, steps=1, is_note=is_note)
    loss = module.loss if side == "ours" else lambda batch: bare_loss(bare, batch)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)

    def steps(batches: Sequence[Batch]) -> None:
        for batch in batches:
            optimizer.zero_grad()
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
                nats = loss(batch)
            nats.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return steps
