"""The grammar of clips of one line: masks over the vocabulary, so that every stream fills exactly its bars.

The rules, vectorised over the batch: a pitch or a rest, then its duration, at most the rest of the clip; at
least one note; a rest follows another only if that was too long for one id.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from musegen.tokenizers.line import EXACT
from musegen.tokenizers.stream_state import BatchRules, Device, either
from musegen.tokenizers.tables import Kind, Tables


class LineState(NamedTuple):
    """The state of each row of a batch, (B,) int64 each."""

    kind: Tensor
    """Kind of the last id."""
    remaining: Tensor
    """Remaining positions of the clip; 0 before the metre."""
    is_rest: Tensor
    """1 if the last pitch or rest is a rest."""
    may_rest: Tensor
    """1 if the last duration allows a rest after it."""
    has_note: Tensor
    """1 after the first note."""


class LineGrammar(BatchRules):
    """Tracks a batch of streams and masks what may come next.

    Args:
        tables: of a line.
        device: of the masks.
    """

    def __init__(self, tables: Tables, device: Device) -> None:
        super().__init__(tables, device)
        self.duration = self.column(tables.duration)

    def init_state(self, batch_size: int) -> LineState:
        """Before BOS."""
        zero = self.kind.new_zeros(batch_size)
        return LineState(zero + int(Kind.BOS), zero, zero, zero + 1, zero)

    def advance(self, state: LineState, ids: Tensor) -> LineState:
        """The state after one more id per row, (B,)."""
        where, kind = torch.where, self.kind[ids]
        is_duration = kind == Kind.DURATION.value
        duration = where(is_duration, self.duration[ids], 0)
        is_rest = where(kind == Kind.REST.value, 1, where(kind == Kind.PITCH.value, 0, state.is_rest))
        may_rest = ((is_rest == 0) | (duration > EXACT)) * 1
        is_metre = kind == Kind.TIME_SIGNATURE.value
        return LineState(
            kind=kind,
            remaining=where(is_metre, self.limits.length[ids], state.remaining - duration),
            is_rest=is_rest,
            may_rest=where(is_duration, may_rest, state.may_rest),
            has_note=state.has_note | (kind == Kind.PITCH.value),
        )

    def mask(self, state: LineState) -> Tensor:
        """Which ids may come next, (B, V); at least one per row."""
        of, kind, remaining = self.of_kind, state.kind[:, None], state.remaining[:, None]
        # A rest before the first note leaves one position for a note.
        room = remaining - ((state.has_note == 0) & (state.is_rest == 1))[:, None] * 1
        can_rest = (state.may_rest == 1) & (state.remaining > (state.has_note == 0) * 1)
        sounds = (self.limits.pitches > 0) | (of[Kind.REST] & can_rest[:, None])
        more = either(remaining > 0, sounds, of[Kind.EOS])
        is_sound = (kind == Kind.PITCH.value) | (kind == Kind.REST.value)
        mask = either(is_sound, of[Kind.DURATION] & (self.duration <= room), more)
        mask = either(kind == Kind.BOS.value, of[Kind.BAR], mask)
        mask = either(kind == Kind.BAR.value, self.limits.metres > 0, mask)
        return either((kind == Kind.EOS.value) | (kind == Kind.PAD.value), of[Kind.PAD], mask)
