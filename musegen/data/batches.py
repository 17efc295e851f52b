"""Streams of like length in one batch, so that little of it is padding."""

import numpy as np

from musegen.tokenizers.tables import Ints

POOL_BATCHES = 32
"""Streams are shuffled, then sorted by length within pools of so many batches."""


def plan_batches(lengths: Ints, *, batch_tokens: int, rng: np.random.Generator) -> list[Ints]:
    """Shuffle streams into batches of streams of like length.

    Args:
        lengths: of the streams, (N,).
        batch_tokens: ids a batch may hold, padding included; one stream always fits.
        rng: decides the order.

    Returns:
        The numbers of the streams in each batch.
    """
    order = rng.permutation(len(lengths))
    pool = max(1, int(POOL_BATCHES * batch_tokens / lengths.mean()))
    batches: list[Ints] = []
    for start in range(0, len(order), pool):
        chosen = order[start : start + pool]
        chosen = chosen[np.argsort(lengths[chosen], kind="stable")]
        batches += fill_batches(chosen, lengths, batch_tokens)
    return [batches[i] for i in rng.permutation(len(batches))]


def fill_batches(order: Ints, lengths: Ints, batch_tokens: int) -> list[Ints]:
    """Cut streams in this order, the shortest first, into batches; see `plan_batches`."""
    batches = []
    while len(order):
        rest = lengths[order]
        # A batch up to the stream at i holds (i + 1) * rest[i] ids, and ever more.
        count = max(1, int((np.arange(1, len(rest) + 1) * rest <= batch_tokens).sum()))
        batches.append(order[:count])
        order = order[count:]
    return batches
