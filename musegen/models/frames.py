"""A recurrent network over the frames of a piano roll, and a distribution of the next frame on top of it."""

from typing import Any

import torch
from torch import Tensor, nn

from musegen.models.backbone import make_backbone
from musegen.models.frame_outputs import FrameOutput, Nats
from musegen.models.rnn import LockedDropout
from musegen.music.rolls import KEYS


class FrameModel(nn.Module):
    """Predicts the next frame of a piano roll.

    A whole roll equals single frames: however T is divided into chunks, the states are the same.

    Args:
        output: the distribution of a frame.
        hidden_size: H of the layers.
        dropout: in the inputs, between the layers and after them.
        **backbone: the other arguments of `make_backbone`.
    """

    output: FrameOutput

    def __init__(self, output: nn.Module, *, hidden_size: int, dropout: float, **backbone: Any) -> None:
        super().__init__()
        self.input = nn.Linear(KEYS, hidden_size)
        self.dropout = LockedDropout(dropout)
        self.rnn = make_backbone(input_size=hidden_size, hidden_size=hidden_size, dropout=dropout, **backbone)
        self.output = output  # type: ignore[assignment]

    def init_state(self, batch_size: int) -> Any:
        """The state before the first frame."""
        return self.rnn.init_state(batch_size)

    def forward(self, frames: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Read T frames.

        Args:
            frames: (B, T, KEYS) of 0 and 1.
            state: after the previous frames.

        Returns:
            What the frame after each is predicted from, (B, T, H), and the state after the last.
        """
        output, after = self.rnn(self.dropout(self.input(frames)), state)
        return self.dropout(output), after

    def states(self, frames: Tensor) -> Tensor:
        """What each frame is predicted from, (B, T, H): those before it, for the first a silent one."""
        before = torch.cat([torch.zeros_like(frames[:, :1]), frames[:, :-1]], dim=1)
        states: Tensor = self(before, self.init_state(len(frames)))[0]
        return states.float()

    def nats(self, frames: Tensor, scored: Tensor, *, chains: int, steps: int) -> Nats:
        """The negative log-likelihood of some frames, (N,), given all before them in their rolls.

        Args:
            frames: (B, T, KEYS).
            scored: (B, T) which frames.
            chains: of an estimate.
            steps: of an estimate.
        """
        states = self.states(frames)
        return self.output.nats(states[scored], frames[scored], chains=chains, steps=steps)
