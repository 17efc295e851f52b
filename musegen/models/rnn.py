"""Stacked recurrent layers with a batch-first state."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from musegen.models.protocol import Backbone

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
CALLS: dict[str, Callable[..., Any]] = {"lstm": torch.lstm, "gru": torch.gru, "rnn": torch.rnn_tanh}
"""The functions behind the cells, which take the weights as arguments."""
ONE_LAYER: dict[str, Any] = {
    "has_biases": True, "num_layers": 1, "dropout": 0.0,
    "train": True, "bidirectional": False, "batch_first": True,
}  # fmt: skip
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class RNNState(NamedTuple):
    """The recurrent state."""

    hidden: Tensor
    """(B, L, H), L layers."""
    cell: Tensor
    """(B, L, H); all zero for gru and rnn."""


class LockedDropout(nn.Module):
    """Dropout that drops the same features at every step of a sequence (Gal and Ghahramani 2016).

    It suits recurrent models better than a new mask at every step and needs T times fewer random numbers.

    Args:
        rate: share of features dropped in training.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop features of (B, T, H)."""
        if not self.training or self.rate == 0.0:
            return inputs
        keep = 1.0 - self.rate
        mask = torch.rand(inputs.shape[0], 1, inputs.shape[2], device=inputs.device) < keep
        return inputs * (mask / keep).to(inputs.dtype)


class StackedRNN(nn.Module):
    """`num_layers` recurrent layers, each added to its input where the widths agree, with dropout between.

    With these residual connections a new model first learns from the last id alone, before the recurrent
    weights are useful: it learns several times faster in its first minutes.

    Each layer is a module of its own with dropout after it: the dropout inside nn.LSTM is not
    reproducible on a GPU (pytorch issue 104697).

    Args:
        cell: "lstm", "gru" or "rnn".
        input_size: width of the input.
        hidden_size: H.
        num_layers: L.
        dropout: share of activations dropped after each layer but the last, in training.
        weight_dropout: share of the recurrent weights dropped in training, the same at all steps of a
            sequence (Merity 2018).
    """

    def __init__(
        self,
        *,
        cell: str,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        dropout: float,
        weight_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.cell, self.hidden_size, self.weight_dropout = cell, hidden_size, weight_dropout
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.num_values = 2 * hidden_size * num_layers
        self.layers = nn.ModuleList(CELLS[cell](size, hidden_size, batch_first=True) for size in sizes)
        self.dropout = LockedDropout(dropout)
        if cell == "lstm":
            for layer in self.layers:  # remember by default (Jozefowicz 2015)
                bias = cast(Tensor, layer.bias_ih_l0)
                nn.init.constant_(bias[hidden_size : 2 * hidden_size], 1.0)

    def init_state(self, batch_size: int) -> RNNState:
        """Zeros, (B, L, H) each."""
        zeros = next(self.parameters()).new_zeros(batch_size, len(self.layers), self.hidden_size)
        return RNNState(zeros, zeros)

    def state_of(self, values: Tensor) -> RNNState:
        """The state made of values, (B, `num_values`)."""
        hidden, cell = values.view(-1, len(self.layers), 2 * self.hidden_size).chunk(2, dim=2)
        return RNNState(hidden, cell)

    def forward(self, inputs: Tensor, state: RNNState) -> tuple[Tensor, RNNState]:
        """Run T steps.

        Args:
            inputs: (B, T, input_size).
            state: of the step before.

        Returns:
            Outputs (B, T, H) and the state after the last step.
        """
        hidden, cell = [], []
        output = inputs
        # (1, B, H) of each layer, as torch wants it
        states = (torch.split(each.transpose(0, 1).contiguous(), 1) for each in state)
        for index, (layer, h0, c0) in enumerate(zip(self.layers, *states, strict=True)):
            if index:
                output = self.dropout(output)
            before = (h0, c0) if self.cell == "lstm" else h0
            result, h1, c1 = (*self._steps(layer, output, before), c0)[:3]  # only an LSTM has a cell state
            output = result + output if result.shape == output.shape else result
            hidden.append(h1)
            cell.append(c1)
        return output, RNNState(torch.cat(hidden).transpose(0, 1), torch.cat(cell).transpose(0, 1))

    def _steps(self, layer: nn.Module, inputs: Tensor, state: Any) -> tuple[Tensor, ...]:
        """Outputs and last state of a layer, some of its recurrent weights dropped in training."""
        if not self.training or not self.weight_dropout:
            output, after = layer(inputs, state)
            return output, *(after if isinstance(after, tuple) else (after,))
        ahead, back, *biases = (cast(Tensor, getattr(layer, f"{name}_l0")) for name in WEIGHTS)
        kept = nn.functional.dropout(back, self.weight_dropout)
        result: tuple[Tensor, ...] = CALLS[self.cell](inputs, state, [ahead, kept, *biases], **ONE_LAYER)
        return result


def make_two_stacks(**settings: Any) -> tuple[StackedRNN, StackedRNN]:
    """Two stacks with the same settings, for `run_bidirectional`."""
    return StackedRNN(**settings), StackedRNN(**settings)


def run_bidirectional(
    forwards: Backbone[Any], backwards: Backbone[Any], inputs: Tensor, lengths: Tensor
) -> Tensor:
    """Outputs of two backbones, one of which runs forwards and one backwards, (B, T, 2H).

    Args:
        forwards: H wide.
        backwards: H wide.
        inputs: (B, T, input_size).
        lengths: (B,) steps of each row; what follows is padding.
    """
    ahead, _ = forwards(inputs, forwards.init_state(inputs.shape[0]))
    back, _ = backwards(_reversed(inputs, lengths), backwards.init_state(inputs.shape[0]))
    return torch.cat([ahead, _reversed(back, lengths)], dim=2)


def _reversed(inputs: Tensor, lengths: Tensor) -> Tensor:
    """(B, T, H) with the first `lengths` steps of each row in reverse order."""
    steps = torch.arange(inputs.shape[1], device=inputs.device)
    mirrored = lengths[:, None] - 1 - steps
    order = torch.where(mirrored >= 0, mirrored, steps)
    return inputs.gather(1, order[..., None].expand_as(inputs))
