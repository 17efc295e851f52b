"""A model made ready for one step after another, at a batch of any size.

Stepped as it is, nn.LSTM has its weights packed anew at every call, and a linear layer reads the weights for
one row the slow way round. So what every step reads is laid out once: the two matrices of a cell side by
side, all of them by columns, and the input layer as tables. The sums are the same but for their order.

In bfloat16 or int8 a step reads a half or a quarter of the bytes, and no longer computes the same: how far it
strays is measured where it is used. Int8 is of the weights alone, one scale an output, so that a row does not
depend on the rows beside it.
"""

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn

from musegen.models.decoder import StreamDecoder
from musegen.models.place import PlaceState
from musegen.models.rnn import StackedRNN


class Packed(nn.Module):
    """A linear layer for few rows.

    Args:
        weight: (N, M).
        bias: (N,).
        precision: of the weights: "float32", "bfloat16" or "int8".
    """

    def __init__(self, weight: Tensor, bias: Tensor, precision: str) -> None:
        super().__init__()
        self.precision, self.bias = precision, bias
        match precision:
            case "float32":
                self.weight = weight.t().contiguous()  # (M, N)
            case "bfloat16":
                self.weight = weight.bfloat16()
            case _:
                scale = weight.abs().amax(dim=1).clamp(min=1e-9) / 127
                self.weight = (weight / scale[:, None]).round().to(torch.int8)
                self.scale = scale.bfloat16()

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., M) to (..., N)."""
        rows = inputs.flatten(0, -2)
        match self.precision:
            case "float32":
                result = torch.addmm(self.bias, rows, self.weight)
            case "bfloat16":
                result = nn.functional.linear(rows.bfloat16(), self.weight).float() + self.bias
            case _:
                product = torch._weight_int8pack_mm(rows.bfloat16(), self.weight, self.scale)  # noqa: SLF001
                result = product.float() + self.bias
        return result.view(*inputs.shape[:-1], -1)


class PackedLSTM(nn.Module):
    """One step of an LSTM layer, as nn.LSTM has it.

    Args:
        layer: of one direction and one layer.
        precision: of the weights.
    """

    def __init__(self, layer: nn.LSTM, precision: str) -> None:
        super().__init__()
        ahead, back, first, second = (
            cast(Tensor, getattr(layer, f"{name}_l0")).detach()
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        self.gates = Packed(torch.cat([ahead, back], dim=1), first + second, precision)

    def forward(self, inputs: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(B, 1, M) and two of (1, B, H) to (B, 1, H) and two of (1, B, H)."""
        hidden, cell = state
        i, f, g, o = self.gates(torch.cat([inputs[:, 0], hidden[0]], dim=1)).chunk(4, dim=1)  # (B, H) each
        cell = torch.sigmoid(f) * cell[0] + torch.sigmoid(i) * torch.tanh(g)
        hidden = torch.sigmoid(o) * torch.tanh(cell)
        return hidden[:, None], (hidden[None], cell[None])


def stepping(model: nn.Module, precision: str = "float32") -> nn.Module:
    """A copy of a model, for steps of one id, that shares what it need not lay out anew.

    Args:
        model: of any family.
        precision: of the weights that a step reads: "float32", "bfloat16" or "int8"; the last
            two are for a processor.
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    ready = copy.deepcopy(model, cast("dict[int, object]", shared)).eval()
    for module in ready.modules():
        if isinstance(module, StackedRNN) and module.cell == "lstm":
            module.layers = nn.ModuleList(
                PackedLSTM(cast(nn.LSTM, layer), precision) for layer in module.layers
            )
        if isinstance(module, StreamDecoder):
            module.prepared = module.tables()
            for name in ("logits", "leap"):
                layer = getattr(module, name)
                setattr(module, name, Packed(layer.weight.detach(), layer.bias.detach(), precision))
    return ready


def windowed(ready: nn.Module, state: Any, window: int) -> Any:
    """A state whose past has the same shape after every step, padded in front; `ready` keeps it so.

    Args:
        ready: of `stepping`.
        state: of the model, NamedTuples of tensors in one another.
        window: at least the ids that have been seen, and will be before the next call.
    """
    for module in ready.modules():
        if isinstance(module, StreamDecoder):
            module.tracker.window = window
    return _padded(state, window)


def _padded(state: Any, window: int) -> Any:
    if isinstance(state, PlaceState):
        front = (window - state.ids.shape[1], 0)
        keys = nn.functional.pad(state.keys, front, value=-1)  # before every key that is asked for
        return state._replace(ids=nn.functional.pad(state.ids, front), keys=keys)
    if isinstance(state, Tensor):
        return state
    return type(state)(*(_padded(part, window) for part in state))
