"""The language model: a stacked RNN that knows the bar and what stood there some bars ago."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.grid_place import GridTracker
from musegen.models.place import WIDEST, Place, PlaceState, PlaceTracker
from musegen.models.rnn import LockedDropout, RNNState, StackedRNN

PHRASE_BARS = 16
"""The model counts bars modulo this many: tunes are built of phrases of 2, 4, 8 and 16 bars."""


class LMState(NamedTuple):
    """Everything the next step needs."""

    rnn: RNNState
    place: PlaceState


class LanguageModel(nn.Module):
    """Next-id model of token streams.

    It hears pitches both as they are and as intervals, so that what it learns of a tune in one key it
    knows in all. All at once equals step by step: for any cutting of T into chunks the logits are the same.

    Args:
        tracker: follows the stream through its bars.
        cell: "lstm", "gru" or "rnn".
        embedding_dim: width of the token embedding.
        hidden_size: H.
        num_layers: recurrent layers.
        dropout: in the inputs, between the layers and before the logits.
    """

    def __init__(
        self,
        *,
        tracker: PlaceTracker | GridTracker,
        cell: str = "lstm",
        embedding_dim: int = 128,
        hidden_size: int = 384,
        num_layers: int = 2,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self._pitch_ids: Tensor
        self._pitches: Tensor
        self.vocab_size = tracker.vocab_size
        self.tracker = tracker
        self.embedding = nn.Embedding(self.vocab_size, embedding_dim, padding_idx=0)
        self.place = nn.Embedding(self.tracker.num_places, hidden_size)
        self.metre = nn.Embedding(self.tracker.num_metres, hidden_size)
        self.phrase = nn.Embedding(PHRASE_BARS, hidden_size)
        lags = tracker.num_lookbacks
        self.interval = nn.Embedding(2 * WIDEST + 2, embedding_dim // 2)
        told = embedding_dim * (1 + tracker.num_recent + lags) + 2 * lags + 12
        told += embedding_dim // 2 * tracker.num_intervals
        self.input = nn.Linear(told, hidden_size)
        self.dropout = LockedDropout(dropout)
        self.rnn = StackedRNN(
            cell=cell, input_size=hidden_size, hidden_size=hidden_size, num_layers=num_layers, dropout=dropout
        )
        self.logits = nn.Linear(hidden_size, self.vocab_size)
        self.leap = nn.Linear(hidden_size, 2 * WIDEST + 1)
        pitch_ids = torch.nonzero(tracker.pitch >= 0).flatten()
        self.register_buffer("_pitch_ids", pitch_ids, persistent=False)
        self.register_buffer("_pitches", tracker.pitch[pitch_ids], persistent=False)
        self.copy = nn.Linear(hidden_size + 2 * lags, lags) if lags else None
        for embedding in (self.place, self.metre, self.phrase):
            nn.init.normal_(embedding.weight, std=0.05)

    def init_state(self, batch_size: int) -> LMState:
        """Silence: the state before the first id."""
        return LMState(self.rnn.init_state(batch_size), self.tracker.init_state(batch_size))

    def forward(self, ids: Tensor, state: LMState) -> tuple[Tensor, LMState]:
        """Follow T ids.

        Args:
            ids: (B, T).
            state: after the ids before.

        Returns:
            Logits of the next id after each, (B, T, V), and the state after the last.
        """
        place, place_state = self.tracker(ids, state.place)
        runs = _run_features(place.runs)  # (B, T, 2L)
        output, rnn_state = self.rnn(self.dropout(self._inputs(ids, place, runs)), state.rnn)
        output = self.dropout(output)  # (B, T, H)
        logits = self.logits(output)  # (B, T, V)
        logits = logits.index_add(-1, self._pitch_ids, self._leaps(output, place).to(logits.dtype))
        if self.copy is not None:
            # A raised logit for the id each look-back points at, by how much the model trusts it:
            # an RNN alone does not copy eight bars.
            trust = self.copy(torch.cat([output, runs.to(output.dtype)], dim=-1)).to(
                logits.dtype
            )  # (B, T, L)
            logits = logits.scatter_add(-1, place.lookback, trust * (place.lookback > 0))
        return logits, LMState(rnn_state, place_state)

    def _leaps(self, output: Tensor, place: Place) -> Tensor:
        """What speaks for each pitch by its interval from the last one, whatever the key, (B, T, pitches)."""
        steps = self._pitches - place.last_pitch[..., None]  # (B, T, pitches)
        leaps = self.leap(output).gather(-1, steps.clamp(-WIDEST, WIDEST) + WIDEST)
        is_known = (place.last_pitch >= 0)[..., None]
        return torch.where(is_known, leaps, 0.0)

    def _inputs(self, ids: Tensor, place: Place, runs: Tensor) -> Tensor:
        tokens = torch.cat([ids[..., None], place.recent, place.lookback], dim=-1)  # (B, T, 1 + R + L)
        parts = [
            self.embedding(tokens).flatten(2),
            self.interval(place.intervals).flatten(2),
            runs,
            place.scale,
        ]
        told: Tensor = (
            self.input(torch.cat(parts, dim=-1))
            + self.place(place.place)
            + self.metre(place.metre)
            + self.phrase(place.bar % PHRASE_BARS)
        )
        return told


def _run_features(runs: Tensor) -> Tensor:
    """Whether each look-back foretold the last id, and for how long it has, (B, T, 2L)."""
    return torch.cat([(runs > 0).float(), torch.log1p(runs.float()) / 4], dim=-1)
