"""What every family's decoder is made of: recurrent layers that know the bar and the bars before it.

It hears pitches both as they are and as intervals, so that what it learns of a tune in one key it knows
in all.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.grid_place import GridTracker
from musegen.models.lookups import Lookups, cut, look_up, tabled
from musegen.models.place import MOST_LEFT, PHRASE_BARS, WIDEST, Place, PlaceState, PlaceTracker
from musegen.models.rnn import LockedDropout, RNNState, StackedRNN


class DecoderState(NamedTuple):
    """Everything the next step needs."""

    rnn: RNNState
    place: PlaceState


class Prepared(NamedTuple):
    """Of a decoder, laid out for steps of one id."""

    tables: Lookups
    """The input layer."""
    heads: Callable[[Tensor], Tensor]
    """(B, H) to the logits, the leaps and the trust in the look-backs, side by side."""
    widths: list[int]
    """Of these three."""
    foretold: Tensor | None
    """(2L, L) what the look-backs' part of `Place.figures` adds to the trust; None: there are none."""


class StreamDecoder(nn.Module):
    """The layers between ids and logits; a family calls `follow`, `run` and `score` in turn.

    Args:
        tracker: follows the stream through its bars.
        cell: "lstm", "gru" or "rnn".
        embedding_dim: width of the token embedding.
        hidden_size: H.
        num_layers: recurrent layers.
        dropout: in the inputs, between the layers and before the logits.
        weight_dropout: of the recurrent weights.
        more_anchors: pitches beyond the tracker's from which the next may be reckoned.
        input_dropout: share of the steps at which training hides the ids and tells the place alone.
    """

    def __init__(
        self,
        *,
        tracker: PlaceTracker | GridTracker,
        cell: str,
        embedding_dim: int,
        hidden_size: int,
        num_layers: int,
        dropout: float,
        weight_dropout: float = 0.0,
        more_anchors: int = 0,
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self._pitch_ids: Tensor
        self._pitches: Tensor
        self._leading: Tensor
        self.vocab_size, self.hidden_size = tracker.vocab_size, hidden_size
        self.tracker = tracker
        self.input_dropout = input_dropout
        self.embedding = nn.Embedding(self.vocab_size, embedding_dim, padding_idx=0)
        self.place = nn.Embedding(tracker.num_places, hidden_size)
        self.metre = nn.Embedding(tracker.num_metres, hidden_size)
        self.phrase = nn.Embedding(PHRASE_BARS, hidden_size)
        tells_lengths = isinstance(tracker, PlaceTracker) and tracker.tells_lengths
        self.left = nn.Embedding(MOST_LEFT + 1, hidden_size) if tells_lengths else None
        lags = tracker.num_lookbacks
        self.interval = nn.Embedding(2 * WIDEST + 2, embedding_dim // 2)
        told = embedding_dim * (1 + tracker.num_recent + lags) + 2 * lags + 12
        told += embedding_dim // 2 * tracker.num_intervals
        self.input = nn.Linear(told, hidden_size)
        self.prepared: Prepared | None = None
        """What is made of the weights, kept where they stay as they are (see models/stepping.py)."""
        self.dropout = LockedDropout(dropout)
        self.rnn = StackedRNN(
            cell=cell,
            input_size=hidden_size,
            hidden_size=hidden_size,
            num_layers=num_layers,
            dropout=dropout,
            weight_dropout=weight_dropout,
        )
        self.logits = nn.Linear(hidden_size, self.vocab_size)
        self.leap = nn.Linear(hidden_size, (tracker.num_anchors + more_anchors) * (2 * WIDEST + 1))
        pitch_ids = torch.nonzero(tracker.pitch >= 0).flatten()
        self.register_buffer("_pitch_ids", pitch_ids, persistent=False)
        self.register_buffer("_pitches", tracker.pitch[pitch_ids], persistent=False)
        # (129, P) by the anchor, of which -1 is the last: which leap leads to each pitch; one beyond the last
        # where there is no anchor.
        anchors = torch.arange(129)[:, None]
        apart = (self._pitches - anchors).clamp(-WIDEST, WIDEST) + WIDEST
        leading = torch.where(anchors < 128, apart, 2 * WIDEST + 1)
        self.register_buffer("_leading", leading, persistent=False)
        first, last = int(pitch_ids[0]), int(pitch_ids[-1])
        in_a_row = last - first == len(pitch_ids) - 1
        self._struck = slice(first, last + 1) if in_a_row else None  # reads and adds without indices
        others = tracker.num_anchors - 1 + more_anchors
        self.parallel = nn.Linear(hidden_size, 12) if isinstance(tracker, GridTracker) and others else None
        self.copy = nn.Linear(hidden_size + 2 * lags, lags) if lags else None
        for embedding in self._stands:
            nn.init.normal_(embedding.weight, std=0.05)

    @property
    def _stands(self) -> list[nn.Embedding]:
        """Of the last slots of `Place.told`."""
        return [self.place, self.metre, self.phrase, *([] if self.left is None else [self.left])]

    @property
    def pitches(self) -> Tensor:
        """(P,) the MIDI pitches that ids strike, ascending in their ids."""
        return self._pitches

    def init_state(self, batch_size: int) -> DecoderState:
        """Silence: the state before the first id."""
        return DecoderState(self.rnn.init_state(batch_size), self.tracker.init_state(batch_size))

    def follow(self, ids: Tensor, state: PlaceState) -> tuple[Place, PlaceState]:
        """Where each of T more ids, (B, T), stands in the music."""
        place, after = self.tracker(ids, state)
        return place, after

    def run(self, place: Place, state: RNNState, told: Tensor | None = None) -> tuple[Tensor, RNNState]:
        """The recurrent layers over T ids.

        Args:
            place: of the ids.
            state: after the ids before.
            told: (B, T, H) what else each step is told.

        Returns:
            (B, T, H), and the state after the last id.
        """
        inputs = self._inputs(place)
        output, after = self.rnn(self.dropout(inputs if told is None else inputs + told), state)
        return self.dropout(output), after

    def score(
        self,
        output: Tensor,
        place: Place,
        anchors: Tensor | None = None,
        motion: Tensor | None = None,
        more: Tensor | None = None,
    ) -> Tensor:
        """Logits of the next id after each, (B, T, V).

        Args:
            output: (B, T, H) of `run`, perhaps with more added.
            place: of the ids.
            anchors: (B, T, A') more pitches from which the next may be reckoned, -1 where there is none.
            motion: (B, T, A') semitones by which each of these has just moved.
            more: (B, T, P) what else speaks for each of `pitches`.
        """
        logits, leaps, trust = self._heads(output, place.figures[..., : 2 * self.tracker.num_lookbacks])
        known = place.anchors if anchors is None else torch.cat([place.anchors, anchors], dim=2)
        spoken = self._leaps(leaps, known)
        if more is not None:
            spoken = spoken + more
        if self.parallel is not None:
            moved = place.motion if motion is None else torch.cat([place.motion, motion], dim=2)
            spoken = spoken + self._parallels(self.parallel(output), known, moved)
        if self._struck is None or self.prepared is None:
            logits = logits.index_add_(-1, self._pitch_ids, spoken.to(logits.dtype))
        else:  # quicker, and slower where gradients have to come back
            logits[..., self._struck].add_(spoken)
        if trust is None:
            return logits
        # A raised logit for the id each look-back points at, by how much the model trusts it:
        # an RNN alone does not copy eight bars.
        return logits.scatter_add_(-1, place.lookback, trust.to(logits.dtype) * (place.lookback > 0))

    def _heads(self, output: Tensor, foretold: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Logits, (B, T, V), leaps, (B, T, A * (intervals + 1)), and trust in the look-backs, (B, T, L)."""
        if self.prepared is not None:
            made = self.prepared.heads(output[:, 0])[:, None]
            logits, leaps, trust = torch.split(made, self.prepared.widths, dim=-1)
            known = self.prepared.foretold
            return (
                logits,
                leaps,
                None if known is None else torch.addmm(trust[:, 0], foretold[:, 0], known)[:, None],
            )
        if torch.is_autocast_enabled(output.device.type):  # once for all three
            output = output.to(torch.get_autocast_dtype(output.device.type))
        each = self.leap(output).view(*output.shape[:-1], -1, 2 * WIDEST + 1)
        leaps = nn.functional.pad(each, (0, 1)).flatten(-2)  # a pitch from which nothing is reckoned
        if self.copy is None:
            return self.logits(output), leaps, None
        own, known = self.copy.weight[:, : self.hidden_size], self.copy.weight[:, self.hidden_size :]
        trust = nn.functional.linear(output, own) + nn.functional.linear(foretold, known, self.copy.bias)
        return self.logits(output), leaps, trust

    def prepare(self, packed: Callable[[Tensor, Tensor], Callable[[Tensor], Tensor]]) -> Prepared:
        """What is made of the weights; `packed` makes a layer of weight and bias."""
        leap = self.leap.weight.view(-1, 2 * WIDEST + 1, self.hidden_size)
        offset = self.leap.bias.view(-1, 2 * WIDEST + 1)
        layers: list[tuple[Tensor, Tensor]] = [
            (self.logits.weight, self.logits.bias),
            (
                nn.functional.pad(leap, (0, 0, 0, 1)).flatten(0, 1),
                nn.functional.pad(offset, (0, 1)).flatten(),
            ),
        ]
        known = None
        if self.copy is not None:
            layers.append((self.copy.weight[:, : self.hidden_size], self.copy.bias))
            known = self.copy.weight[:, self.hidden_size :].t().contiguous()
        widths = [len(bias) for _, bias in layers] + [0] * (known is None)
        weight, bias = torch.cat([each for each, _ in layers]), torch.cat([each for _, each in layers])
        tables = self.tables()
        tables = tables._replace(weight=tables.weight.contiguous())
        return Prepared(tables, packed(weight, bias), widths, known)

    def _leaps(self, leaps: Tensor, anchors: Tensor) -> Tensor:
        """What speaks for each pitch by its interval from each anchor, whatever the key, (B, T, pitches)."""
        each = leaps.view(*anchors.shape, 2 * WIDEST + 2)  # (B, T, A, intervals + 1)
        spoken = each.gather(-1, self._leading[anchors])
        return spoken[..., 0, :] if anchors.shape[-1] == 1 else spoken.sum(dim=-2)

    def _parallels(self, weights: Tensor, anchors: Tensor, motion: Tensor) -> Tensor:
        """What speaks for moving along with another voice, by the interval kept, (B, T, pitches).

        Args:
            weights: (B, T, 12) by interval, octaves taken off.
            anchors: (B, T, A) this voice's pitch, then the others'.
            motion: (B, T, A - 1) of the others.
        """
        own, others = anchors[..., :1], anchors[..., 1:]
        along = own + motion  # (B, T, A - 1) where this voice would go
        spoken = weights.gather(-1, (others - along) % 12)
        can_follow = (own >= 0) & (others >= 0) & (motion != 0)
        is_there = (self._pitches == along[..., None]) & can_follow[..., None]  # (B, T, A - 1, pitches)
        return torch.where(is_there, spoken[..., None], 0.0).sum(dim=-2)

    def tables(self) -> Lookups:
        """The input layer as tables."""
        tracker = self.tracker
        tokens = 1 + tracker.num_recent + tracker.num_lookbacks
        return tabled(
            self.input,
            [(self.embedding, tokens), (self.interval, tracker.num_intervals)],
            self._stands,
        )

    def _inputs(self, place: Place) -> Tensor:
        tables = self.prepared.tables if self.prepared else self.tables()
        if not (self.training and self.input_dropout):
            return look_up(tables, place.told, place.figures)
        hidden = torch.rand(*place.bar.shape, 1, device=place.bar.device) < self.input_dropout
        heard = place.told.shape[-1] - len(self._stands)
        known, where = cut(tables, heard)
        inputs = look_up(known, place.told[..., :heard], place.figures).masked_fill(hidden, 0.0)
        return inputs + look_up(where, place.told[..., heard:])
