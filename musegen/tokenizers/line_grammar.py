"""What may follow in a clip of one line: masks that make every stream fill exactly its bars.

The rules, vectorised over the batch: a pitch or a rest, then how long it lasts, no longer than the bars that
are left; a note somewhere; a rest follows another only where that was too long for one id.
On tensors or numpy arrays alike (see `arrays.py`).
"""

from typing import NamedTuple

import torch

from musegen.errors import ConfigError
from musegen.tokenizers.arrays import Array, where
from musegen.tokenizers.grammar import Constraints
from musegen.tokenizers.line import EXACT
from musegen.tokenizers.stream_state import BatchRules, Device
from musegen.tokenizers.tables import Kind, Tables


class LineState(NamedTuple):
    """Where each row of a batch stands, (B,) int64 each."""

    kind: Array
    """Kind of the last id."""
    left: Array
    """Positions that are left; 0 before the metre."""
    is_rest: Array
    """1 while a rest is written."""
    may_rest: Array
    """1 where a rest may come next, as far as the last duration tells."""
    has_note: Array
    """1 once a note has been written."""


class LineGrammar(BatchRules):
    """Follows a batch of streams and says what may come next.

    Args:
        tables: of a line.
        constraints: how many bars, in which metre, with which pitches.
        device: where the masks are wanted.

    Raises:
        ConfigError: the constraints leave no pitch.
    """

    def __init__(self, tables: Tables, constraints: Constraints, *, device: Device = "cpu") -> None:
        super().__init__(tables, device)
        column = self.column
        assert constraints.bars is not None
        self.is_time = self.is_time | self.of_kind[Kind.REST]
        self.duration = column(tables.duration)
        self.length = constraints.bars * column(tables.bar_positions)  # of the clip, by the id of its metre
        metres = set(constraints.metre_ids) or {constraints.time_signature_id} - {None}
        self.metres = self.of_kind[Kind.TIME_SIGNATURE]
        if metres:
            self.metres = self.metres & torch.isin(column(range(len(self.kind))), column(list(metres)))
        wanted = range(128) if constraints.pitches is None else sorted(constraints.pitches)
        self.pitches = torch.isin(column(tables.pitch), column(list(wanted))) & self.of_kind[Kind.PITCH]
        if not bool(self.pitches.any()):
            raise ConfigError("the scale and range together leave no pitch to write; widen one of them")

    def init_state(self, batch_size: int) -> LineState:
        """Before BOS."""
        zero = self.kind[:1].repeat(batch_size) * 0
        return LineState(zero + int(Kind.BOS), zero, zero, zero + 1, zero)

    def advance(self, state: LineState, ids: Array) -> LineState:
        """The state after one more id a row, (B,)."""
        kind = self.kind[ids]
        is_duration = kind == Kind.DURATION.value
        lasts = where(is_duration, self.duration[ids], 0)
        is_rest = where(kind == Kind.REST.value, 1, where(kind == Kind.PITCH.value, 0, state.is_rest))
        may_rest = (is_rest == 0) | (lasts > EXACT)
        return LineState(
            kind=kind,
            left=where(kind == Kind.TIME_SIGNATURE.value, self.length[ids], state.left - lasts),
            is_rest=is_rest,
            may_rest=where(is_duration, may_rest, state.may_rest),
            has_note=state.has_note | (kind == Kind.PITCH.value),
        )

    def mask(self, state: LineState) -> Array:
        """Which ids may come next, (B, V); at least one a row."""
        of, kind, left = self.of_kind, state.kind[:, None], state.left[:, None]
        # Before the first note a rest leaves a position for one.
        room = left - ((state.has_note == 0) & (state.is_rest == 1))[:, None] * 1
        can_rest = (state.may_rest == 1) & (state.left > (state.has_note == 0) * 1)
        sounds = self.pitches | (of[Kind.REST] & can_rest[:, None])
        more = where(left > 0, sounds, of[Kind.EOS])
        is_sound = (kind == Kind.PITCH.value) | (kind == Kind.REST.value)
        mask = where(is_sound, of[Kind.DURATION] & (self.duration <= room), more)
        mask = where(kind == Kind.BOS.value, of[Kind.BAR], mask)
        mask = where(kind == Kind.BAR.value, self.metres, mask)
        return where((kind == Kind.EOS.value) | (kind == Kind.PAD.value), of[Kind.PAD], mask)
