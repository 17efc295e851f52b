"""Autoencoders: encode a clip of a few bars to a point z and decode it. The default is variational (VAE).

z is an associative memory addressed by position. Each bar and each position in a bar has a code, a vector by
which features are multiplied: the encoder multiplies its states by the codes of their positions and sums
them, and the decoder multiplies z by the code of its position, which recovers what was stored there plus
noise from the rest (Plate 1995, holographic reduced representations). So no note has to be remembered through
all the steps between, and a new model copies clips after some hundred training steps. The rest is MusicVAE
(Roberts 2018, arXiv:1803.05428): free bits, a small beta, and for long clips a conductor with an embedding of
each bar.

Other kinds have no posterior and no KL: a point is the code of its clip. In a sparse autoencoder only the
largest values of a code are kept (Makhzani and Frey 2013, arXiv:1312.5663): unlike a penalty on their sum,
that cannot be evaded by small codes and large weights.
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


def keep_largest(code: Tensor, count: int) -> Tensor:
    """The `count` largest values of each row, (B, Z), as far as they are above 0, and 0 for the others."""
    least = code.topk(count, dim=1).values[:, -1:]
    return torch.where(code < least, 0.0, code).relu()


class ClipEncoder(nn.Module):
    """Reads a clip forwards and backwards into a Normal of z.

    Args:
        reader: the recurrent layers, H wide.
        latent_dim: Z.
        is_variational: whether the Normal has a standard deviation.
    """

    def __init__(self, *, reader: Encoder, latent_dim: int, is_variational: bool) -> None:
        super().__init__()
        self.reader = reader
        hidden_size = reader.hidden_size
        self.write = nn.Identity() if latent_dim == hidden_size else _identity_like(hidden_size, latent_dim)
        self.mean = nn.Linear(latent_dim + hidden_size, latent_dim)
        self.scale = nn.Linear(latent_dim + hidden_size, latent_dim) if is_variational else None
        nn.init.eye_(self.mean.weight)  # the mean is initially the memory
        if self.scale is not None:
            nn.init.constant_(self.scale.bias, -1.5)

    def forward(self, ids: Tensor, codes: PositionCodes) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the posterior, (B, Z) each, of clips padded at the end with 0.

        The deviation is 0 if it is not variational.

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
        mean = self.mean(found).float()
        if self.scale is None:
            return mean, torch.zeros_like(mean)
        return mean, nn.functional.softplus(self.scale(found).float()) + 1e-4


class VAE(nn.Module):
    """Encodes clips to points z, (B, Z), with a posterior if it is variational, and decodes z, to (B, T).

    A whole sequence equals single steps: however T is divided into chunks, the logits are the same.

    Args:
        encoder: from clips to z.
        decoder: from z to clips.
        conductor: makes an embedding of each bar, the decoder's only view of z, for a `BarEncoder` and codes
            without bars; None: the decoder sees z.
        keys: the position codes of encoder and decoder.
        clip_bars: bars of a clip.
        latent_dim: Z.
        active: number of units of a sparse code that may be active; None: it is not sparse.
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
        active: int | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.conductor, self.keys = encoder, decoder, conductor, keys
        self.clip_bars, self.latent_dim, self.active = clip_bars, latent_dim, active
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

    def encode(self, ids: Tensor) -> Tensor:
        """The points of clips: see `point_and_scale`."""
        return self.point_and_scale(ids)[0]

    def point_and_scale(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The points of clips and the standard deviations of their posteriors, (B, Z) each.

        A point is the mean of the posterior; without one it is the code of the clip, and the deviation is 0.

        Args:
            ids: (B, S), padded at the end with 0.
        """
        mean, scale = self.encoder(ids, self.keys)
        return self._sparse(mean), scale

    def posterior(self, ids: Tensor) -> Normal:
        """The posterior of clips (B, S), padded at the end with 0: a Normal of (B, Z); variational only."""
        return Normal(*self.point_and_scale(ids))

    def _sparse(self, z: Tensor) -> Tensor:
        """Points as a sparse autoencoder has them, (B, Z); unchanged in the other kinds."""
        return z if self.active is None else keep_largest(z, self.active)

    def init_state(self, z: Tensor) -> VAEState:
        """The state before the first id of the clips of z, (B, Z)."""
        z = self._sparse(z)
        code = self.memory(z)[:, None] if self.conductor is None else self.conductor(z)  # (B, K, Z or E)
        begin = self.decoder.init_state(z.shape[0])
        first = self.decoder.rnn.state_of(torch.tanh(self.first(code[:, 0]).float()))
        return VAEState(code, DecoderState(first, begin.place))

    def functions(self) -> dict[str, Function]:
        """What sampling calls besides `forward`.

        "encode", from clips to points; "start", from points to states; "nats" of the ids of clips and points.
        """
        ids, z = torch.arange(1, 22).view(3, 7), torch.zeros(3, self.latent_dim)
        return {
            "encode": Function(self.encode, (ids,)),
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
