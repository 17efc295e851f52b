"""Backbones by their names: what carries the state through time."""

from typing import Any

from musegen.models.protocol import Backbone
from musegen.models.rnn import StackedRNN
from musegen.models.transformer import Transformer


def make_backbone(
    *, cell: str, heads: int = 1, context: int | None = None, weight_dropout: float = 0.0, **sizes: Any
) -> Backbone[Any]:
    """A backbone with fresh weights.

    Args:
        cell: "lstm", "gru", "rnn" or "transformer".
        heads: of a transformer.
        context: of a transformer.
        weight_dropout: of recurrent layers.
        **sizes: input_size, hidden_size, num_layers and dropout.
    """
    if cell == "transformer":
        assert context is not None
        return Transformer(heads=heads, context=context, **sizes)
    return StackedRNN(cell=cell, weight_dropout=weight_dropout, **sizes)
