"""What one writes oneself, beside which `benchmarks.speed` measures."""

from typing import Any

import torch
from torch import Tensor, nn

from musegen.training.windows import Batch


class Bare(nn.Module):
    """An embedding, an nn.LSTM of the widths and layers of ours, a linear layer.

    Args:
        vocab: V.
        config: of the language model it is compared with.
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
    """Draw so many ids in each row."""
    ids = torch.ones(rows, 1, dtype=torch.int64, device=bare.logits.weight.device)
    state = None
    for _ in range(steps):
        logits, state = bare(ids, state)
        ids = torch.multinomial(logits[:, -1].softmax(dim=1), 1)


def bare_loss(bare: Bare, batch: Batch) -> Tensor:
    """Mean nats a token."""
    logits, _ = bare(batch["input_ids"])
    targets = batch["target_ids"].flatten()
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets, ignore_index=0)
