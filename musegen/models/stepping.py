"""A model fused for single sampling steps, at any batch size.

nn.LSTM packs its weights again at every call. So the weights that a step reads are laid out once: the two
matrices of a cell concatenated, all of them as in `packed`, and the input layer as look-up tables. The
results are the same except for the order of the sums.
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
    """From the concatenated input and state to the gates i, f, o and the candidate g."""
    ahead, back, first, second = (
        cast(Tensor, getattr(layer, f"{name}_l0")).detach()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )

    def reordered(weight: Tensor) -> Tensor:
        i, f, g, o = weight.chunk(4)  # in torch's order
        return torch.cat([i, f, o, g])

    return Packed(reordered(torch.cat([ahead, back], dim=1)), reordered(first + second), precision)


_Fused = tuple[Any, tuple[str, bool], nn.Module]
"""Versions of the weights, precision and `as_numpy`, and the fused model."""
_FUSED: weakref.WeakKeyDictionary[nn.Module, _Fused] = weakref.WeakKeyDictionary()


def fused_model(model: nn.Module, precision: str = "float32", *, as_numpy: bool = True) -> nn.Module:
    """`fuse_for_sampling`, cached while the model lives and its weights do not change."""
    versions = [(weight.data_ptr(), weight._version) for weight in model.parameters()]  # noqa: SLF001
    cached = _FUSED.get(model)
    if cached is None or cached[:2] != (versions, (precision, as_numpy)):
        cached = (versions, (precision, as_numpy), fuse_for_sampling(model, precision, as_numpy=as_numpy))
        _FUSED[model] = cached
    return cached[2]


@torch.no_grad()
def fuse_for_sampling(model: nn.Module, precision: str, *, as_numpy: bool = True) -> nn.Module:
    """A copy of a model for steps of one id, which shares all weights whose layout is unchanged.

    Args:
        model: of any family.
        precision: of the weights that a step reads: "float32", "bfloat16" or "int8"; the last two are for a
            CPU.
        as_numpy: whether the tracker runs in numpy on a CPU: see `HostTracker`.
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    fused = copy.deepcopy(model, cast("dict[int, object]", shared)).eval()
    for module in [*fused.modules()]:
        if isinstance(module, StreamDecoder):
            module.prepared = module.prepare(lambda weight, bias: Packed(weight, bias, precision))
            if module.rnn.cell == "lstm":
                module.rnn = PackedLSTM(module.rnn, precision)  # type: ignore[assignment]
            tracker = module.tracker
            if as_numpy and isinstance(tracker, EventTracker) and tracker.pitch.device.type == "cpu":
                module.tracker = HostTracker(tracker)  # type: ignore[assignment]
    return fused


def to_fused_state(fused: nn.Module, state: Any) -> Any:
    """Convert a state of the model to one of its fused copy.

    Args:
        fused: the fused copy.
        state: nested NamedTuples of tensors.
    """
    has_numpy_tracker = any(isinstance(module, HostTracker) for module in fused.modules())
    for module in fused.modules():
        if isinstance(module, StreamDecoder):
            module.tracker.is_windowed = False
    return mapped(state, numpy_state) if has_numpy_tracker else state


def mapped(state: Any, change: Callable[[TrackerState], Any]) -> Any:
    """A state in which `change` has replaced the state of the tracker."""
    if isinstance(state, TrackerState):
        return change(state)
    is_whole = isinstance(state, Tensor)
    return state if is_whole else type(state)(*(mapped(part, change) for part in state))


def pad_history(fused: nn.Module, state: Any, window: int) -> Any:
    """A state whose history is padded in front to a fixed shape, which `fused` keeps after every step.

    Args:
        fused: the fused model.
        state: of the model, nested NamedTuples of tensors.
        window: at least the number of ids that have been read and will be before the next call.
    """
    for module in fused.modules():
        if isinstance(module, StreamDecoder):
            module.tracker.is_windowed = True

    def padded(place: TrackerState) -> TrackerState:
        front = (window - place.ids.shape[1], 0)
        keys = nn.functional.pad(place.keys, front, value=-1)  # before every key that is looked up
        return place._replace(ids=nn.functional.pad(place.ids, front), keys=keys)

    return mapped(state, padded)
