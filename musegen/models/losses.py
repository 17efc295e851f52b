"""Losses as pure functions, in nats."""

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Decoder(Protocol):
    """What every model is: `nn.LSTM`'s own signature, with ids in and logits out."""

    def __call__(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(B, T) ids and a state to (B, T, V) logits and the next state."""
        ...


def first_state(model: Any, rows: int, source_ids: Tensor | None) -> Any:
    """The state before the first id: of silence for `rows` rows, or of melodies (B, S)."""
    return model.init_state(rows if source_ids is None else source_ids)


def token_nats(logits: Tensor, target_ids: Tensor) -> Tensor:
    """Negative log-likelihood of each target, 0 where it is padding (id 0).

    Args:
        logits: (B, T, V).
        target_ids: (B, T).

    Returns:
        (B, T), in nats.
    """
    nats = functional.cross_entropy(
        logits.float().flatten(0, 1), target_ids.flatten(), ignore_index=0, reduction="none"
    )
    return nats.view_as(target_ids)


@torch.no_grad()
def stream_nats(model: Decoder, state: Any, ids: Tensor, *, chunk: int = 1024) -> Tensor:
    """Negative log-likelihood of every id after the first, the state carried from chunk to chunk.

    Args:
        model: in eval mode.
        state: its first state, for B rows.
        ids: (B, T), padded at the end with 0.
        chunk: ids at once; bounds memory, and changes nothing else.

    Returns:
        (B, T - 1) in nats, 0 at padding.
    """
    nats = []
    for start in range(0, ids.shape[1] - 1, chunk):
        inputs = ids[:, start : start + chunk]
        targets = ids[:, start + 1 : start + chunk + 1]
        logits, state = model(inputs[:, : targets.shape[1]], state)
        nats.append(token_nats(logits, targets))
    return torch.cat(nats, dim=1)
