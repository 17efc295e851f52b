"""A linear layer over embeddings set side by side, without setting them side by side.

Of an embedding of V rows and a layer that it enters, V outputs are all there is: so each step adds up rows of
a table that is made once a call, instead of multiplying. With a dozen embeddings at each step that is a fifth
of a training step, and most of what a step of sampling reads besides its recurrent weights.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Lookups(NamedTuple):
    """A layer as tables, its inputs being S looked-up rows and F features."""

    rows: Tensor
    """(N, H) what the layer makes of each row of each slot's embedding, slot after slot."""
    starts: Tensor
    """(S,) where each slot's rows begin."""
    weight: Tensor
    """(H, F) of the features."""


def tabled(
    layer: nn.Linear, slots: Sequence[tuple[nn.Embedding, int]], added: Sequence[nn.Embedding]
) -> Lookups:
    """The tables of a layer whose inputs are embeddings and then features.

    Args:
        layer: of the embeddings' widths and F features to H.
        slots: each embedding, and how many of its rows stand side by side.
        added: embeddings, H wide, of which a row each is added to what the layer makes; they have the last
            slots, and the first of them has the layer's bias in all its rows.
    """
    with torch.autocast(layer.weight.device.type, enabled=False):  # the rows are summed: keep what they say
        made, starts, column, row = [], [], 0, 0
        for embedding, count in slots:
            vocab, width = embedding.weight.shape
            ids = torch.arange(vocab, device=layer.weight.device)
            each = layer.weight[:, column : column + count * width].view(-1, count, width)
            # (V, E) by (count, E, H): rows of all slots of this embedding; padding stays untaught
            made.append(torch.matmul(embedding(ids), each.permute(1, 2, 0)).flatten(0, 1))
            starts += [row + i * vocab for i in range(count)]
            column, row = column + count * width, row + count * vocab
        for index, embedding in enumerate(added):
            made.append(embedding.weight if index else embedding.weight + layer.bias)
            starts.append(row)
            row += len(embedding.weight)
    return Lookups(
        torch.cat(made), torch.tensor(starts, device=layer.weight.device), layer.weight[:, column:]
    )


def cut(tables: Lookups, slots: int) -> tuple[Lookups, Lookups]:
    """The tables of the first slots and of the others."""
    return tables._replace(starts=tables.starts[:slots]), tables._replace(starts=tables.starts[slots:])


def look_up(tables: Lookups, indices: Tensor, features: Tensor | None = None) -> Tensor:
    """What the layer makes of looked-up rows and features, (B, T, H).

    Args:
        tables: of the layer.
        indices: (B, T, S) the row of each slot, in its own embedding.
        features: (B, T, F); None: zeros.
    """
    bags = indices + tables.starts
    rows, steps, slots = bags.shape
    first = torch.arange(0, bags.numel(), slots, device=bags.device)
    # What functional.embedding_bag calls in the end, without its questions.
    summed, *_ = torch.embedding_bag(tables.rows, bags.view(-1), first, mode=0)
    if features is not None:
        summed.add_(nn.functional.linear(features.flatten(0, 1), tables.weight))
    return summed.view(rows, steps, -1)
