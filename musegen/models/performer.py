"""A network from a score to how it is played: the distributions of each note's shift, velocity and length.

It reads the notes of a score in both directions (many to many, aligned). A take is sampled through a Gaussian
copula (Nelsen 2006): the normal scores of the notes are correlated in time, as measured in performances, and
each is mapped to a value by the note's own distribution. So a take is coherent from note to note, two takes
differ, and every note has the distribution that was predicted for it.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.backbone import make_backbone
from musegen.models.rnn import run_bidirectional


class Scale(NamedTuple):
    """How a quantity is divided into classes of equal width."""

    low: float
    width: float
    classes: int


SCALES = {
    "shift": Scale(-0.75, 1 / 64, 96),
    "velocity": Scale(-0.5, 2.0, 64),
    "stretch": Scale(-4.0, 1 / 8, 48),
}
"""The quantities of `music.performance.Played`, in its units."""
QUANTITIES = tuple(SCALES)
SHARES = 4
"""Columns of the noise: the shares of the piece, of the passage and of the position, and how long a passage
lasts, in quarter notes."""
PADDING = -1
"""The class of what is not predicted."""


class Layer(nn.Module):
    """A layer in both directions.

    Args:
        **backbone: the arguments of `make_backbone`, for each direction.
    """

    def __init__(self, **backbone: Any) -> None:
        super().__init__()
        self.forwards, self.backwards = make_backbone(**backbone), make_backbone(**backbone)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, input_size) and the steps of each row, (B,), to (B, T, 2 * hidden_size)."""
        return run_bidirectional(self.forwards, self.backwards, states, lengths)


class Reader(nn.Module):
    """Layers in both directions, each of which reads the states of both directions below.

    Args:
        num_layers: of them.
        hidden_size: H, half of it for each direction.
        dropout: after each layer.
        **backbone: the other arguments of `make_backbone`.
    """

    def __init__(self, *, num_layers: int, hidden_size: int, dropout: float, **backbone: Any) -> None:
        super().__init__()
        backbone |= {"input_size": hidden_size, "hidden_size": hidden_size // 2, "dropout": dropout}
        self.layers = nn.ModuleList(Layer(num_layers=1, **backbone) for _ in range(num_layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, H) and the steps of each row, (B,), to (B, T, H)."""
        for layer in self.layers:
            states = self.dropout(layer(states, lengths))
        return states


class Performer(nn.Module):
    """Predicts how the notes of a score are played.

    Args:
        sizes: how many values each feature of a note has, (F,).
        embedding_dim: width of the embedding of each feature.
        hidden_size: H of the layers, half of it for each direction.
        num_layers: of the layers.
        dropout: in the inputs and after each layer.
        **backbone: the other arguments of `make_backbone`.
    """

    noise: Tensor

    def __init__(
        self,
        sizes: tuple[int, ...],
        *,
        embedding_dim: int,
        hidden_size: int,
        num_layers: int,
        dropout: float,
        **backbone: Any,
    ) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(size, embedding_dim) for size in sizes)
        self.tempo = nn.Linear(1, embedding_dim)
        self.input = nn.Linear((len(sizes) + 1) * embedding_dim, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.reader = Reader(num_layers=num_layers, hidden_size=hidden_size, dropout=dropout, **backbone)
        self.logits = nn.ModuleDict(
            {name: nn.Linear(2 * hidden_size, scale.classes) for name, scale in SCALES.items()}
        )
        self.register_buffer("noise", torch.zeros(len(SCALES), SHARES))

    def forward(self, features: Tensor, tempo: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Logits of the classes of each quantity, (B, T, C) each, C as in `SCALES`.

        Args:
            features: of notes, (B, T, F).
            tempo: quarter notes per minute (BPM), (B, T).
            lengths: notes of each row, (B,); what follows is padding.
        """
        columns = [embed(features[..., number]) for number, embed in enumerate(self.embeddings)]
        speed = (tempo.clamp(min=1.0) / 120.0).log2()[..., None]
        inputs = torch.cat([*columns, self.tempo(speed.to(self.tempo.weight.dtype))], dim=2)
        inputs = self.dropout(torch.relu(self.input(inputs)))  # (B, T, H)
        states = torch.cat([inputs, self.reader(inputs, lengths)], dim=2)
        return {name: logits(states) for name, logits in self.logits.items()}


def classes_of(name: str, values: Tensor) -> Tensor:
    """The class of each value of a quantity, of the nearest one beyond its ends."""
    low, width, classes = SCALES[name]
    return ((values - low) / width).floor().long().clamp(0, classes - 1)


def quantiles(name: str, logits: Tensor, shares: Tensor | float) -> Tensor:
    """The value of a quantity below which a share of each distribution lies, (...).

    Args:
        name: of the quantity.
        logits: (..., C).
        shares: from 0 to 1, (...); 0.5 for the median.
    """
    low, width, classes = SCALES[name]
    shares = torch.as_tensor(shares, dtype=logits.dtype, device=logits.device).expand(logits.shape[:-1])
    sums = logits.softmax(dim=-1).cumsum(dim=-1)
    above = (sums < shares[..., None]).sum(dim=-1).clamp(max=classes - 1)
    sums = nn.functional.pad(sums, (1, 0))
    begin, end = (sums.gather(-1, (above + step)[..., None])[..., 0] for step in (0, 1))
    within = ((shares - begin) / (end - begin).clamp(min=1e-12)).clamp(0.0, 1.0)
    values: Tensor = low + width * (above + within)
    return values


def normal_scores(name: str, logits: Tensor, values: Tensor) -> Tensor:
    """The normal score of each value under its distribution, (...): standard normal if that is true."""
    own = classes_of(name, values)[..., None]
    shares = logits.softmax(dim=-1)
    below = (shares.cumsum(dim=-1) - 0.5 * shares).gather(-1, own)[..., 0]
    scores: Tensor = torch.special.ndtri(below.clamp(1e-6, 1 - 1e-6))
    return scores
