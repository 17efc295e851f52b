"""Layers in both directions over a whole stream, and what the decoder needs of an encoded melody."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.backbone import make_backbone
from musegen.models.lookups import look_up, make_lookups
from musegen.models.position.features import WIDEST, StepFeatures, Tracker
from musegen.models.rnn import LockedDropout, run_bidirectional

BAR_KEY = 1 << 14
"""More positions than any bar has: a key is bar * BAR_KEY + position."""
END_KEY = 1 << 40
"""The key of padding, after every bar."""
BY_ID = ("states", "keys", "pitch")
"""The parts of a `Memory` with a row for each id."""

_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""Key profiles: the weight of each pitch class, the tonic first (Krumhansl and Kessler 1982)."""


class Memory(NamedTuple):
    """An encoded melody of S ids, or a part of it."""

    states: Tensor
    """(B, S, H); (B, S, 0) without the recurrent layers."""
    keys: Tensor
    """(B, S) time at which each id begins, ascending; `END_KEY` for padding."""
    pitch: Tensor
    """(B, S) the melody's pitch at each id, -1 before the first and in rests that have ids; of a source with
    holes (B, S, A), see `Tracker.given`."""
    classes: Tensor
    """(B, 12) share of each pitch class in the notes of the melody, C first."""
    tonic: Tensor
    """(B,) pitch class of the tonic of the melody's key, of its relative major where that is minor."""
    bar_positions: Tensor
    """(B, S) length of each bar; 0 beyond the end."""
    plan: Tensor
    """(B, K, 2) plan of the accompaniment (see `tokenizers/chord_plan.py`); K = 0 without a planner."""

    def sounding_at(self, when: Tensor) -> Tensor:
        """The id that sounds at a time, (B, T), the first if none has begun; `when` is (B, T), as keys."""
        return (torch.searchsorted(self.keys.contiguous(), when, right=True) - 1).clamp(min=0)

    def pitches(self) -> Tensor:
        """`pitch` with one column for each, (B, S, A); of a melody there is one."""
        return self.pitch if self.pitch.dim() == 3 else self.pitch[..., None]


class Encoder(nn.Module):
    """Reads a stream forwards and backwards.

    Args:
        tracker: follows the source through its bars; without look-back.
        bar_positions: (M + 1,) positions of a bar of each metre, by its rank from 1 up.
        embedding_dim: width of the token embedding.
        hidden_size: H of the states returned, half of it for each direction.
        dropout: in the inputs and between the layers.
        is_residual: the inputs are added to the outputs of the layers.
        has_holes: the source is a piece with holes, not a melody.
        **backbone: the other arguments of `make_backbone`, for each direction.
    """

    _bar_positions: Tensor

    def __init__(
        self,
        *,
        tracker: Tracker,
        bar_positions: Tensor,
        embedding_dim: int,
        hidden_size: int,
        dropout: float,
        is_residual: bool = False,
        has_holes: bool = False,
        **backbone: Any,
    ) -> None:
        super().__init__()
        self.register_buffer("_bar_positions", bar_positions, persistent=False)
        self.tracker, self.hidden_size, self.is_residual = tracker, hidden_size, is_residual
        self.has_holes = has_holes
        self.embedding = nn.Embedding(tracker.vocab_size, embedding_dim, padding_idx=0)
        self.interval = nn.Embedding(2 * WIDEST + 2, embedding_dim // 2)
        for name, rows in tracker.layout.places.items():
            self.add_module(name, nn.Embedding(rows, hidden_size))
        self.input = nn.Linear(tracker.layout.width(embedding_dim), hidden_size)
        self.dropout = LockedDropout(dropout)
        backbone |= {"input_size": hidden_size, "hidden_size": hidden_size // 2, "dropout": dropout}
        self.forwards, self.backwards = make_backbone(**backbone), make_backbone(**backbone)
        for name in tracker.layout.places:
            nn.init.normal_(getattr(self, name).weight, std=0.05)

    def forward(self, ids: Tensor) -> Memory:
        """Read a batch of melodies, (B, S), padded at the end with 0."""
        states, step = self.read(ids)
        return self._memory(ids, step, states)

    def read_without_layers(self, ids: Tensor) -> Memory:
        """The memory of melodies, (B, S), without the recurrent layers: all that a planner needs."""
        step, _ = self.tracker(ids, self.tracker.init_state(ids.shape[0]))
        return self._memory(ids, step, self.input.weight.new_zeros(*ids.shape, 0))

    def read(self, ids: Tensor) -> tuple[Tensor, StepFeatures]:
        """The states of the layers at each id, (B, S, H), and the features of its step."""
        step, _ = self.tracker(ids, self.tracker.init_state(ids.shape[0]))
        inputs = self.dropout(self._inputs(step))
        states = run_bidirectional(self.forwards, self.backwards, inputs, (ids != 0).sum(dim=1))
        return self.dropout(states + inputs if self.is_residual else states), step

    def _inputs(self, step: StepFeatures) -> Tensor:
        layout = self.tracker.layout
        rows = [(self.embedding, layout.ids), (self.interval, layout.intervals)]
        tables = make_lookups(self.input, rows, [getattr(self, name) for name in layout.places])
        return look_up(tables, step.inputs, step.features)

    def _memory(self, ids: Tensor, step: StepFeatures, states: Tensor) -> Memory:
        begins, pitch = self.tracker.sounding(step)
        if self.has_holes:
            pitch = self.tracker.given(ids, step)
        keys = torch.where(ids != 0, step.bar * BAR_KEY + begins, END_KEY)
        classes = self._classes(ids)
        plan = keys.new_zeros(ids.shape[0], 0, 2)
        return Memory(states, keys, pitch, classes, tonic_of(classes), self._bars(ids, step), plan)

    def _bars(self, ids: Tensor, step: StepFeatures) -> Tensor:
        """`Memory.bar_positions`, from the metre that follows every bar line."""
        lengths = step.bar.new_zeros(ids.shape[0], ids.shape[1] + 1)  # a bar has an id at least
        is_line = step.bar > nn.functional.pad(step.bar[:, :-1], (1, 0))
        is_metre = nn.functional.pad(is_line[:, :-1], (1, 0))  # the id of the metre
        own = torch.where(is_metre, self._bar_positions[step.metre], 0)
        return lengths.scatter_reduce(1, step.bar, own, "amax")[:, 1:]

    def _classes(self, ids: Tensor) -> Tensor:
        pitch = self.tracker.pitch[ids]  # (B, S)
        counts = nn.functional.one_hot(pitch.clamp(min=0) % 12, 12) * (pitch >= 0)[..., None]
        total = counts.sum(dim=1)
        return total / total.sum(dim=1, keepdim=True).clamp(min=1)


def tonic_of(classes: Tensor) -> Tensor:
    """`Memory.tonic`, by the correlation of the shares (B, 12) with the profiles of the keys."""
    major, minor = (torch.tensor(profile, device=classes.device) for profile in (_MAJOR, _MINOR))
    order = (torch.arange(12, device=classes.device) - torch.arange(12, device=classes.device)[:, None]) % 12
    # Row k: the major key on k, and its relative minor three semitones below.
    keys = torch.stack([(major - major.mean())[order], (minor - minor.mean())[(order + 3) % 12]])
    return (classes @ keys.transpose(1, 2)).max(dim=0).values.argmax(dim=1)
