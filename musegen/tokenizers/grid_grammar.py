"""What may follow in a grid stream: masks that make every stream decode to the music asked for.

The rules, vectorised over the batch: every bar names its metre and has one id for each voice of each
position; only what sounds is held; with a number of bars given, the stream has exactly that many, and
something sounds in the last one.
On tensors or numpy arrays alike (see `arrays.py`).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from musegen.errors import ConfigError
from musegen.tokenizers.arrays import Array, picked, replaced, spread, where
from musegen.tokenizers.grammar import Constraints
from musegen.tokenizers.stream_state import BatchRules, Device
from musegen.tokenizers.tables import Kind, Tables


class GridState(NamedTuple):
    """Where each row of a batch stands; (B,) int64 where nothing else is said."""

    kind: Array
    """Kind of the last id."""
    bar: Array
    """Bars begun, 0 before the first."""
    slot: Array
    """Ids of voices written in this bar."""
    bar_slots: Array
    """Ids of voices that this bar has; 0 before its metre."""
    first_bar: Array
    """Ids of voices of the first bar."""
    has_sound: Array
    """1 where something has sounded in this bar; in any, where the last may stay silent."""
    sounding: Array
    """(B, voices) 1 where the voice sounds and could be held."""


class GridGrammar(BatchRules):
    """Follows a batch of streams and says what may come next.

    Args:
        tables: of a grid tokenizer.
        constraints: what the music must keep to; of `programs`, the voices that may sing.
        device: where the masks are wanted.

    Raises:
        ConfigError: the constraints leave no pitch.
    """

    by_row = ("sings", "last_singer")

    def __init__(self, tables: Tables, constraints: Constraints, *, device: Device = "cpu") -> None:
        super().__init__(tables, device)
        self.constraints, self.asks_anew = constraints, not constraints.may_end_silent
        self.voices = tables.voices
        self.slots = self.column(tables.bar_positions) * tables.voices  # of a bar, by the id of its metre
        self.ids = torch.arange(tables.vocab_size, device=device)
        self.metre_ids = self.column(constraints.metre_ids)  # (bars,) or (0,)
        pitches = range(128) if constraints.pitches is None else constraints.pitches
        allowed = torch.isin(self.column(tables.pitch), self.column(sorted(pitches))).repeat(self.voices, 1)
        for part, own in constraints.part_pitches.items():
            allowed[part] &= torch.isin(self.column(tables.pitch), self.column(sorted(own)))
        self.pitches = allowed & self.of_kind[Kind.PITCH]  # (voices, V)
        if not bool(self.pitches.any(dim=1).all()):
            raise ConfigError("the scale and range together leave no pitch to write; widen one of them")
        self.sings = self._singing(device)  # (B or 1, voices)
        self.last_singer = self.voices - 1 - self.sings.flip(1).long().argmax(dim=1)  # (B or 1,)

    def _singing(self, device: Device) -> Tensor:
        rosters = self.constraints.programs
        sings = torch.ones(max(1, len(rosters)), self.voices, dtype=torch.bool, device=device)
        for row, roster in enumerate(rosters):
            sings[row] = torch.tensor([voice in roster for voice in range(self.voices)], device=device)
        if not bool(sings.any(dim=1).all()):
            raise ConfigError("none of the voices asked for is one of this checkpoint's")
        return sings

    def init_state(self, batch_size: int) -> GridState:
        """Before BOS."""
        zero = self.kind[:1].repeat(batch_size) * 0
        sounding = spread(self.sings[:1] * 0, batch_size)
        return GridState(zero + int(Kind.BOS), zero, zero, zero, zero, zero, sounding)

    def advance(self, state: GridState, ids: Array) -> GridState:
        """The state after one more id a row, (B,)."""
        kind = self.kind[ids]
        is_bar, is_metre = kind == Kind.BAR.value, kind == Kind.TIME_SIGNATURE.value
        is_slot = kind >= Kind.PITCH.value
        voice = state.slot % self.voices  # the one this id belongs to
        held = picked(state.sounding, voice)
        sounds = where(kind == Kind.PITCH.value, 1, where(kind == Kind.HOLD.value, held, 0))
        before = where(is_slot, sounds, held)
        asks_anew = is_bar & self.asks_anew
        bar_slots = where(is_metre, self.slots[ids], where(is_bar, 0, state.bar_slots))
        return GridState(
            kind=kind,
            bar=state.bar + is_bar,
            slot=where(is_bar, 0, state.slot + is_slot),
            bar_slots=bar_slots,
            first_bar=where(is_metre & (state.bar == 1), bar_slots, state.first_bar),
            has_sound=where(asks_anew, 0, state.has_sound | (sounds & is_slot)),
            sounding=replaced(state.sounding, voice, before),
        )

    def silence(self, state: GridState) -> GridState:
        """The state with nothing sounding."""
        return state._replace(sounding=state.sounding * 0)

    def mask(self, state: GridState) -> Array:
        """Which ids may come next, (B, V); at least one a row."""
        in_bar = (state.slot < state.bar_slots)[:, None]
        voice = state.slot % self.voices
        sings = picked(spread(self.sings, len(voice)), voice)[:, None]
        holds = (picked(state.sounding, voice) > 0)[:, None]
        may_rest = ~self._must_sound(state)[:, None]
        of = self.of_kind
        slots = (
            (self.pitches[voice] & sings)
            | (of[Kind.HOLD] & holds & sings)
            | (of[Kind.REST] & (may_rest | ~sings))
        )
        outside = where((state.kind == Kind.BAR.value)[:, None], self._metres(state), self._bar_or_end(state))
        mask = where(in_bar, slots, outside)
        ended = (state.kind == Kind.EOS.value) | (state.kind == Kind.PAD.value)
        return where(ended[:, None], of[Kind.PAD], mask)

    def _must_sound(self, state: GridState) -> Array:
        """Where a last bar would stay silent, at the last id of its last voice that may sing, (B,)."""
        if self.constraints.bars is None:
            return state.bar < 0
        last_chance = state.bar_slots - self.voices + self.last_singer
        is_last = state.bar >= self.constraints.bars
        return (state.has_sound == 0) & is_last & (state.slot == last_chance)

    def _metres(self, state: GridState) -> Array:
        metres = self.of_kind[Kind.TIME_SIGNATURE]
        if len(self.metre_ids):
            own = self.metre_ids[(state.bar - 1).clip(0, len(self.metre_ids) - 1)]
            return self.ids == own[:, None]
        if self.constraints.time_signature_id is not None:
            return metres & (self.ids == self.constraints.time_signature_id)
        # A first bar shorter than the second would be read back as a pickup, and filled up.
        return metres & ((state.bar != 2)[:, None] | (self.slots <= state.first_bar[:, None]))

    def _bar_or_end(self, state: GridState) -> Array:
        bars, begun = self.constraints.bars, state.kind != Kind.BOS
        more = state.bar >= 0 if bars is None else state.bar < bars
        enough = begun & (state.has_sound == 1)
        end = enough if bars is None else enough & (state.bar >= bars)
        return (self.of_kind[Kind.BAR] & more[:, None]) | (self.of_kind[Kind.EOS] & end[:, None])
