"""Clips of many bars: z has a place for each bar and one for the whole, and a conductor reads them.

As in MusicVAE (Roberts 2018, arXiv:1803.05428) a conductor makes an embedding of each bar from z, and the
decoder sees z through it alone. Its mirror image reads: what the recurrent layers make of each bar is summed
up, layers over the bars relate it to the other bars, and each bar has dimensions of its own in z, so that no
bar has to be carried through all those that follow it.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from musegen.models.encoder import Encoder
from musegen.models.position.features import StepFeatures
from musegen.models.rnn import both_ways, two_stacks

WHOLE = 8
"""One dimension of z in so many is for the whole clip."""


class Slots(NamedTuple):
    """How z is shared out: first the whole clip's dimensions, then each bar's."""

    whole: int
    each: int
    bars: int

    @classmethod
    def of(cls, latent_dim: int, bars: int) -> "Slots":
        """The bars get as many dimensions each as leave one in `WHOLE` or more for the whole."""
        each = max(1, (latent_dim - latent_dim // WHOLE) // bars)
        return cls(latent_dim - each * bars, each, bars)

    def split(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """(B, whole) and (B, bars, each) of points (B, Z)."""
        return z[:, : self.whole], z[:, self.whole :].view(len(z), self.bars, self.each)


class PositionCodes(nn.Module):
    """A learnt vector for each place in a bar, and for each bar of a clip; random signs to begin with.

    Args:
        bars: of a clip, what lies beyond counting as the last; None: all bars are alike.
        num_places: places of a bar.
        width: Z or E, of the vectors.
    """

    def __init__(self, bars: int | None, num_places: int, width: int) -> None:
        super().__init__()
        self.bars = None if bars is None else nn.Parameter(torch.randn(bars, width).sign())
        self.places = nn.Parameter(torch.randn(num_places, width).sign())

    def of_bar(self, step: StepFeatures) -> Tensor | float:
        """(B, T, width), or 1 where all bars are alike."""
        if self.bars is None:
            return 1.0
        return nn.functional.embedding((step.bar - 1).clamp(0, len(self.bars) - 1), self.bars)

    def of_place(self, step: StepFeatures) -> Tensor:
        """(B, T, width)."""
        return nn.functional.embedding(step.place, self.places)


class _OverBars(nn.Module):
    """Relates embeddings of bars, (B, K, E), to each other and adds that to them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.forwards, self.backwards = two_stacks(
            cell="lstm", input_size=width, hidden_size=width // 2, num_layers=1, dropout=0.0
        )
        self.wide, self.back = nn.Linear(2 * width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, bars: Tensor) -> Tensor:
        lengths = torch.full(bars.shape[:1], bars.shape[1], device=bars.device)
        related = both_ways(self.forwards, self.backwards, bars, lengths)
        return torch.add(bars, self.back(torch.relu(self.wide(torch.cat([bars, related], dim=2)))))


class BarEncoder(nn.Module):
    """Reads a clip, bar by bar, into a Normal of z.

    Args:
        reader: the recurrent layers, E wide.
        slots: how z is shared out.
    """

    def __init__(self, *, reader: Encoder, slots: Slots) -> None:
        super().__init__()
        self.reader, self.slots = reader, slots
        width = reader.hidden_size
        self.over_bars = _OverBars(width)
        self.mean, self.scale = nn.Linear(width, slots.each), nn.Linear(width, slots.each)
        self.whole_mean, self.whole_scale = nn.Linear(width, slots.whole), nn.Linear(width, slots.whole)
        for scale in (self.scale, self.whole_scale):
            nn.init.constant_(scale.bias, -1.5)

    def forward(self, ids: Tensor, keys: PositionCodes) -> Normal:
        """The posterior, (B, Z), of clips (B, S), padded at the end with 0.

        Args:
            ids: (B, S).
            keys: to which what is read is bound.
        """
        states, step = self.reader.read(ids)  # (B, S, E)
        mask = (ids != 0)[..., None]
        bound = states * keys.of_place(step) * mask
        number = (step.bar - 1).clamp(0, self.slots.bars - 1)[..., None]
        bars = bound.new_zeros(len(ids), self.slots.bars, bound.shape[2])
        memory = bars.scatter_add(1, number.expand_as(bound), bound)  # (B, K, E)
        sizes = mask.new_zeros(len(ids), self.slots.bars, 1, dtype=bound.dtype)
        counts = sizes.scatter_add(1, number, mask.to(bound.dtype))
        bars = self.over_bars(memory / counts.clamp(min=1).sqrt())
        whole = bars.mean(dim=1)
        mean = torch.cat([self.whole_mean(whole), self.mean(bars).flatten(1)], dim=1)
        scale = torch.cat([self.whole_scale(whole), self.scale(bars).flatten(1)], dim=1)
        return Normal(mean.float(), nn.functional.softplus(scale.float()) + 1e-4)


class Conductor(nn.Module):
    """Makes an embedding of each bar, (B, K, E), from z, (B, Z).

    Args:
        slots: how z is shared out.
        width: E.
    """

    def __init__(self, *, slots: Slots, width: int) -> None:
        super().__init__()
        self.slots = slots
        self.bar, self.whole = nn.Linear(slots.each, width), nn.Linear(slots.whole, width)
        self.over_bars = _OverBars(width)

    def forward(self, z: Tensor) -> Tensor:
        """Embeddings of the bars."""
        whole, bars = self.slots.split(z)
        embeddings: Tensor = self.over_bars(self.bar(bars) + self.whole(whole)[:, None])
        return embeddings
