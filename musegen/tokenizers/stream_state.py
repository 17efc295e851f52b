"""Where streams of notes written as events stand, followed id by id: what the grammar's rules look at.

Vectorised over the batch. Voices (programs, parts, drums; one where there are no programs) go by rows of a
table: those that may play, in ascending order, and a last one for all others, which only a prompt has.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from musegen.tokenizers.tables import Kind

NEVER = torch.iinfo(torch.int64).max // 4
"""A tick after everything."""


class Columns(NamedTuple):
    """`Tables` as tensors, (V,) int64 each; -1 where a column says nothing of an id."""

    kind: Tensor
    pitch: Tensor
    position: Tensor
    duration: Tensor
    voice: Tensor
    """Row of the voice that the id of a program stands for."""
    bar_positions: Tensor
    position_ticks: Tensor


class StreamState(NamedTuple):
    """Where each row of a batch stands; (B,) int64 where nothing else is said."""

    kind: Tensor
    """Kind of the last id."""
    bar: Tensor
    """Bars begun, 0 before the first."""
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
    last_key: Tensor
    """voice * 128 + pitch of the last note at this position, -1 where there is none."""
    end_tick: Tensor
    """Where the last note so far ends."""
    begun: Tensor
    """What begins in this bar so far: 0 nothing, 1 a metre or a tempo, 2 a note."""
    sounding: Tensor
    """(B, voices, 128) tick until which each pitch sounds."""
    free_tick: Tensor
    """(B, voices) tick from which each voice has an allowed pitch that is free."""

    @property
    def tick(self) -> Tensor:
        """Tick of the position."""
        return self.bar_tick + self.position.clamp(min=0) * self.position_ticks

    @property
    def bar_length(self) -> Tensor:
        """Ticks of this bar."""
        return self.bar_positions * self.position_ticks


class Follower:
    """Follows a batch of streams.

    Args:
        columns: of the tokenizer.
        allowed: (B or 1, voices, 128) which pitches each voice may start.
    """

    def __init__(self, columns: Columns, allowed: Tensor) -> None:
        self.of = columns
        self.allowed = allowed

    def init_state(self, batch_size: int) -> StreamState:
        """Before BOS; as many rows as differ in what is allowed, if those are more."""
        rows = max(batch_size, len(self.allowed))
        zero = torch.zeros(rows, dtype=torch.int64, device=self.allowed.device)
        return StreamState(
            kind=zero + Kind.BOS,
            bar=zero,
            bar_tick=zero,
            bar_positions=zero,
            position_ticks=zero,
            position=zero - 1,
            voice=zero,
            last_key=zero - 1,
            end_tick=zero,
            begun=zero,
            sounding=zero[:, None, None].expand(rows, *self.allowed.shape[1:]),
            free_tick=torch.where(self.allowed.any(dim=2), 0, NEVER).expand(rows, -1),
        )

    def advance(self, state: StreamState, ids: Tensor) -> StreamState:
        """The state after one more id a row, (B,). Ids that break a rule (a prompt's) are followed too."""
        ids = ids.expand(len(state.kind))
        kind, where = self.of.kind[ids], torch.where
        is_bar, is_metre, is_position = kind == Kind.BAR, kind == Kind.TIME_SIGNATURE, kind == Kind.POSITION
        bar_tick = where(is_bar & (state.bar > 0), state.bar_tick + state.bar_length, state.bar_tick)
        position_ticks = where(is_metre, self.of.position_ticks[ids], state.position_ticks)
        position = where(is_bar, -1, where(is_position, self.of.position[ids], state.position))
        voice = where(kind == Kind.PROGRAM, self.of.voice[ids], state.voice)
        last_key = where(is_bar | is_position, -1, state.last_key)
        last_key = where(kind == Kind.PITCH, voice * 128 + self.of.pitch[ids], last_key)
        note_end = bar_tick + (position + self.of.duration[ids]) * position_ticks
        note_end = where(kind == Kind.DURATION, note_end, -1)
        sounding, free_tick = self._sound(state, last_key, note_end)
        return StreamState(
            kind=kind,
            bar=state.bar + is_bar.long(),
            bar_tick=bar_tick,
            bar_positions=where(is_metre, self.of.bar_positions[ids], state.bar_positions),
            position_ticks=position_ticks,
            position=position,
            voice=voice,
            last_key=last_key,
            end_tick=torch.maximum(state.end_tick, note_end),
            begun=self._begun(state, ids, kind),
            sounding=sounding,
            free_tick=free_tick,
        )

    def _sound(self, state: StreamState, key: Tensor, note_end: Tensor) -> tuple[Tensor, Tensor]:
        """`sounding` and `free_tick` once the note `key` (B,) ends at `note_end` (B,), -1 where none does."""
        # Spares a copy of the whole table; what is recorded (generation/tracing.py) or runs on a GPU must not
        # ask for values.
        asks = not note_end.is_cuda and not torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]
        if asks and not bool((note_end >= 0).any()):
            return state.sounding, state.free_tick
        flat, slot = state.sounding.flatten(1), key.clamp(min=0)[:, None]
        ends = torch.where(note_end >= 0, note_end, flat.gather(1, slot).squeeze(1))
        sounding = flat.scatter(1, slot, ends[:, None]).view_as(state.sounding)
        voice = slot // 128
        held, allowed = of_voice(sounding, voice), of_voice(self.allowed, voice)
        free = held.masked_fill(~allowed, NEVER).min(dim=1, keepdim=True).values
        return sounding, state.free_tick.scatter(1, voice, free)

    def _begun(self, state: StreamState, ids: Tensor, kind: Tensor) -> Tensor:
        """`begun` after `ids` (B,): a metre begins where it is not the one of the bar before."""
        changes = (self.of.bar_positions[ids] != state.bar_positions) | (
            self.of.position_ticks[ids] != state.position_ticks
        )
        mark = (kind == Kind.TEMPO) | ((kind == Kind.TIME_SIGNATURE) & changes)
        begun = torch.where(kind == Kind.BAR, 0, torch.maximum(state.begun, mark.long()))
        return torch.where(kind == Kind.DURATION, 2, begun)

    def silence(self, state: StreamState) -> StreamState:
        """The state with every note ended by the last bar line."""
        line = state.bar_tick[:, None]
        return state._replace(
            end_tick=torch.minimum(state.end_tick, state.bar_tick),
            sounding=torch.minimum(state.sounding, line[..., None]),
            free_tick=torch.where(state.free_tick < NEVER, torch.minimum(state.free_tick, line), NEVER),
        )


def of_voice(table: Tensor, voice: Tensor) -> Tensor:
    """The row of one voice, (B, 128), of a table (B or 1, voices, 128); voice is (B, 1)."""
    rows = torch.arange(len(voice), device=voice.device) if len(table) > 1 else 0
    return table[rows, voice[:, 0]]
