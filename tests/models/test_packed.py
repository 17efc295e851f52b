"""Layers laid out for few rows compute what a linear layer does."""

import gc

import pytest
import torch
from torch import nn

from musegen.models import packed
from musegen.models.packed import Packed, blocked_linear


@pytest.mark.parametrize("rows", [1, 2, 3, 64])
def test_any_number_of_rows_gives_what_a_linear_layer_gives(rows: int) -> None:
    torch.manual_seed(rows)
    layer, inputs = nn.Linear(24, 40), torch.randn(rows, 24)
    with torch.inference_mode():
        found = Packed(layer.weight, layer.bias, "float32")(inputs)
        assert torch.allclose(found, layer(inputs), atol=1e-5)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch has no oneDNN here")
def test_the_operator_finds_its_layer_among_others_and_keeps_none_alive() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(5, 24)
    with torch.no_grad():
        layers = [nn.Linear(24, 40) for _ in range(3)]
        ready = [Packed(layer.weight, layer.bias, "float32") for layer in layers]
        for layer, each in zip(layers, ready, strict=True):
            assert torch.allclose(blocked_linear(inputs, each.weight), layer(inputs), atol=1e-5)
    places = [each.weight.data_ptr() for each in ready]
    del each, ready
    gc.collect()
    assert not any(place in packed._BLOCKED for place in places)
