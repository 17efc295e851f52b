"""A grammar that keeps to given metres, bar by bar."""

from typing import Any

import torch
from torch import Tensor

from musegen.generation.engine import Rules
from musegen.tokenizers import Kind, Tables


class MetreGuide:
    """Another grammar's rules, and in bar i the metre `metre_ids[i]` alone.

    Args:
        rules: the grammar; its states know the bar.
        tables: of the tokenizer.
        metre_ids: the id of each bar's metre.
    """

    def __init__(self, rules: Rules, tables: Tables, metre_ids: list[int]) -> None:
        self.rules = rules
        self.kind = rules.kind
        is_metre = rules.kind == Kind.TIME_SIGNATURE
        own = torch.tensor(metre_ids, device=rules.kind.device)
        ids = torch.arange(tables.vocab_size, device=rules.kind.device)
        self.allowed = ~is_metre | (ids == own[:, None])  # (bars, V)

    def init_state(self, batch_size: int) -> Any:
        """Before BOS."""
        return self.rules.init_state(batch_size)

    def advance(self, state: Any, ids: Tensor) -> Any:
        """The state after one more id a row, (B,)."""
        return self.rules.advance(state, ids)

    def silence(self, state: Any) -> Any:
        """The state with every note ended by the last bar line."""
        return self.rules.silence(state)

    def mask(self, state: Any) -> Tensor:
        """Which ids may come next, (B, V)."""
        bar = (state.bar - 1).clamp(0, len(self.allowed) - 1)
        return self.rules.mask(state) & self.allowed[bar]
