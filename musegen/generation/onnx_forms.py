"""Operations that ONNX lacks, written by those that it has.

A `TorchFunctionMode` replaces them while a model is traced, so that the models themselves know nothing of it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

MOST_STEPS = 20
"""Sequences of up to 2 to this power are searched."""
FEW = 16
"""Up to this many values are searched for by comparing them with every key."""
BLOCK = 64
"""Weights that share a scale in int8."""
GATES = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn_tanh": (0,)}
"""The order of the gates in ONNX: for each, its place in torch."""
OPERATORS = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN"}


def searchsorted(keys: Tensor, values: Tensor, *, right: bool = False) -> Tensor:
    """Of few values by comparison, of many by bisection; keys (B, N) or (N,) ascend."""
    if isinstance(values.shape[-1], int) and values.shape[-1] <= FEW:
        pairs = keys.unsqueeze(-2), values.unsqueeze(-1)
        return total(pairs[0] <= pairs[1] if right else pairs[0] < pairs[1], -1)
    count = keys.shape[-1]
    found = torch.zeros_like(values)
    for power in reversed(range(MOST_STEPS + 1)):  # the most keys, as a sum of powers, that lie before
        further = found + (1 << power)
        key = keys.gather(-1, (further - 1).clamp(max=count - 1))
        is_before = (key <= values if right else key < values) & (further <= count)
        found = torch.where(is_before, further, found)
    return found


def embedding_bag(weight: Tensor, indices: Tensor, offsets: Tensor, **_: Any) -> tuple[Tensor]:
    """Sums of bags of equal sizes."""
    return (item(weight, indices.view(offsets.shape[0], -1)).sum(1),)


def total(values: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Counts as float32, which onnxruntime adds up ten times as fast as int64."""
    if values.dtype == torch.bool:
        return values.float().sum(*args, **kwargs).long()
    return values.sum(*args, **kwargs)


def logsumexp(values: Tensor, dim: int, *, keepdim: bool = False) -> Tensor:
    """In operations that onnxruntime vectorises."""
    most = values.amax(dim, keepdim=True)
    shift = torch.where(most.isinf(), 0.0, most)
    found = (values - shift).exp().sum(dim, keepdim=True).log() + shift
    return found if keepdim else found.squeeze(dim)


def softplus(values: Tensor) -> Tensor:
    """As one operation: it is exact for large values, too."""
    found: Tensor = torch.onnx.ops.symbolic("Softplus", (values,), dtype=values.dtype, shape=values.shape)
    return found


def item(values: Tensor, index: Any) -> Tensor:
    """Rows of a table by their numbers, as one operation."""
    if not isinstance(index, Tensor) or index.dtype != torch.int64 or not index.dim():
        return values[index]
    shape = (*index.shape, *values.shape[1:])
    found: Tensor = torch.onnx.ops.symbolic("Gather", (values, index), dtype=values.dtype, shape=shape)
    return found


def unbind(values: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Slices instead of a sequence."""
    return tuple(values.select(dim, number) for number in range(values.shape[dim]))


def cumsum(values: Tensor, dim: int) -> Tensor:
    """Nothing to add up where there is one step."""
    if isinstance(values.shape[dim], int) and values.shape[dim] == 1:
        return values.long() if values.dtype == torch.bool else values
    return values.cumsum(dim)


def floor_divide(values: Tensor, divisor: Any) -> Tensor:
    """Of whole numbers."""
    if not isinstance(divisor, Tensor):
        divisor = torch.tensor(divisor)
    whole = values - values % divisor
    found: Tensor = torch.onnx.ops.symbolic("Div", (whole, divisor), dtype=values.dtype, shape=whole.shape)
    return found


def cross_entropy(logits: Tensor, targets: Tensor, *, ignore_index: int, **_: Any) -> Tensor:
    """Of each row, 0 where it is ignored."""
    nats = logits.logsumexp(1) - logits.gather(1, targets[:, None])[:, 0]
    return torch.where(targets == ignore_index, 0.0, nats)


def recurrent(name: str, linear: Callable[..., Tensor]) -> Callable[..., tuple[Tensor, ...]]:
    """One layer, batch first, as the operator of ONNX; one step with rounded weights as a cell."""

    def layer(inputs: Tensor, state: Any, weights: list[Tensor], *_: Any) -> tuple[Tensor, ...]:
        states = state if isinstance(state, tuple) else (state,)
        is_step = isinstance(inputs.shape[1], int) and inputs.shape[1] == 1
        if is_step and linear is linear_in_int8:
            after = CELLS[name](linear, inputs[:, 0], *(each[0] for each in states), *weights)
            return (after[0][:, None], *(each[None] for each in after))
        ordered = [_reordered(each, name) for each in weights]
        biases = torch.cat(ordered[2:])[None]
        steps, rows, width = inputs.shape[1], inputs.shape[0], weights[1].shape[1]
        attributes: dict[str, Any] = {"hidden_size": width} | (
            {"linear_before_reset": 1} if name == "gru" else {}
        )
        found = torch.onnx.ops.symbolic_multi_out(
            OPERATORS[name],
            (inputs.transpose(0, 1), ordered[0][None], ordered[1][None], biases, None, *states),
            attributes,
            dtypes=[inputs.dtype] * (1 + len(states)),
            shapes=[(steps, 1, rows, width), *[(1, rows, width)] * len(states)],
        )
        return (found[1] if is_step else found[0][:, 0]).transpose(0, 1), *found[1:]

    return layer


def _reordered(weight: Tensor, name: str) -> Tensor:
    gates = weight.chunk(len(GATES[name]), 0)
    return torch.cat([gates[place] for place in GATES[name]])


def _lstm(
    linear: Callable[..., Tensor], inputs: Tensor, hidden: Tensor, cell: Tensor, *weights: Tensor
) -> tuple[Tensor, ...]:
    gates = _together(linear, inputs, hidden, weights)
    take, keep, new, give = gates.chunk(4, 1)
    cell = keep.sigmoid() * cell + take.sigmoid() * new.tanh()
    return give.sigmoid() * cell.tanh(), cell


def _gru(
    linear: Callable[..., Tensor], inputs: Tensor, hidden: Tensor, *weights: Tensor
) -> tuple[Tensor, ...]:
    new = linear(inputs, weights[0], weights[2]).chunk(3, 1)
    old = linear(hidden, weights[1], weights[3]).chunk(3, 1)
    reset, keep = (new[0] + old[0]).sigmoid(), (new[1] + old[1]).sigmoid()
    return ((1 - keep) * (new[2] + reset * old[2]).tanh() + keep * hidden,)


def _rnn(
    linear: Callable[..., Tensor], inputs: Tensor, hidden: Tensor, *weights: Tensor
) -> tuple[Tensor, ...]:
    return (_together(linear, inputs, hidden, weights).tanh(),)


def _together(
    linear: Callable[..., Tensor], inputs: Tensor, hidden: Tensor, weights: tuple[Tensor, ...]
) -> Tensor:
    """Both linear layers of a cell as one: the weights are put side by side when the graph is loaded."""
    both, bias = torch.cat([inputs, hidden], dim=1), weights[2] + weights[3]
    return linear(both, torch.cat(weights[:2], dim=1), bias)


CELLS: dict[str, Callable[..., tuple[Tensor, ...]]] = {"lstm": _lstm, "gru": _gru, "rnn_tanh": _rnn}


def linear_in_int8(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Weights in 8 bits with a scale for every `BLOCK`, inputs rounded block by block of their own row.

    What is rounded follows from the weights by operations of the graph itself, once when it is loaded.
    """
    out, wide = weight.shape
    if wide < BLOCK:  # as quick as it is
        return torch.nn.functional.linear(inputs, weight, bias)
    blocks = -(-wide // BLOCK)
    padded = torch.nn.functional.pad(weight, (0, blocks * BLOCK - wide)).view(out, blocks, BLOCK)
    scale = padded.abs().amax(2) / 127 + 1e-12  # (out, blocks)
    rounded = ((padded / scale[..., None]).round() + 128).to(torch.uint8)
    attributes: dict[str, Any] = {"K": wide, "N": out, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
    product: Tensor = torch.onnx.ops.symbolic(
        "com.microsoft::MatMulNBits",
        (inputs, rounded, scale.view(-1)),
        attributes,
        dtype=inputs.dtype,
        shape=(*inputs.shape[:-1], out),
        version=1,
    )
    return product if bias is None else product + bias


class OnnxForms(TorchFunctionMode):
    """Replaces operations by their forms in ONNX.

    Args:
        in_int8: whether linear layers have rounded weights.
    """

    def __init__(self, *, in_int8: bool = False) -> None:
        super().__init__()
        linear = linear_in_int8 if in_int8 else torch.nn.functional.linear
        self._forms: dict[str, Callable[..., Any]] = {
            "searchsorted": searchsorted,
            "sum": total,
            "logsumexp": logsumexp,
            "softplus": softplus,
            "__getitem__": item,
            "unbind": unbind,
            "cumsum": cumsum,
            "__floordiv__": floor_divide,
            "cross_entropy": cross_entropy,
            "embedding_bag": embedding_bag,
            "linear": linear,
            **{name: recurrent(name, linear) for name in OPERATORS},
        }

    def __torch_function__(
        self, function: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The form of a function, or itself."""
        return self._forms.get(getattr(function, "__name__", ""), function)(*args, **(kwargs or {}))
