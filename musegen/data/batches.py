"""Batches of streams of similar length, so that there is little padding."""

import numpy as np

from musegen.tokenizers.tables import Ints

POOL_BATCHES = 32
"""Streams are shuffled, then sorted by length within pools of this many batches."""


def plan_batches(lengths: Ints, *, batch_tokens: int, rng: np.random.Generator) -> list[Ints]:
    """Shuffle streams into batches of similar length.

    Args:
        lengths: of the streams, (N,).
        batch_tokens: ids per batch at most, padding included; a batch has at least one stream.
        rng: of the order.

    Returns:
        The indices of the streams in each batch.
    """
    order = rng.permutation(len(lengths))
    pool = max(1, int(POOL_BATCHES * batch_tokens / lengths.mean()))
    batches: list[Ints] = []
    for start in range(0, len(order), pool):
        pooled = order[start : start + pool]
        pooled = pooled[np.argsort(lengths[pooled], kind="stable")]
        batches += fill_batches(pooled, lengths, batch_tokens)
    return [batches[i] for i in rng.permutation(len(batches))]


def fill_batches(order: Ints, lengths: Ints, batch_tokens: int) -> list[Ints]:
    """Split streams in this order, the shortest first, into batches; see `plan_batches`."""
    batches = []
    while len(order):
        rest = lengths[order]
        # A batch up to stream i has (i + 1) * rest[i] ids, which increases with i.
        count = max(1, int((np.arange(1, len(rest) + 1) * rest <= batch_tokens).sum()))
        batches.append(order[:count])
        order = order[count:]
    return batches
