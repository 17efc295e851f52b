"""The decoder of all families: a backbone with features of the bar and of the bars before it.

Its inputs and outputs have pitches both as they are and as intervals, so that what it learns in one key it
knows in all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.backbone import make_backbone
from musegen.models.lookups import Lookups, look_up, make_lookups, split_lookups
from musegen.models.position.features import WIDEST, InputLayout, StepFeatures, Tracker, TrackerState
from musegen.models.rnn import LockedDropout


class DecoderState(NamedTuple):
    """The state between two steps."""

    rnn: Any
    """Of the backbone."""
    place: TrackerState


class StreamDecoder(nn.Module):
    """The layers from ids to logits; a family calls `tracker`, `run` and `score` in turn.

    Args:
        tracker: follows the stream through its bars.
        embedding_dim: width of the token embedding.
        hidden_size: H.
        dropout: in the inputs, between the layers and before the logits.
        features: whether the ids have features; without them the backbone gets the ids alone.
        extra_references: reference pitches for intervals beyond the tracker's.
        input_dropout: share of the steps at which training hides the ids and keeps only the position.
        **backbone: the other arguments of `make_backbone`.
    """

    _pitch_ids: Tensor
    pitches: Tensor
    """(P,) the MIDI pitches of the pitch ids, in the order of the ids."""
    _interval_index: Tensor

    def __init__(
        self,
        *,
        tracker: Tracker,
        embedding_dim: int,
        hidden_size: int,
        dropout: float,
        features: bool = True,
        extra_references: int = 0,
        input_dropout: float = 0.0,
        **backbone: Any,
    ) -> None:
        super().__init__()
        layout = tracker.layout if features else InputLayout(recent=0, lookback=0, intervals=0, places={})
        references = (tracker.num_references if features else 0) + extra_references
        self.vocab_size, self.hidden_size = tracker.vocab_size, hidden_size
        self.tracker, self.layout, self.input_dropout = tracker, layout, input_dropout
        self.has_features = features
        self._kept: Lookups | None = None
        # Embeddings of the inputs: ids, positions, intervals.
        self.embedding = nn.Embedding(self.vocab_size, embedding_dim, padding_idx=0)
        for name, rows in layout.places.items():
            self.add_module(name, nn.Embedding(rows, hidden_size))
        self.interval = nn.Embedding(2 * WIDEST + 2, embedding_dim // 2) if references else None
        width = layout.width(embedding_dim) if features else embedding_dim
        self.input = nn.Linear(width, hidden_size)
        self.dropout = LockedDropout(dropout)
        self.rnn = make_backbone(input_size=hidden_size, hidden_size=hidden_size, dropout=dropout, **backbone)
        # Output heads.
        self.logits = nn.Linear(hidden_size, self.vocab_size)
        self.leap = nn.Linear(hidden_size, references * (2 * WIDEST + 1)) if references else None
        has_others, lags = features and tracker.knows_motion and references > 1, layout.lookback
        self.parallel = nn.Linear(hidden_size, 12) if has_others else None
        self.copy = nn.Linear(hidden_size + 2 * lags, lags) if lags else None
        for name in layout.places:
            nn.init.normal_(getattr(self, name).weight, std=0.05)
        self._register_pitches(tracker.pitch)

    def _register_pitches(self, pitch: Tensor) -> None:
        """Register the buffers that follow from the MIDI pitch of each id, (V,), -1 where it has none."""
        ids = torch.nonzero(pitch >= 0).flatten()
        self.register_buffer("_pitch_ids", ids, persistent=False)
        self.register_buffer("pitches", pitch[ids], persistent=False)
        # (129, P) the interval from each reference pitch, the last of which is -1, to each pitch; without a
        # reference the index after the last interval.
        start = torch.arange(129)[:, None]
        intervals = (self.pitches - start).clamp(-WIDEST, WIDEST) + WIDEST
        index = torch.where(start < 128, intervals, 2 * WIDEST + 1)
        self.register_buffer("_interval_index", index, persistent=False)

    def init_state(self, batch_size: int) -> DecoderState:
        """The state before the first id."""
        return DecoderState(self.rnn.init_state(batch_size), self.tracker.init_state(batch_size))

    def run(self, step: StepFeatures, state: Any, context: Tensor | None = None) -> tuple[Tensor, Any]:
        """The backbone over T ids.

        Args:
            step: of the ids.
            state: after the previous ids.
            context: (B, T, H) another input, which is added.

        Returns:
            (B, T, H), and the state after the last id.
        """
        inputs = self._inputs(step)
        output, after = self.rnn(self.dropout(inputs if context is None else inputs + context), state)
        return self.dropout(output), after

    def score(
        self,
        output: Tensor,
        step: StepFeatures,
        references: Tensor | None = None,
        motion: Tensor | None = None,
        more: Tensor | None = None,
    ) -> Tensor:
        """Logits of the next id after each, (B, T, V).

        Args:
            output: (B, T, H) of `run`, perhaps changed.
            step: of the ids.
            references: (B, T, A') more reference pitches for intervals, -1 for none.
            motion: (B, T, A') semitones by which each of these has just moved.
            more: (B, T, P) other logits of each of `pitches`.
        """
        logits, intervals, copying = self._heads(output, step.features[..., : 2 * self.layout.lookback])
        known = step.reference_pitches if self.has_features else step.reference_pitches[..., :0]
        known = known if references is None else torch.cat([known, references], dim=2)
        pitch_logits = more if intervals is None else self._by_interval(intervals, known)
        if pitch_logits is None:
            return logits
        if more is not None and intervals is not None:
            pitch_logits = pitch_logits + more
        if self.parallel is not None:
            moved = step.motion if motion is None else torch.cat([step.motion, motion], dim=2)
            pitch_logits = pitch_logits + self._parallels(self.parallel(output), known, moved)
        # Not in place: autograd would take that for writing into a view and copy all gradients several times.
        logits = logits.index_add(-1, self._pitch_ids, pitch_logits.to(logits.dtype))
        if copying is None:
            return logits
        # Copy logits raise the id that each look-back points at: an RNN alone does not copy eight bars.
        return logits.scatter_add(-1, step.lookback, copying.to(logits.dtype) * (step.lookback > 0))

    def _heads(self, output: Tensor, predicted: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Token logits, (B, T, V), interval logits, (B, T, A * (intervals + 1)), copy logits, (B, T, L)."""
        if torch.is_autocast_enabled(output.device.type):  # once for all three
            output = output.to(torch.get_autocast_dtype(output.device.type))
        if self.leap is None:
            return self.logits(output), None, None
        each = self.leap(output).view(*output.shape[:-1], -1, 2 * WIDEST + 1)
        intervals = nn.functional.pad(each, (0, 1)).flatten(-2)  # 0 without a reference pitch
        if self.copy is None:
            return self.logits(output), intervals, None
        own, known = self.copy.weight[:, : self.hidden_size], self.copy.weight[:, self.hidden_size :]
        copying = nn.functional.linear(output, own) + nn.functional.linear(predicted, known, self.copy.bias)
        return self.logits(output), intervals, copying

    def _by_interval(self, intervals: Tensor, references: Tensor) -> Tensor:
        """Logits of each pitch by its interval from each reference, in any key, (B, T, P)."""
        each = intervals.view(*references.shape, 2 * WIDEST + 2)  # (B, T, A, intervals + 1)
        logits = each.gather(-1, self._interval_index[references])
        return logits[..., 0, :] if references.shape[-1] == 1 else logits.sum(dim=-2)

    def _parallels(self, weights: Tensor, references: Tensor, motion: Tensor) -> Tensor:
        """Logits of moving in parallel with another voice, by the interval between them, (B, T, P).

        Args:
            weights: (B, T, 12) by interval modulo octaves.
            references: (B, T, A) this voice's pitch, then the others'.
            motion: (B, T, A - 1) of the others.
        """
        own, others = references[..., :1], references[..., 1:]
        moved_to = own + motion  # (B, T, A - 1) where this voice would move
        logits = weights.gather(-1, (others - moved_to) % 12)
        can_follow = (own >= 0) & (others >= 0) & (motion != 0)
        is_target = (self.pitches == moved_to[..., None]) & can_follow[..., None]  # (B, T, A - 1, P)
        return torch.where(is_target, logits[..., None], 0.0).sum(dim=-2)

    def tables(self) -> Lookups | None:
        """The input layer as look-up tables; None: it has no features."""
        if not self.has_features:
            return None
        assert self.interval is not None
        rows = [(self.embedding, self.layout.ids), (self.interval, self.layout.intervals)]
        return make_lookups(self.input, rows, [getattr(self, name) for name in self.layout.places])

    @contextmanager
    def keeping(self, tables: Lookups | None) -> Iterator[None]:
        """Within the block the weights stay as they are, of which these are the `tables`."""
        self._kept = tables
        try:
            yield
        finally:
            self._kept = None

    def _inputs(self, step: StepFeatures) -> Tensor:
        tables, is_hiding = self._kept or self.tables(), self.training and self.input_dropout > 0
        if not is_hiding:
            if tables is None:
                inputs: Tensor = self.input(self.embedding(step.inputs[..., 0]))
                return inputs
            return look_up(tables, step.inputs, step.features)
        hidden = torch.rand(*step.bar.shape, 1, device=step.bar.device) < self.input_dropout
        if tables is None:
            inputs = self.input(self.embedding(step.inputs[..., 0]))
            return inputs.masked_fill(hidden, 0.0)
        music, where = split_lookups(tables, self.layout.music)
        known = look_up(music, step.inputs[..., : self.layout.music], step.features)
        return known.masked_fill(hidden, 0.0) + look_up(where, step.inputs[..., self.layout.music :])
