"""MiniBach: a feedforward network from four bars of soprano to four bars of alto, tenor and bass.

One hidden layer sees the whole excerpt at once, and every position of every voice has its own softmax (Briot,
Hadjeres and Pachet 2017, "Deep learning techniques for music generation", arXiv:1709.01620, section 6.2.2).
Nothing that is written is an input of what follows: the voices and positions of an excerpt are independent of
each other, given the soprano. A melody of any length is read in excerpts of four bars, one after another.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.losses import token_nats
from musegen.models.position.scans import count_since
from musegen.models.protocol import Function
from musegen.models.seq2seq import rows_at
from musegen.tokenizers.tables import Kind, Tables

EXCERPT = 4
"""Bars that are read and written at once."""
NEVER = -1e4
"""The logit of an id that cannot be the next."""


class Scores(NamedTuple):
    """The logits of a whole accompaniment of N slots: the voices of each position of each bar, in turn."""

    symbols: Tensor
    """(B, N, Y) of each pitch, a hold and a rest."""
    metres: Tensor
    """(B, K) the id of the time signature of each bar; 0 beyond the end."""


class MiniBachState(NamedTuple):
    """The state between two steps."""

    memory: Scores
    place: Tensor
    """(B, 2) bars so far, and ids of voices since the bar line."""


class MiniBach(nn.Module):
    """Predicts an accompaniment on a grid, (B, T), to a melody on the same grid, (B, S).

    Args:
        tables: of the accompaniment; those of the melody have the same ids.
        hidden_size: H, units of the hidden layer.
        dropout: of these units.
    """

    kind: Tensor
    lengths: Tensor

    def __init__(self, tables: Tables, *, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.first = int(tables.ids(Kind.PITCH)[0])
        self.num_symbols = tables.vocab_size - self.first  # pitches, hold and rest, the last ids
        self.voices, self.positions = tables.voices, int(tables.bar_positions.max())
        self.bar_id, self.eos_id = (int(tables.ids(kind)[0]) for kind in (Kind.BAR, Kind.EOS))
        self.register_buffer("kind", torch.from_numpy(tables.kind), persistent=False)
        lengths = torch.from_numpy(tables.bar_positions * tables.voices)
        self.register_buffer("lengths", lengths, persistent=False)  # (V,) slots of a bar of each metre
        inputs = EXCERPT * self.positions
        self.input = nn.Embedding(
            inputs * self.num_symbols, hidden_size
        )  # a weight for each input of one-hots
        self.bias = nn.Parameter(torch.zeros(hidden_size))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size, inputs * self.voices * self.num_symbols)
        nn.init.normal_(self.input.weight, std=(2 / inputs) ** 0.5)

    def init_state(self, source_ids: Tensor, plan: Tensor | None = None) -> MiniBachState:
        """The state after the melody and before the first id.

        Args:
            source_ids: (B, S), padded at the end with 0; it begins on the bar on which the target begins.
            plan: none: it has no planner.
        """
        assert plan is None
        return self.start(*self.encode(source_ids))

    def encode(self, source_ids: Tensor) -> Scores:
        """The scores of the accompaniments to melodies, (B, S).

        In training the first excerpt begins up to three bars before the melody, at random, so that the bars
        of a piece are not always in the same places of their excerpts.
        """
        phase = int(torch.randint(EXCERPT, ())) if self.training else 0
        kind = self.kind[source_ids]
        is_bar, is_symbol = kind == Kind.BAR.value, kind >= Kind.PITCH.value
        bar = is_bar.cumsum(1) - 1  # (B, S) from 0
        position = count_since(is_symbol, is_bar, torch.zeros_like(bar[:, 0])) - 1
        bars = int(bar.max()) + 1
        # The hidden layer of each excerpt, (B, W, H): the sum of the weights of its inputs.
        place = (bar + phase) % EXCERPT * self.positions + position
        row = place * self.num_symbols + source_ids - self.first
        weights = self.input(torch.where(is_symbol, row, 0)) * is_symbol[..., None]  # (B, S, H)
        excerpt = ((bar + phase) // EXCERPT).clamp(min=0)[..., None].expand_as(weights)
        sums = weights.new_zeros(len(source_ids), -(-(bars + phase) // EXCERPT), weights.shape[2])
        hidden = self.dropout((sums.scatter_add(1, excerpt, weights) + self.bias).relu())
        symbols = self.output(hidden).view(
            len(source_ids), -1, self.positions * self.voices, self.num_symbols
        )
        metres = source_ids.new_zeros(len(source_ids), bars)
        metres = metres.scatter_reduce(
            1, bar.clamp(min=0), torch.where(kind == Kind.TIME_SIGNATURE.value, source_ids, 0), "amax"
        )
        return Scores(symbols[:, phase : phase + bars].flatten(1, 2), metres)

    def start(self, symbols: Tensor, metres: Tensor) -> MiniBachState:
        """The state before the first id, with these `Scores`."""
        return MiniBachState(Scores(symbols, metres), metres.new_zeros(len(metres), 2))

    def functions(self) -> dict[str, Function]:
        """What sampling calls besides `forward`: "encode" and "start" as above, and "nats"."""
        ids = torch.arange(1, 22).view(3, 7)
        scores = self.encode(ids)
        return {
            "encode": Function(self.encode, (ids,)),
            "start": Function(self.start, tuple(scores)),
            "nats": Function(self._nats, (ids, *scores)),
        }

    def _nats(self, ids: Tensor, *scores: Tensor) -> Tensor:
        return token_nats(self(ids[:, :-1], self.start(*scores))[0], ids[:, 1:])

    def forward(self, ids: Tensor, state: MiniBachState) -> tuple[Tensor, MiniBachState]:
        """Look up the scores of T ids of the target.

        Args:
            ids: (B, T).
            state: after the previous ids.

        Returns:
            Logits of the next id after each, (B, T, V), and the state after the last.
        """
        (symbols, metres), kind = state.memory, self.kind[ids]
        is_bar = kind == Kind.BAR.value
        bar = state.place[:, :1] + is_bar.cumsum(1)  # (B, T) from 1
        place = count_since(kind >= Kind.PITCH.value, is_bar, state.place[:, 1])
        at = (bar - 1) * self.positions * self.voices + place
        found = rows_at(symbols, at.clamp(0, symbols.shape[1] - 1))  # (B, T, Y)
        logits = nn.functional.pad(found, (self.first, 0), value=NEVER)
        # Bar lines, time signatures and the end follow from the melody.
        metre = metres.gather(1, (bar - 1).clamp(0, metres.shape[1] - 1))
        is_full = (bar == 0) | (place >= self.lengths[metre])
        logits = torch.where((is_bar | is_full)[..., None], self._marks(is_bar, bar, metre, metres), logits)
        return logits, MiniBachState(state.memory, torch.stack([bar[:, -1], place[:, -1]], dim=1))

    def _marks(self, is_bar: Tensor, bar: Tensor, metre: Tensor, metres: Tensor) -> Tensor:
        """Logits where no voice is next, (B, T, V): the metre after a bar line, else a bar line.

        After the last bar of an excerpt of a melody it is a bar line or the end, equally likely.
        """
        follows = torch.where(is_bar, metre, self.bar_id)
        logits = torch.full((*bar.shape, len(self.kind)), NEVER, device=bar.device)
        logits = logits.scatter(2, follows[..., None], 0.0)
        is_last = ~is_bar & (bar >= (metres > 0).sum(dim=1, keepdim=True))
        ends = torch.where(is_last, 0.0, logits[..., self.eos_id])
        return logits.index_copy(2, torch.tensor([self.eos_id], device=bar.device), ends[..., None])
