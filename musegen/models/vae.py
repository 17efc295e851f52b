"""The variational autoencoder: a clip of a few bars to a point z of a latent space, and back.

z is a memory addressed by place. Each bar and each place in a bar has a key, a vector by which features are
multiplied: the encoder binds what it has read to the keys of where it stands and adds it all up, the decoder
multiplies z by the key of where it is, and hears what was bound there above the noise of the rest (Plate
1995, holographic reduced representations). So no note has to be carried through all the steps between, and
a fresh model copies after some hundred steps. Beyond that it is MusicVAE (Roberts 2018, arXiv:1803.05428):
free bits, a small beta, and for long clips a conductor that makes an embedding of each bar.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from musegen.models.conductor import BarEncoder, Conductor, PositionCodes
from musegen.models.decoder import DecoderState, StreamDecoder
from musegen.models.encoder import Encoder
from musegen.models.position.features import StepFeatures
from musegen.models.rnn import RNNState

COMPONENTS = 64
"""Of the mixture that stands for the posterior of all training clips: too few to be a list of them."""
ATTRIBUTES = ("density", "spread", "complexity", "pitch")
"""What the first latent dimensions stand for in a model with sliders: see metrics/attributes.py."""


class VAEState(NamedTuple):
    """Everything the next step needs."""

    code: Tensor
    """What the decoder may read: what z holds, (B, 1, Z), or an embedding of each bar, (B, K, E)."""
    decoder: DecoderState


def _carrying(width: int, to: int) -> nn.Linear:
    """A layer that begins as the identity: features are repeated to fill a wider output, else averaged."""
    layer = nn.Linear(width, to)
    with torch.no_grad():
        apart = torch.arange(width) - torch.arange(to)[:, None]  # (to, width)
        layer.weight.copy_(apart % min(width, to) == 0)
        layer.weight.div_(layer.weight.sum(dim=1, keepdim=True))
    return layer


class ClipEncoder(nn.Module):
    """Reads a clip forwards and backwards into a Normal of z.

    Args:
        reader: the recurrent layers, H wide.
        latent_dim: Z.
    """

    def __init__(self, *, reader: Encoder, latent_dim: int) -> None:
        super().__init__()
        self.reader = reader
        hidden_size = reader.hidden_size
        self.write = nn.Identity() if latent_dim == hidden_size else _carrying(hidden_size, latent_dim)
        self.mean = nn.Linear(latent_dim + hidden_size, latent_dim)
        self.scale = nn.Linear(latent_dim + hidden_size, latent_dim)
        nn.init.eye_(self.mean.weight)  # the memory as it is
        nn.init.constant_(self.scale.bias, -1.5)

    def forward(self, ids: Tensor, keys: PositionCodes) -> Normal:
        """The posterior, (B, Z), of clips (B, S), padded at the end with 0.

        Args:
            ids: (B, S).
            keys: to which what is read is bound.
        """
        states, step = self.reader.read(ids)  # (B, S, H)
        mask = (ids != 0)[..., None]
        bound = self.write(states) * keys.of_bar(step) * keys.of_place(step) * mask  # (B, S, Z)
        memory = bound.sum(dim=1) / mask.sum(dim=1).sqrt()  # (B, Z)
        ahead, back = states.chunk(2, dim=2)
        last = (mask.sum(dim=1) - 1)[..., None].expand(-1, -1, ahead.shape[2])
        ends = torch.cat([ahead.gather(1, last)[:, 0], back[:, 0]], dim=1)  # (B, H)
        found = torch.cat([memory, ends], dim=1)
        return Normal(self.mean(found).float(), nn.functional.softplus(self.scale(found).float()) + 1e-4)


class VAE(nn.Module):
    """Writes the clip, (B, T), that a point z, (B, Z), stands for.

    All at once equals step by step: for any cutting of T into chunks the logits are the same.

    Args:
        encoder: from clips to z.
        decoder: from z to clips.
        conductor: makes an embedding of each bar, through which alone the decoder sees z, and goes with a
            `BarEncoder` and keys of places alone; None: the decoder sees z.
        keys: by which encoder and decoder tell places apart.
        clip_bars: bars of a clip.
        latent_dim: Z.
    """

    mixture_log_weights: Tensor
    mixture_means: Tensor
    mixture_scales: Tensor
    slider_slope: Tensor
    slider_offset: Tensor

    def __init__(
        self,
        *,
        encoder: ClipEncoder | BarEncoder,
        decoder: StreamDecoder,
        conductor: Conductor | None,
        keys: PositionCodes,
        clip_bars: int,
        latent_dim: int,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.conductor, self.keys = encoder, decoder, conductor, keys
        self.clip_bars, self.latent_dim = clip_bars, latent_dim
        hidden_size, width = decoder.hidden_size, keys.places.shape[1]
        if conductor is None:
            self.memory = nn.Linear(latent_dim, latent_dim)
            nn.init.eye_(self.memory.weight)
        self.read = _carrying(width, hidden_size)
        self.whole = nn.Linear(width, hidden_size)
        self.first = nn.Linear(width, 2 * hidden_size * len(decoder.rnn.layers))
        self.register_buffer("mixture_log_weights", torch.full((COMPONENTS,), -math.log(COMPONENTS)))
        self.register_buffer("mixture_means", torch.zeros(COMPONENTS, latent_dim))
        self.register_buffer("mixture_scales", torch.ones(COMPONENTS, latent_dim))
        self.register_buffer("slider_slope", torch.zeros(len(ATTRIBUTES)))
        self.register_buffer("slider_offset", torch.zeros(len(ATTRIBUTES)))

    def posterior(self, ids: Tensor) -> Normal:
        """Where clips (B, S), padded at the end with 0, lie: a Normal of (B, Z)."""
        normal: Normal = self.encoder(ids, self.keys)
        return normal

    def init_state(self, z: Tensor) -> VAEState:
        """Nothing written yet of the clips that z, (B, Z), stands for."""
        code = self.memory(z)[:, None] if self.conductor is None else self.conductor(z)  # (B, K, Z or E)
        begin = self.decoder.init_state(len(z))
        layers, width = begin.rnn.hidden.shape[1:]
        hidden, cell = torch.tanh(self.first(code[:, 0]).float()).view(-1, layers, 2 * width).chunk(2, dim=2)
        return VAEState(code, DecoderState(RNNState(hidden, cell), begin.place))

    def forward(self, ids: Tensor, state: VAEState) -> tuple[Tensor, VAEState]:
        """Follow T ids.

        Args:
            ids: (B, T).
            state: after the ids before.

        Returns:
            Logits of the next id after each, (B, T, V), and the state after the last.
        """
        step, place = self.decoder.tracker(ids, state.decoder.place)
        if self.training and self.decoder.input_dropout:
            # Nor may the next pitch be reckoned from the last: one wrong note would move all that follow.
            hidden = torch.rand(*ids.shape, 1, device=ids.device) < self.decoder.input_dropout
            step = step._replace(reference_pitches=step.reference_pitches.masked_fill(hidden, -1))
        output, rnn = self.decoder.run(step, state.decoder.rnn, self._context(state.code, step))
        logits = self.decoder.score(output, step)
        return logits, VAEState(state.code, DecoderState(rnn, place))

    def _context(self, code: Tensor, step: StepFeatures) -> Tensor:
        """What z says at each place, (B, T, H)."""
        bar = (step.bar - 1).clamp(0, code.shape[1] - 1)[..., None]  # (B, T, 1)
        memory = code.gather(1, bar.expand(-1, -1, code.shape[2]))
        key = self.keys.of_place(step) * self.keys.of_bar(step)
        context: Tensor = self.read(memory * key) + self.whole(memory)
        return context

    def sample_latent(self, uniform: Tensor, *, prior: bool = False) -> Tensor:
        """Points of the latent space, (B, Z): of the mixture fitted to the training clips, or of N(0, I).

        Args:
            uniform: (B, 1 + Z) numbers in [0, 1), the first of which chooses the component.
            prior: of N(0, I).
        """
        uniform = uniform.to(self.mixture_means.device, torch.float64)
        normal: Tensor = torch.special.ndtri(uniform[:, 1:].clamp(1e-9, 1 - 1e-9)).float()  # (B, Z)
        if prior:
            return normal
        shares = self.mixture_log_weights.double().softmax(dim=0).cumsum(dim=0)
        chosen = torch.searchsorted(shares, uniform[:, 0].contiguous(), right=True).clamp(max=COMPONENTS - 1)
        points: Tensor = self.mixture_means[chosen] + self.mixture_scales[chosen] * normal
        return points
