"""Distributions of a frame, the set of the keys that sound, given the state of a recurrent network.

Independent keys; a neural autoregressive distribution estimator (NADE, Larochelle and Murray 2011), in which
a key depends on the keys below it; a restricted Boltzmann machine (RBM). With a recurrent network before them
the last two are the RNN-NADE and RNN-RBM of Boulanger-Lewandowski, Bengio and Vincent 2012 (arXiv:1206.6392):
the network sets the biases of each frame.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from musegen.models.annealing import log_sums
from musegen.music.rolls import KEYS

GIBBS = 32
"""Rounds of Gibbs sampling from one frame to the next."""
ROWS = 512
"""Frames that are measured at once: bounds the memory."""


class Nats(NamedTuple):
    """The negative log-likelihood of N frames."""

    value: Tensor
    """(N,) in nats."""
    variance: Tensor
    """(N,) of an estimate; 0 where it is exact."""


class Draw(NamedTuple):
    """How frames are sampled."""

    uniform: Callable[[int], Tensor]
    """So many random numbers from 0 to 1 for each of N rows, (N, count)."""
    temperature: float
    allowed: Tensor
    """(KEYS,) 0 for each key that may sound, else -infinity."""

    def units(self, logits: Tensor) -> Tensor:
        """Units that are on with these logits, (N, count)."""
        if self.temperature == 0:
            return (logits > 0).float()
        return (self.uniform(logits.shape[1]) < (logits / self.temperature).sigmoid()).float()


class FrameOutput(Protocol):
    """What is placed on top of the network."""

    is_exact: bool
    """Whether `nats` is no estimate."""

    def loss(self, states: Tensor, frames: Tensor) -> Tensor:
        """What training lowers, of each frame (N, KEYS) after a state (N, H): (N,)."""
        ...

    def nats(self, states: Tensor, frames: Tensor, *, chains: int, steps: int) -> Nats:
        """The negative log-likelihood of each frame; chains and steps are of an estimate."""
        ...

    def sample(self, states: Tensor, before: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """A frame after each state, (N, KEYS), and its log-likelihood in nats, (N,), NaN if unknown.

        Args:
            states: (N, H).
            before: the frames before, (N, KEYS).
            draw: how.
        """
        ...


class Independent(nn.Module):
    """Each key on its own.

    Args:
        hidden_size: H of the states.
    """

    is_exact = True

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.logits = nn.Linear(hidden_size, KEYS)

    def loss(self, states: Tensor, frames: Tensor) -> Tensor:
        """See `FrameOutput`."""
        return _bernoulli_nats(self.logits(states), frames)

    def nats(self, states: Tensor, frames: Tensor, *, chains: int = 0, steps: int = 0) -> Nats:
        """See `FrameOutput`; exact."""
        del chains, steps
        value = self.loss(states, frames)
        return Nats(value, torch.zeros_like(value))

    def sample(self, states: Tensor, before: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """See `FrameOutput`."""
        del before
        logits = self.logits(states)
        frames = draw.units(logits + draw.allowed)
        return frames, -_bernoulli_nats(logits, frames)


class NADE(nn.Module):
    """Each key given the keys below it.

    Args:
        hidden_size: H of the states.
        units: K, hidden units of the estimator.
    """

    is_exact = True

    def __init__(self, hidden_size: int, units: int) -> None:
        super().__init__()
        self.below = nn.Parameter(torch.randn(KEYS, units) * 0.1)
        self.above = nn.Parameter(torch.randn(KEYS, units) * 0.1)
        self.visible, self.hidden = nn.Linear(hidden_size, KEYS), nn.Linear(hidden_size, units)

    def loss(self, states: Tensor, frames: Tensor) -> Tensor:
        """See `FrameOutput`."""
        sounding = frames[..., None] * self.below  # (N, KEYS, K)
        inputs = self.hidden(states)[:, None] + sounding.cumsum(dim=1) - sounding
        logits = self.visible(states) + (inputs.sigmoid() * self.above).sum(dim=2)
        return _bernoulli_nats(logits, frames)

    def nats(self, states: Tensor, frames: Tensor, *, chains: int = 0, steps: int = 0) -> Nats:
        """See `FrameOutput`; exact."""
        del chains, steps
        parts = zip(torch.split(states, ROWS), torch.split(frames, ROWS), strict=True)
        value = torch.cat([self.loss(*part) for part in parts])
        return Nats(value, torch.zeros_like(value))

    def sample(self, states: Tensor, before: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """See `FrameOutput`: key by key, from the lowest up."""
        del before
        inputs, visible, keys = self.hidden(states), self.visible(states), []
        for key in range(KEYS):
            logit = visible[:, key] + inputs.sigmoid() @ self.above[key]
            keys.append(draw.units((logit + draw.allowed[key])[:, None])[:, 0])
            inputs = inputs + keys[-1][:, None] * self.below[key]
        frames = torch.stack(keys, dim=1)
        return frames, -self.loss(states, frames)


class RBM(nn.Module):
    """A joint distribution with hidden units: P(v) is proportional to the sum over h of exp(-E(v, h)).

    It is trained by contrastive divergence (Hinton 2002): frames should have a lower free energy than those
    to which Gibbs sampling moves from them.

    Args:
        hidden_size: H of the states.
        units: K, hidden units of the machine.
        rounds: of Gibbs sampling in training.
    """

    is_exact = False

    def __init__(self, hidden_size: int, units: int, rounds: int) -> None:
        super().__init__()
        self.rounds = rounds
        self.weights = nn.Parameter(torch.randn(KEYS, units) * 0.01)
        self.visible, self.hidden = nn.Linear(hidden_size, KEYS), nn.Linear(hidden_size, units)

    def free_energy(self, states: Tensor, frames: Tensor) -> Tensor:
        """-ln of the sum over the hidden units of exp(-E), (N,), up to the partition function."""
        inputs = self.hidden(states) + frames @ self.weights
        energy: Tensor = -(self.visible(states) * frames).sum(dim=1) - functional.softplus(inputs).sum(dim=1)
        return energy

    def loss(self, states: Tensor, frames: Tensor) -> Tensor:
        """See `FrameOutput`: the difference of the free energies, whose gradient is that of the likelihood.

        Its value is no likelihood: it is about 0 whatever has been learned.
        """
        with torch.no_grad():
            draw = Draw(
                lambda count: torch.rand(len(frames), count, device=frames.device), 1.0, frames[:1] * 0
            )
            moved = self._gibbs(states, frames, draw, self.rounds)
        return self.free_energy(states, frames) - self.free_energy(states, moved)

    def nats(self, states: Tensor, frames: Tensor, *, chains: int, steps: int) -> Nats:
        """See `FrameOutput`; the partition function is estimated by annealed importance sampling."""
        values, variances = [], []
        generator = torch.Generator(states.device).manual_seed(0)
        for own, some in zip(torch.split(states, ROWS), torch.split(frames, ROWS), strict=True):
            biases = self.visible(own), self.hidden(own)
            total = log_sums(self.weights, *biases, chains=chains, steps=steps, generator=generator)
            values.append(self.free_energy(own, some) + total.value)
            variances.append(total.variance)
        return Nats(torch.cat(values), torch.cat(variances))

    def sample(self, states: Tensor, before: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """See `FrameOutput`: by Gibbs sampling from the frame before."""
        frames = self._gibbs(states, before, draw, GIBBS)
        return frames, states.new_full((len(frames),), math.nan)

    def _gibbs(self, states: Tensor, frames: Tensor, draw: Draw, rounds: int) -> Tensor:
        visible, hidden = self.visible(states) + draw.allowed, self.hidden(states)
        for _ in range(rounds):
            frames = draw.units(visible + draw.units(hidden + frames @ self.weights) @ self.weights.T)
        return frames


def _bernoulli_nats(logits: Tensor, frames: Tensor) -> Tensor:
    """The negative log-likelihood of frames, (N,), given the logits of their keys, (N, KEYS)."""
    losses = functional.binary_cross_entropy_with_logits(logits, frames, reduction="none")
    return losses.sum(dim=1)
