"""Rows leave a batch, are repeated and go on, in tensors and numpy arrays alike."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from musegen.generation.states import choose_rows, count_rows, filled, parts, repeat_rows
from musegen.tokenizers.tables import Ints


class Inner(NamedTuple):
    counts: Ints


class Outer(NamedTuple):
    inner: Inner
    values: Tensor


def test_rows_are_repeated_and_chosen() -> None:
    one = Outer(Inner(np.array([[3, 4]])), torch.tensor([[5.0]]))
    three = repeat_rows(one, 3)
    assert count_rows(three) == 3
    three = Outer(Inner(np.arange(6).reshape(3, 2)), torch.tensor([[0.0], [1.0], [2.0]]))
    chosen = choose_rows(three, torch.tensor([2]))
    assert chosen.inner.counts.tolist() == [[4, 5]]
    assert chosen.values.tolist() == [[2.0]]


def test_a_state_is_taken_apart_and_put_together() -> None:
    state = (torch.tensor([1]), torch.tensor([2]))

    class Pair(NamedTuple):
        first: Tensor
        second: Tensor

    pair = Pair(*state)
    assert filled(pair, parts(pair)) == pair
