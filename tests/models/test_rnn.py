"""The recurrent layers by themselves."""

import pytest
import torch

from musegen.models.rnn import CELLS, StackedRNN


@pytest.mark.parametrize("cell", CELLS)
def test_weights_are_dropped_in_training_alone(cell: str) -> None:
    """The first step, which no recurrent weight enters, stays; the next depend on what was dropped."""
    torch.manual_seed(0)
    layers = StackedRNN(cell=cell, input_size=4, hidden_size=8, num_layers=2, dropout=0.0, weight_dropout=0.5)
    inputs = torch.randn(3, 5, 4)
    state = layers.init_state(3)
    first, _ = layers(inputs, state)
    second, _ = layers(inputs, state)
    torch.testing.assert_close(first[:, 0], second[:, 0])
    assert not torch.allclose(first[:, 1], second[:, 1])
    first[:, -1].sum().backward()
    assert all(weights.grad is not None and weights.grad.any() for weights in layers.parameters())
    layers.eval()
    whole, last = layers(inputs, state)
    layers.weight_dropout = 0.0
    layers.train()
    plain, after = layers(inputs, state)
    torch.testing.assert_close(whole, plain)
    torch.testing.assert_close(last.hidden, after.hidden)
    torch.testing.assert_close(last.cell, after.cell)
