"""Where streams of notes written as events stand, followed id by id: what the grammar's rules look at.

Vectorised over the batch. Voices (programs, parts, drums; one where there are no programs) go by rows of a
table: those that may play, in ascending order, and a last one for all others, which only a prompt has.
On tensors or numpy arrays alike (see `arrays.py`).
"""

import copy
from functools import partial
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch

from musegen.tokenizers.arrays import Array, counted, larger, lowest, picked, replaced, smaller, spread, where
from musegen.tokenizers.tables import Kind, Tables

Device = torch.device | str

NEVER = torch.iinfo(torch.int64).max // 4
"""A tick after everything."""


class Columns(NamedTuple):
    """`Tables` as tensors or numpy arrays, (V,) int64 each; -1 where a column says nothing of an id."""

    kind: Array
    pitch: Array
    position: Array
    duration: Array
    voice: Array
    """Row of the voice that the id of a program stands for."""
    bar_positions: Array
    position_ticks: Array


class StreamState(NamedTuple):
    """Where each row of a batch stands; (B,) int64 where nothing else is said."""

    kind: Array
    """Kind of the last id."""
    bar: Array
    """Bars begun, 0 before the first."""
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
    last_key: Array
    """voice * 128 + pitch of the last note at this position, -1 where there is none."""
    end_tick: Array
    """Where the last note so far ends."""
    begun: Array
    """What begins in this bar so far: 0 nothing, 1 a metre or a tempo, 2 a note."""
    sounding: Array
    """(B, voices, 128) tick until which each pitch sounds."""
    free_tick: Array
    """(B, voices) tick from which each voice has an allowed pitch that is free."""

    @property
    def tick(self) -> Array:
        """Tick of the position."""
        return self.bar_tick + larger(self.position, self.position * 0) * self.position_ticks

    @property
    def bar_length(self) -> Array:
        """Ticks of this bar."""
        return self.bar_positions * self.position_ticks


class BatchRules:
    """What the grammars of all kinds of stream have: the columns of their tables, and rows of a batch."""

    by_row: ClassVar[tuple[str, ...]] = ()
    """The attributes that have a row for each row of a batch, or one for all."""

    def __init__(self, tables: Tables, device: Device) -> None:
        self.column = partial(torch.as_tensor, dtype=torch.int64, device=device)
        self.kind = self.column(tables.kind)
        self.is_time = self.kind < Kind.PROGRAM.value
        self.pitch_class = self.column(tables.pitch_class)
        self.of_kind = torch.stack([self.kind == kind for kind in Kind])  # (kinds, V)

    def select(self, rows: Array) -> Self:
        """The grammar of some of the rows, by number, (B',)."""
        chosen = copy.copy(self)
        for name in self.by_row:
            if len(getattr(self, name)) > 1:
                setattr(chosen, name, getattr(self, name)[rows])
        return chosen

    def silence(self, state: Any) -> Any:
        """The same: a clip begins with nothing sounding."""
        return state


class EventRules(BatchRules):
    """Follows a batch of streams of events."""

    of: Columns
    """Of the tokenizer."""
    allowed: Array
    """(B or 1, voices, 128) which pitches each voice may start."""

    def init_state(self, batch_size: int) -> StreamState:
        """Before BOS; as many rows as differ in what is allowed, if those are more."""
        rows = max(batch_size, len(self.allowed))
        zero = self.of.kind[:1].repeat(rows) * 0
        sounding, free = self.allowed * 0, where(self.allowed.any(2), 0, NEVER)
        state = StreamState(*(zero,) * len(StreamState._fields))
        state = state._replace(kind=zero + Kind.BOS, position=zero - 1, last_key=zero - 1)
        return state._replace(sounding=spread(sounding, rows), free_tick=spread(free, rows))

    def advance(self, state: StreamState, ids: Array) -> StreamState:
        """The state after one more id a row, (B,). Ids that break a rule (a prompt's) are followed too."""
        ids = spread(ids, len(state.kind))
        kind = self.of.kind[ids]
        is_bar, is_metre = kind == Kind.BAR.value, kind == Kind.TIME_SIGNATURE.value
        is_position = kind == Kind.POSITION.value
        bar_tick = where(is_bar & (state.bar > 0), state.bar_tick + state.bar_length, state.bar_tick)
        position_ticks = where(is_metre, self.of.position_ticks[ids], state.position_ticks)
        position = where(is_bar, -1, where(is_position, self.of.position[ids], state.position))
        voice = where(kind == Kind.PROGRAM.value, self.of.voice[ids], state.voice)
        last_key = where(is_bar | is_position, -1, state.last_key)
        last_key = where(kind == Kind.PITCH.value, voice * 128 + self.of.pitch[ids], last_key)
        note_end = bar_tick + (position + self.of.duration[ids]) * position_ticks
        note_end = where(kind == Kind.DURATION.value, note_end, -1)
        sounding, free_tick = self._sound(state, last_key, note_end)
        return StreamState(
            kind=kind,
            bar=state.bar + is_bar,
            bar_tick=bar_tick,
            bar_positions=where(is_metre, self.of.bar_positions[ids], state.bar_positions),
            position_ticks=position_ticks,
            position=position,
            voice=voice,
            last_key=last_key,
            end_tick=larger(state.end_tick, note_end),
            begun=self._begun(state, ids, kind),
            sounding=sounding,
            free_tick=free_tick,
        )

    def _sound(self, state: StreamState, key: Array, note_end: Array) -> tuple[Array, Array]:
        """`sounding` and `free_tick` once the note `key` (B,) ends at `note_end` (B,), -1 where none does."""
        # Spares a copy of the whole table; on a GPU it would have to wait for the answer.
        if isinstance(note_end, np.ndarray) and not (note_end >= 0).any():
            return state.sounding, state.free_tick
        flat, slot = state.sounding.reshape(len(key), -1), larger(key, key * 0)
        ends = where(note_end >= 0, note_end, picked(flat, slot))
        sounding = replaced(flat, slot, ends).reshape(state.sounding.shape)
        voice = slot // 128
        free = lowest(where(of_voice(self.allowed, voice), of_voice(sounding, voice), NEVER))
        return sounding, replaced(state.free_tick, voice, free)

    def _begun(self, state: StreamState, ids: Array, kind: Array) -> Array:
        """`begun` after `ids` (B,): a metre begins where it is not the one of the bar before."""
        changes = (self.of.bar_positions[ids] != state.bar_positions) | (
            self.of.position_ticks[ids] != state.position_ticks
        )
        mark = (kind == Kind.TEMPO.value) | ((kind == Kind.TIME_SIGNATURE.value) & changes)
        begun = where(kind == Kind.BAR.value, 0, larger(state.begun, mark * 1))
        return where(kind == Kind.DURATION.value, 2, begun)

    def silence(self, state: StreamState) -> StreamState:
        """The state with every note ended by the last bar line."""
        line = state.bar_tick[:, None]
        return state._replace(
            end_tick=smaller(state.end_tick, state.bar_tick),
            sounding=smaller(state.sounding, line[..., None]),
            free_tick=where(state.free_tick < NEVER, smaller(state.free_tick, line), NEVER),
        )


def of_voice(table: Array, voice: Array) -> Array:
    """The row of one voice, (B, 128), of a table (B or 1, voices, 128); voice is (B,)."""
    return table[counted(voice) if len(table) > 1 else 0, voice]
