"""Hierarchical VAE for clips of many bars: z has dimensions for each bar and for the whole clip.

As in MusicVAE (Roberts 2018, arXiv:1803.05428) a conductor makes an embedding of each bar from z, and the
decoder sees z only through it. The encoder mirrors this: the states of the recurrent layers are summed per
bar, recurrent layers over the bars add context, and each bar has its own dimensions in z, so that no bar has
to be remembered through all those that follow it.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.encoder import Encoder
from musegen.models.position.features import StepFeatures
from musegen.models.rnn import make_two_stacks, run_bidirectional

WHOLE = 8
"""One of `WHOLE` dimensions of z is for the whole clip."""


class Slots(NamedTuple):
    """The layout of z: first the dimensions of the whole clip, then those of each bar."""

    whole: int
    each: int
    bars: int

    @classmethod
    def of(cls, latent_dim: int, bars: int) -> "Slots":
        """Each bar gets as many dimensions as leave one in `WHOLE` or more for the whole clip."""
        each = max(1, (latent_dim - latent_dim // WHOLE) // bars)
        return cls(latent_dim - each * bars, each, bars)

    def split(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """(B, whole) and (B, bars, each) of points (B, Z)."""
        return z[:, : self.whole], z[:, self.whole :].view(z.shape[0], self.bars, self.each)


class PositionCodes(nn.Module):
    """A learned code for each position in a bar, and for each bar of a clip, initialised to random signs.

    Args:
        bars: of a clip; later bars have the code of the last; None: all bars have the same code.
        num_places: positions of a bar.
        width: Z or E, of the vectors.
    """

    def __init__(self, bars: int | None, num_places: int, width: int) -> None:
        super().__init__()
        self.bars = None if bars is None else nn.Parameter(torch.randn(bars, width).sign())
        self.places = nn.Parameter(torch.randn(num_places, width).sign())

    def of_bar(self, step: StepFeatures) -> Tensor | float:
        """(B, T, width), or 1 if all bars have the same code."""
        if self.bars is None:
            return 1.0
        return nn.functional.embedding((step.bar - 1).clamp(0, len(self.bars) - 1), self.bars)

    def of_place(self, step: StepFeatures) -> Tensor:
        """(B, T, width)."""
        return nn.functional.embedding(step.place, self.places)


class _BarContext(nn.Module):
    """Adds context from the other bars to embeddings of bars, (B, K, E)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.forwards, self.backwards = make_two_stacks(
            cell="lstm", input_size=width, hidden_size=width // 2, num_layers=1, dropout=0.0
        )
        self.wide, self.back = nn.Linear(2 * width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, bars: Tensor) -> Tensor:
        lengths = torch.full(bars.shape[:1], bars.shape[1], device=bars.device)
        related = run_bidirectional(self.forwards, self.backwards, bars, lengths)
        return torch.add(bars, self.back(torch.relu(self.wide(torch.cat([bars, related], dim=2)))))


class BarEncoder(nn.Module):
    """Reads a clip, bar by bar, into a Normal of z.

    Args:
        reader: the recurrent layers, E wide.
        slots: the layout of z.
        is_variational: whether the Normal has a standard deviation.
    """

    def __init__(self, *, reader: Encoder, slots: Slots, is_variational: bool) -> None:
        super().__init__()
        self.reader, self.slots = reader, slots
        width = reader.hidden_size
        self.over_bars = _BarContext(width)
        self.mean = nn.Linear(width, slots.each)
        self.scale = nn.Linear(width, slots.each) if is_variational else None
        self.whole_mean = nn.Linear(width, slots.whole)
        self.whole_scale = nn.Linear(width, slots.whole) if is_variational else None
        for scale in (self.scale, self.whole_scale):
            if scale is not None:
                nn.init.constant_(scale.bias, -1.5)

    def forward(self, ids: Tensor, codes: PositionCodes) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the posterior, (B, Z) each, of clips padded at the end with 0.

        The deviation is 0 if it is not variational.

        Args:
            ids: (B, S).
            codes: of the positions, by which the states are multiplied.
        """
        # States times position codes, summed per bar: (B, K, E).
        states, step = self.reader.read(ids)  # (B, S, E)
        mask = (ids != 0)[..., None]
        bound = states * codes.of_place(step) * mask
        number = (step.bar - 1).clamp(0, self.slots.bars - 1)[..., None]
        bars = bound.new_zeros(ids.shape[0], self.slots.bars, bound.shape[2])
        memory = bars.scatter_add(1, number.expand_as(bound), bound)  # (B, K, E)
        sizes = mask.new_zeros(ids.shape[0], self.slots.bars, 1, dtype=bound.dtype)
        counts = sizes.scatter_add(1, number, mask.to(bound.dtype))
        bars = self.over_bars(memory / counts.clamp(min=1).sqrt())
        # Mean and scale of the dimensions of the whole clip, then of each bar: (B, Z).
        whole = bars.mean(dim=1)
        mean = torch.cat([self.whole_mean(whole), self.mean(bars).flatten(1)], dim=1).float()
        if self.scale is None or self.whole_scale is None:
            return mean, torch.zeros_like(mean)
        scale = torch.cat([self.whole_scale(whole), self.scale(bars).flatten(1)], dim=1)
        return mean, nn.functional.softplus(scale.float()) + 1e-4


class Conductor(nn.Module):
    """Makes an embedding of each bar, (B, K, E), from z, (B, Z).

    Args:
        slots: the layout of z.
        width: E.
    """

    def __init__(self, *, slots: Slots, width: int) -> None:
        super().__init__()
        self.slots = slots
        self.bar, self.whole = nn.Linear(slots.each, width), nn.Linear(slots.whole, width)
        self.over_bars = _BarContext(width)

    def forward(self, z: Tensor) -> Tensor:
        """Embeddings of the bars."""
        whole, bars = self.slots.split(z)
        embeddings: Tensor = self.over_bars(self.bar(bars) + self.whole(whole)[:, None])
        return embeddings
