"""A model made ready for one step after another, at a batch of any size.

Stepped as it is, nn.LSTM has its weights packed anew at every call. So what every step reads is laid out
once: the two matrices of a cell side by side, all of them as in `packed`, and the input layer as tables. The
sums are the same but for their order.
"""

import copy
import weakref
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from musegen.models.decoder import StreamDecoder
from musegen.models.host_place import HostTracker, numpy_state
from musegen.models.packed import Packed
from musegen.models.position.events import EventTracker
from musegen.models.position.features import TrackerState
from musegen.models.rnn import RNNState, StackedRNN


class PackedLSTM(nn.Module):
    """One step of a stack of LSTM layers: see `StackedRNN`.

    Args:
        rnn: of LSTM layers.
        precision: of the weights.
    """

    def __init__(self, rnn: StackedRNN, precision: str) -> None:
        super().__init__()
        self.gates = [_gates(cast(nn.LSTM, layer), precision) for layer in rnn.layers]

    def forward(self, inputs: Tensor, state: RNNState) -> tuple[Tensor, RNNState]:
        """(B, 1, M) to (B, 1, H), and the state after it."""
        output = inputs[:, 0]
        hidden, cell = [], []
        for layer, h0, c0 in zip(self.gates, state.hidden.unbind(1), state.cell.unbind(1), strict=True):
            gates = layer(torch.cat([output, h0], dim=1))  # (B, 4H)
            width = h0.shape[1]
            i, f, o = gates[:, : 3 * width].sigmoid_().chunk(3, dim=1)
            c = torch.addcmul(f * c0, i, gates[:, 3 * width :].tanh_())
            h = o * torch.tanh(c)
            output = h + output if h.shape == output.shape else h
            hidden.append(h)
            cell.append(c)
        return output[:, None], RNNState(torch.stack(hidden, dim=1), torch.stack(cell, dim=1))


def _gates(layer: nn.LSTM, precision: str) -> Packed:
    """Input and state, side by side, to the gates i, f, o and then what may be remembered, g."""
    ahead, back, first, second = (
        cast(Tensor, getattr(layer, f"{name}_l0")).detach()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )

    def ordered(weight: Tensor) -> Tensor:
        i, f, g, o = weight.chunk(4)  # as torch has them
        return torch.cat([i, f, o, g])

    return Packed(ordered(torch.cat([ahead, back], dim=1)), ordered(first + second), precision)


_Kept = tuple[Any, tuple[str, bool], nn.Module]
"""Marks of the weights, precision and whether as_numpy, and what was made ready of them."""
_READY: weakref.WeakKeyDictionary[nn.Module, _Kept] = weakref.WeakKeyDictionary()


def fused_model(model: nn.Module, precision: str = "float32", *, as_numpy: bool = True) -> nn.Module:
    """`fuse_for_sampling`, kept for the next call while the model lives and its weights stay as they are."""
    marks = [(weight.data_ptr(), weight._version) for weight in model.parameters()]  # noqa: SLF001
    kept = _READY.get(model)
    if kept is None or kept[:2] != (marks, (precision, as_numpy)):
        kept = (marks, (precision, as_numpy), fuse_for_sampling(model, precision, as_numpy=as_numpy))
        _READY[model] = kept
    return kept[2]


@torch.no_grad()
def fuse_for_sampling(model: nn.Module, precision: str, *, as_numpy: bool = True) -> nn.Module:
    """A copy of a model, for steps of one id, that shares what it need not lay out anew.

    Args:
        model: of any family.
        precision: of the weights that a step reads: "float32", "bfloat16" or "int8"; the last two are for
            a processor.
        as_numpy: whether, on a processor, what follows the stream does so in numpy: see `HostTracker`.
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    ready = copy.deepcopy(model, cast("dict[int, object]", shared)).eval()
    for module in [*ready.modules()]:
        if isinstance(module, StreamDecoder):
            module.prepared = module.prepare(lambda weight, bias: Packed(weight, bias, precision))
            if module.rnn.cell == "lstm":
                module.rnn = PackedLSTM(module.rnn, precision)  # type: ignore[assignment]
            tracker = module.tracker
            if as_numpy and isinstance(tracker, EventTracker) and tracker.pitch.device.type == "cpu":
                module.tracker = HostTracker(tracker)  # type: ignore[assignment]
    return ready


def to_fused_state(ready: nn.Module, state: Any) -> Any:
    """The state from which the steps of `ready` go on, given that of the model.

    Args:
        ready: of `stepping`.
        state: NamedTuples of tensors in one another.
    """
    is_hosted = any(isinstance(module, HostTracker) for module in ready.modules())
    for module in ready.modules():
        if isinstance(module, StreamDecoder):
            module.tracker.is_windowed = False
    return mapped(state, numpy_state) if is_hosted else state


def mapped(state: Any, change: Callable[[TrackerState], Any]) -> Any:
    """A state with another one in the place of what the tracker needs."""
    if isinstance(state, TrackerState):
        return change(state)
    if isinstance(state, Tensor):
        return state
    return type(state)(*(mapped(part, change) for part in state))


def pad_history(ready: nn.Module, state: Any, window: int) -> Any:
    """A state whose past has the same shape after every step, padded in front; `ready` keeps it so.

    Args:
        ready: of `stepping`.
        state: of the model, NamedTuples of tensors in one another.
        window: at least the ids that have been seen, and will be before the next call.
    """
    for module in ready.modules():
        if isinstance(module, StreamDecoder):
            module.tracker.is_windowed = True

    def padded(place: TrackerState) -> TrackerState:
        front = (window - place.ids.shape[1], 0)
        keys = nn.functional.pad(place.keys, front, value=-1)  # before every key that is asked for
        return place._replace(ids=nn.functional.pad(place.ids, front), keys=keys)

    return mapped(state, padded)
