"""The state of a batch of event streams, updated id by id: what the rules of the grammar depend on.

Vectorised over the batch. Voices (programs, parts, drums; a single one without programs) are rows of a
table: the allowed ones in ascending order, and a last row for all others, which occur only in prompts.
Works on tensors and numpy arrays alike (see `arrays.py`).
"""

import copy
from functools import partial
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch

from musegen.tokenizers.arrays import Array, amin, arange, expand, gather, maximum, minimum, scatter, where
from musegen.tokenizers.tables import Kind, Tables

Device = torch.device | str

NEVER = torch.iinfo(torch.int64).max // 4
"""A tick later than any other."""


class Columns(NamedTuple):
    """`Tables` as tensors or numpy arrays, (V,) int64 each; -1 where a column does not apply to an id."""

    kind: Array
    pitch: Array
    position: Array
    duration: Array
    voice: Array
    """Row of the voice that a program id stands for."""
    bar_positions: Array
    position_ticks: Array


class StreamState(NamedTuple):
    """The state of each row of a batch; (B,) int64 unless another shape is given."""

    kind: Array
    """Kind of the last id."""
    bar: Array
    """Number of bars started, 0 before the first."""
    bar_tick: Array
    """Tick of the last bar line."""
    bar_positions: Array
    """Length of this bar in positions; 0 before the first metre."""
    position_ticks: Array
    """Length of a position in ticks."""
    position: Array
    """Position in the bar, -1 on the bar line before any."""
    voice: Array
    """Row of the voice whose note is being written."""
    last_note: Array
    """voice * 128 + pitch of the last note at this position, -1 if there is none."""
    end_tick: Array
    """The latest end of any note so far."""
    bar_content: Array
    """What has started in this bar so far: 0 nothing, 1 a metre or a tempo, 2 a note."""
    sounding: Array
    """(B, voices, 128) the tick until which each pitch sounds."""
    free_tick: Array
    """(B, voices) the tick from which each voice has an allowed pitch that is not sounding."""

    @property
    def tick(self) -> Array:
        """Tick of the position."""
        return self.bar_tick + maximum(self.position, self.position * 0) * self.position_ticks

    @property
    def bar_length(self) -> Array:
        """Ticks of this bar."""
        return self.bar_positions * self.position_ticks


class BatchRules:
    """What all grammars share: columns of their tables, and selection of rows of a batch."""

    by_row: ClassVar[tuple[str, ...]] = ()
    """The attributes with one row per row of the batch, or a single one for all."""

    def __init__(self, tables: Tables, device: Device) -> None:
        self.column = partial(torch.as_tensor, dtype=torch.int64, device=device)
        self.kind = self.column(tables.kind)
        self.is_time = self.kind < Kind.PROGRAM.value
        self.pitch_class = self.column(tables.pitch_class)
        self.of_kind = torch.stack([self.kind == kind for kind in Kind])  # (kinds, V)

    def select(self, rows: Array) -> Self:
        """The grammar of some rows of the batch, by index, (B',)."""
        chosen = copy.copy(self)
        for name in self.by_row:
            if len(getattr(self, name)) > 1:
                setattr(chosen, name, getattr(self, name)[rows])
        return chosen

    def silence(self, state: Any) -> Any:
        """The same state: clips of a line start with nothing sounding."""
        return state


class EventRules(BatchRules):
    """Tracks the state of a batch of event streams."""

    columns: Columns
    """Of the tokenizer's tables."""
    allowed: Array
    """(B or 1, voices, 128) the pitches allowed to each voice."""

    def init_state(self, batch_size: int) -> StreamState:
        """The state before BOS; at least one row for each row of `allowed`."""
        rows = max(batch_size, len(self.allowed))
        zero = self.columns.kind[:1].repeat(rows) * 0
        sounding, free = self.allowed * 0, where(self.allowed.any(2), 0, NEVER)
        state = StreamState(*(zero,) * len(StreamState._fields))
        state = state._replace(kind=zero + Kind.BOS, position=zero - 1, last_note=zero - 1)
        return state._replace(sounding=expand(sounding, rows), free_tick=expand(free, rows))

    def advance(self, state: StreamState, ids: Array) -> StreamState:
        """The state after one more id per row, (B,). Ids of a prompt may break the rules."""
        ids = expand(ids, len(state.kind))
        kind = self.columns.kind[ids]
        is_bar, is_metre = kind == Kind.BAR.value, kind == Kind.TIME_SIGNATURE.value
        is_position = kind == Kind.POSITION.value
        bar_tick = where(is_bar & (state.bar > 0), state.bar_tick + state.bar_length, state.bar_tick)
        position_ticks = where(is_metre, self.columns.position_ticks[ids], state.position_ticks)
        position = where(is_bar, -1, where(is_position, self.columns.position[ids], state.position))
        voice = where(kind == Kind.PROGRAM.value, self.columns.voice[ids], state.voice)
        last_note = where(is_bar | is_position, -1, state.last_note)
        last_note = where(kind == Kind.PITCH.value, voice * 128 + self.columns.pitch[ids], last_note)
        note_end = bar_tick + (position + self.columns.duration[ids]) * position_ticks
        note_end = where(kind == Kind.DURATION.value, note_end, -1)
        sounding, free_tick = self._sound(state, last_note, note_end)
        return StreamState(
            kind=kind,
            bar=state.bar + is_bar,
            bar_tick=bar_tick,
            bar_positions=where(is_metre, self.columns.bar_positions[ids], state.bar_positions),
            position_ticks=position_ticks,
            position=position,
            voice=voice,
            last_note=last_note,
            end_tick=maximum(state.end_tick, note_end),
            bar_content=self._bar_content(state, ids, kind),
            sounding=sounding,
            free_tick=free_tick,
        )

    def _sound(self, state: StreamState, key: Array, note_end: Array) -> tuple[Array, Array]:
        """`sounding` and `free_tick` after a note `key` (B,) that ends at `note_end` (B,), -1 for no note."""
        # Saves a copy of the whole table; on a GPU the test would force a synchronisation.
        if isinstance(note_end, np.ndarray) and not (note_end >= 0).any():
            return state.sounding, state.free_tick
        flat, slot = state.sounding.reshape(len(key), -1), maximum(key, key * 0)
        ends = where(note_end >= 0, note_end, gather(flat, slot))
        sounding = scatter(flat, slot, ends).reshape(state.sounding.shape)
        voice = slot // 128
        free = amin(where(voice_rows(self.allowed, voice), voice_rows(sounding, voice), NEVER))
        return sounding, scatter(state.free_tick, voice, free)

    def _bar_content(self, state: StreamState, ids: Array, kind: Array) -> Array:
        """`bar_content` after `ids` (B,): a metre counts if it differs from that of the previous bar."""
        changes = (self.columns.bar_positions[ids] != state.bar_positions) | (
            self.columns.position_ticks[ids] != state.position_ticks
        )
        mark = (kind == Kind.TEMPO.value) | ((kind == Kind.TIME_SIGNATURE.value) & changes)
        bar_content = where(kind == Kind.BAR.value, 0, maximum(state.bar_content, mark * 1))
        return where(kind == Kind.DURATION.value, 2, bar_content)

    def silence(self, state: StreamState) -> StreamState:
        """The state with every note ended at the last bar line."""
        line = state.bar_tick[:, None]
        return state._replace(
            end_tick=minimum(state.end_tick, state.bar_tick),
            sounding=minimum(state.sounding, line[..., None]),
            free_tick=where(state.free_tick < NEVER, minimum(state.free_tick, line), NEVER),
        )


def voice_rows(table: Array, voice: Array) -> Array:
    """The row of one voice, (B, 128), of a table (B or 1, voices, 128); voice is (B,)."""
    return table[arange(voice) if len(table) > 1 else 0, voice]
