"""The state of a batch of event streams, updated id by id: what the rules of the grammar depend on.

Vectorised over the batch, without a branch on a value: the same operations serve every stream and request.
Voices (programs, parts, drums; a single one without programs) are rows of a table: the allowed ones in
ascending order, and a last row for all others, which occur only in prompts.
"""

import copy
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from musegen.tokenizers.tables import Ints, Kind, Tables

Device = torch.device | str

NEVER = torch.iinfo(torch.int64).max // 4
"""A tick later than any other."""


class StreamState(NamedTuple):
    """The state of each row of a batch; (B,) int64 unless another shape is given."""

    kind: Tensor
    """Kind of the last id."""
    bar: Tensor
    """Number of bars started, 0 before the first."""
    bar_tick: Tensor
    """Tick of the last bar line."""
    bar_positions: Tensor
    """Length of this bar in positions; 0 before the first metre."""
    position_ticks: Tensor
    """Length of a position in ticks."""
    position: Tensor
    """Position in the bar, -1 on the bar line before any."""
    voice: Tensor
    """Row of the voice whose note is being written."""
    last_note: Tensor
    """voice * 128 + pitch of the last note at this position, -1 if there is none."""
    end_tick: Tensor
    """The latest end of any note so far."""
    bar_content: Tensor
    """What has started in this bar so far: 0 nothing, 1 a metre or a tempo, 2 a note."""
    sounding: Tensor
    """(B, voices * 128) the tick until which each pitch sounds."""
    free_tick: Tensor
    """(B, voices) the tick from which each voice has an allowed pitch that is not sounding."""

    @property
    def tick(self) -> Tensor:
        """Tick of the position."""
        return self.bar_tick + self.position.clamp(min=0) * self.position_ticks

    @property
    def bar_length(self) -> Tensor:
        """Ticks of this bar."""
        return self.bar_positions * self.position_ticks


class BatchRules:
    """What all grammars share: the kinds of their tables, and the limits of a request."""

    limits: Any
    """Those of tokenizers/limits.py for these streams, as tensors."""

    def __init__(self, tables: Tables, device: Device) -> None:
        self.column = partial(torch.as_tensor, dtype=torch.int64, device=device)
        self.kind = self.column(tables.kind)
        self.pitch_class = self.column(tables.pitch_class)
        self.of_kind = torch.stack([self.kind == kind for kind in Kind])  # (kinds, V)
        self.end, self.line = (int(tables.ids(kind)[0]) for kind in (Kind.EOS, Kind.BAR))

    def under(self, limits: Any) -> Self:
        """The same grammar under other limits, numpy arrays or tensors."""
        other = copy.copy(self)
        other.limits = type(limits)(*(as_tensor(each, self.kind.device) for each in limits))
        return other

    def select(self, rows: Tensor) -> Self:
        """The grammar of some rows of the batch, by index, (B',)."""
        each = {name: getattr(self.limits, name) for name in self.limits.by_row}
        return self.under(self.limits._replace(**{n: v[rows] for n, v in each.items() if v.shape[0] > 1}))

    def silence(self, state: Any, _rows: Tensor) -> Any:
        """The same state: clips of a line start with nothing sounding."""
        return state


class EventRules(BatchRules):
    """Tracks the state of a batch of event streams."""

    def __init__(self, tables: Tables, device: Device) -> None:
        super().__init__(tables, device)
        self.pitch, self.positions_of, self.duration, self.bar_positions, self.position_ticks = (
            self.column(getattr(tables, name))
            for name in ("pitch", "position", "duration", "bar_positions", "position_ticks")
        )  # (V,) each; -1 where a column does not apply to an id

    def init_state(self, batch_size: int) -> StreamState:
        """The state before BOS."""
        zero = self.kind.new_zeros(batch_size)
        allowed = self.limits.allowed.view(self.limits.allowed.shape[0], -1, 128)
        free = torch.where(allowed.any(2), 0, NEVER)
        sounding = allowed.new_zeros(batch_size, self.limits.allowed.shape[1])
        state = StreamState(*(zero,) * len(StreamState._fields))
        state = state._replace(kind=zero + Kind.BOS, position=zero - 1, last_note=zero - 1)
        return state._replace(sounding=sounding, free_tick=free.expand(batch_size, -1))

    def advance(self, state: StreamState, ids: Tensor) -> StreamState:
        """The state after one more id per row, (B,). Ids of a prompt may break the rules."""
        where, kind = torch.where, self.kind[ids]
        is_bar, is_metre = kind == Kind.BAR.value, kind == Kind.TIME_SIGNATURE.value
        is_position = kind == Kind.POSITION.value
        bar_tick = where(is_bar & (state.bar > 0), state.bar_tick + state.bar_length, state.bar_tick)
        position_ticks = where(is_metre, self.position_ticks[ids], state.position_ticks)
        position = where(is_bar, -1, where(is_position, self.positions_of[ids], state.position))
        voice = where(kind == Kind.PROGRAM.value, self.limits.voice[ids], state.voice)
        last_note = where(is_bar | is_position, -1, state.last_note)
        last_note = where(kind == Kind.PITCH.value, voice * 128 + self.pitch[ids], last_note)
        note_end = bar_tick + (position + self.duration[ids]) * position_ticks
        note_end = where(kind == Kind.DURATION.value, note_end, -1)
        sounding, free_tick = self._sound(state, last_note, note_end)
        return StreamState(
            kind=kind,
            bar=state.bar + is_bar,
            bar_tick=bar_tick,
            bar_positions=where(is_metre, self.bar_positions[ids], state.bar_positions),
            position_ticks=position_ticks,
            position=position,
            voice=voice,
            last_note=last_note,
            end_tick=torch.maximum(state.end_tick, note_end),
            bar_content=self._bar_content(state, ids, kind),
            sounding=sounding,
            free_tick=free_tick,
        )

    def _sound(self, state: StreamState, key: Tensor, note_end: Tensor) -> tuple[Tensor, Tensor]:
        """`sounding` and `free_tick` after a note `key` (B,) that ends at `note_end` (B,), -1 for no note."""
        slot = key.clamp(min=0)[:, None]
        ends = torch.where(note_end[:, None] >= 0, note_end[:, None], state.sounding.gather(1, slot))
        sounding = state.sounding.scatter(1, slot, ends)
        voice = slot // 128
        allowed, until = self._of_voice(voice, sounding)
        free = torch.where(allowed, until, NEVER).amin(1, keepdim=True)
        return sounding, state.free_tick.scatter(1, voice, free)

    def _of_voice(self, voice: Tensor, sounding: Tensor) -> tuple[Tensor, Tensor]:
        """Which pitches one voice, (B, 1), may have, and `sounding` of them, (B, 128) each."""
        slots = voice * 128 + torch.arange(128, device=voice.device)
        allowed = self.limits.allowed.expand(voice.shape[0], -1)
        return allowed.gather(1, slots) > 0, sounding.gather(1, slots)

    def _bar_content(self, state: StreamState, ids: Tensor, kind: Tensor) -> Tensor:
        """`bar_content` after `ids` (B,): a metre counts if it differs from that of the previous bar."""
        changes = (self.bar_positions[ids] != state.bar_positions) | (
            self.position_ticks[ids] != state.position_ticks
        )
        mark = (kind == Kind.TEMPO.value) | ((kind == Kind.TIME_SIGNATURE.value) & changes)
        bar_content = torch.where(kind == Kind.BAR.value, 0, torch.maximum(state.bar_content, mark * 1))
        return torch.where(kind == Kind.DURATION.value, 2, bar_content)

    def silence(self, state: StreamState, rows: Tensor) -> StreamState:
        """The state with every note of some rows, (B,) bool, ended at the last bar line."""
        line = torch.where(rows, state.bar_tick, NEVER)
        free = torch.minimum(state.free_tick, line[:, None])
        return state._replace(
            end_tick=torch.minimum(state.end_tick, line),
            sounding=torch.minimum(state.sounding, line[:, None]),
            free_tick=torch.where(state.free_tick < NEVER, free, NEVER),
        )


def as_tensor(values: Tensor | Ints, device: Device) -> Tensor:
    """A tensor, or an array as one."""
    return torch.as_tensor(values if isinstance(values, Tensor) else np.array(values), device=device)


def either(condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """`torch.where` of masks, which not every machine has."""
    return (condition & yes) | (~condition & no)
