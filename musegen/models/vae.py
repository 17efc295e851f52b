"""The variational autoencoder (VAE): encodes a clip of a few bars to a point z and decodes it.

z is an associative memory addressed by position. Each bar and each position in a bar has a code, a vector by
which features are multiplied: the encoder multiplies its states by the codes of their positions and sums
them, and the decoder multiplies z by the code of its position, which recovers what was stored there plus
noise from the rest (Plate 1995, holographic reduced representations). So no note has to be remembered through
all the steps between, and a new model copies clips after some hundred training steps. The rest is MusicVAE
(Roberts 2018, arXiv:1803.05428): free bits, a small beta, and for long clips a conductor with an embedding of
each bar.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from musegen.metrics.attributes import ATTRIBUTES
from musegen.models.conductor import BarEncoder, Conductor, PositionCodes
from musegen.models.decoder import DecoderState, StreamDecoder
from musegen.models.encoder import Encoder
from musegen.models.losses import token_nats
from musegen.models.position.features import StepFeatures
from musegen.models.protocol import Function

COMPONENTS = 64
"""Number of components of the mixture fitted to all training clips: too few to memorise them."""


class VAEState(NamedTuple):
    """The state between two steps."""

    code: Tensor
    """The decoder's view of z: (B, 1, Z), or with a conductor an embedding of each bar, (B, K, E)."""
    decoder: DecoderState


def _identity_like(width: int, to: int) -> nn.Linear:
    """A linear layer initialised to the identity: features are repeated for a wider output, else averaged."""
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
        self.write = nn.Identity() if latent_dim == hidden_size else _identity_like(hidden_size, latent_dim)
        self.mean = nn.Linear(latent_dim + hidden_size, latent_dim)
        self.scale = nn.Linear(latent_dim + hidden_size, latent_dim)
        nn.init.eye_(self.mean.weight)  # the mean is initially the memory
        nn.init.constant_(self.scale.bias, -1.5)

    def forward(self, ids: Tensor, codes: PositionCodes) -> Normal:
        """The posterior, (B, Z), of clips (B, S); see `mean_and_scale`."""
        return Normal(*self.mean_and_scale(ids, codes))

    def mean_and_scale(self, ids: Tensor, codes: PositionCodes) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the posterior, (B, Z) each, of clips padded at the end with 0.

        Args:
            ids: (B, S).
            codes: of the positions, by which the states are multiplied.
        """
        # The memory: states times position codes, summed, (B, Z).
        states, step = self.reader.read(ids)  # (B, S, H)
        mask = (ids != 0)[..., None]
        bound = self.write(states) * codes.of_bar(step) * codes.of_place(step) * mask  # (B, S, Z)
        memory = bound.sum(dim=1) / mask.sum(dim=1).sqrt()  # (B, Z)
        # The last states of both directions, (B, H).
        ahead, back = states.chunk(2, dim=2)
        last = (mask.sum(dim=1) - 1)[..., None].expand(-1, -1, ahead.shape[2])
        ends = torch.cat([ahead.gather(1, last)[:, 0], back[:, 0]], dim=1)  # (B, H)
        found = torch.cat([memory, ends], dim=1)
        return self.mean(found).float(), nn.functional.softplus(self.scale(found).float()) + 1e-4


class VAE(nn.Module):
    """Encodes clips to a posterior of z, (B, Z), and decodes z to clips, (B, T).

    A whole sequence equals single steps: however T is divided into chunks, the logits are the same.

    Args:
        encoder: from clips to z.
        decoder: from z to clips.
        conductor: makes an embedding of each bar, the decoder's only view of z, for a `BarEncoder` and codes
            without bars; None: the decoder sees z.
        keys: the position codes of encoder and decoder.
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
        self.read = _identity_like(width, hidden_size)
        self.whole = nn.Linear(width, hidden_size)
        self.first = nn.Linear(width, decoder.rnn.num_values)
        self.register_buffer("mixture_log_weights", torch.full((COMPONENTS,), -math.log(COMPONENTS)))
        self.register_buffer("mixture_means", torch.zeros(COMPONENTS, latent_dim))
        self.register_buffer("mixture_scales", torch.ones(COMPONENTS, latent_dim))
        self.register_buffer("slider_slope", torch.zeros(len(ATTRIBUTES)))
        self.register_buffer("slider_offset", torch.zeros(len(ATTRIBUTES)))

    def posterior(self, ids: Tensor) -> Normal:
        """The posterior of clips (B, S), padded at the end with 0: a Normal of (B, Z)."""
        normal: Normal = self.encoder(ids, self.keys)
        return normal

    def init_state(self, z: Tensor) -> VAEState:
        """The state before the first id of the clips of z, (B, Z)."""
        code = self.memory(z)[:, None] if self.conductor is None else self.conductor(z)  # (B, K, Z or E)
        begin = self.decoder.init_state(z.shape[0])
        first = self.decoder.rnn.state_of(torch.tanh(self.first(code[:, 0]).float()))
        return VAEState(code, DecoderState(first, begin.place))

    def functions(self) -> dict[str, Function]:
        """What sampling calls besides `forward`.

        "encode", from clips to points; "start", from points to states; "nats" of the ids of clips and points.
        """
        ids, z = torch.arange(1, 22).view(3, 7), torch.zeros(3, self.latent_dim)
        encode = Function(lambda ids: self.encoder.mean_and_scale(ids, self.keys)[0], (ids,))
        return {
            "encode": encode,
            "start": Function(self.init_state, (z,)),
            "nats": Function(self._nats, (ids, z)),
        }

    def _nats(self, ids: Tensor, z: Tensor) -> Tensor:
        return token_nats(self(ids[:, :-1], self.init_state(z))[0], ids[:, 1:])

    def forward(self, ids: Tensor, state: VAEState) -> tuple[Tensor, VAEState]:
        """Process T ids.

        Args:
            ids: (B, T).
            state: after the previous ids.

        Returns:
            Logits of the next id after each, (B, T, V), and the state after the last.
        """
        step, place = self.decoder.tracker(ids, state.decoder.place)
        if self.training and self.decoder.input_dropout:
            # Hide the reference pitches, too: with intervals one wrong note would shift all that follow.
            hidden = torch.rand(*ids.shape, 1, device=ids.device) < self.decoder.input_dropout
            step = step._replace(reference_pitches=step.reference_pitches.masked_fill(hidden, -1))
        output, rnn = self.decoder.run(step, state.decoder.rnn, self._context(state.code, step))
        logits = self.decoder.score(output, step)
        return logits, VAEState(state.code, DecoderState(rnn, place))

    def _context(self, code: Tensor, step: StepFeatures) -> Tensor:
        """The input from z at each position, (B, T, H)."""
        bar = (step.bar - 1).clamp(0, code.shape[1] - 1)[..., None]  # (B, T, 1)
        memory = code.gather(1, bar.expand(-1, -1, code.shape[2]))
        codes = self.keys.of_place(step) * self.keys.of_bar(step)
        context: Tensor = self.read(memory * codes) + self.whole(memory)
        return context
