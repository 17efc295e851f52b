"""Baselines of a classifier: the most frequent label, and an n-gram of each label's music."""

import numpy as np

from musegen.data.views import TokenView
from musegen.evaluation.kneser_ney import token_nats
from musegen.music.notes import Floats, Ints

ORDERS = range(1, 7)
"""Of n-grams; a note has three tokens or more."""


def majority(labels: Ints, train: list[int], pieces: list[int]) -> Ints:
    """The most frequent label of the training pieces, for each piece, (pieces,)."""
    return np.full(len(pieces), np.bincount(labels[train]).argmax())


def ngram_labels(
    view: TokenView, labels: Ints, vocab_size: int, *, train: list[int], valid: list[int], pieces: list[int]
) -> tuple[Ints, int]:
    """The label whose n-gram gives each piece the fewest nats per token, (pieces,), and the order.

    The n-grams are interpolated Kneser-Ney models of the training pieces of each label. One that was fitted
    to more music predicts everything better; so the nats of each are taken relative to its mean over the
    validation pieces. The order is the one with the best accuracy there, the lowest of equal ones. Without
    validation pieces training pieces stand in for them.

    Args:
        view: of the music.
        labels: of its pieces, (P,); each class occurs in `train`.
        vocab_size: of the tokens.
        train: indices of the training pieces.
        valid: of the validation pieces.
        pieces: of those to be labelled.
    """
    valid = valid or train
    measured = [*valid, *pieces]
    streams = [view.stream(index) for index in measured]
    per_token = np.stack(
        [
            _nats_per_token(
                [view.stream(index) for index in train if labels[index] == label], streams, vocab_size
            )
            for label in range(int(labels[train].max()) + 1)
        ]
    )  # (C, orders, measured)
    centred = per_token - per_token[:, :, : len(valid)].mean(axis=2, keepdims=True)
    chosen = centred.argmin(axis=0)  # (orders, measured)
    hits = (chosen[:, : len(valid)] == labels[valid]).mean(axis=1)
    best = int(hits.argmax())
    return chosen[best, len(valid) :], ORDERS[best]


def _nats_per_token(train: list[Ints], streams: list[Ints], vocab_size: int) -> Floats:
    """The mean nats of the ids of each stream under n-grams of each order, (orders, streams)."""
    nats = token_nats(train, streams, vocab_size=vocab_size, orders=ORDERS)
    counts = np.array([len(stream) - 1 for stream in streams])
    begins = np.cumsum(counts) - counts
    return np.stack([np.add.reduceat(nats[order], begins) / counts for order in ORDERS])
