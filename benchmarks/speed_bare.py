"""The plain nn.LSTM baseline of `benchmarks.speed`, and a training step of both sides."""

import time
from collections.abc import Callable, Sequence
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


def seconds(call: Callable[[], Any], device: str = "cpu") -> tuple[float, Any]:
    """The seconds that a call takes, including all work it starts on a GPU, and its result."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    wait()
    began = time.perf_counter()
    result = call()
    wait()
    return time.perf_counter() - began, result


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
    targets = batch["target_ids"].flatten()
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets, ignore_index=0)


def train_batches(checkpoint: Checkpoint, dataset: Dataset) -> Sequence[Batch]:
    """The batches of one epoch, as in the training of the checkpoint."""
    config, view = checkpoint.config, model_view(checkpoint, dataset)
    tables, tokens = checkpoint.tokenizer.tables, config.optim.batch_tokens
    return TokenDataModule(view, tables, config, tokens).train_batches(0)


def stepper(
    checkpoint: Checkpoint, bare: Bare, *, side: str, device: str = "cpu", precision: str = "float32"
) -> Callable[[Batch], None]:
    """A complete training step of "ours" or "bare"."""
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
