"""The grammar of grid streams: masks over the vocabulary, so that every stream decodes to valid music.

The rules, vectorised over the batch: every bar starts with its metre and has one id per voice and
position; only a sounding pitch is held; with a requested number of bars, the stream has exactly that many,
and something sounds in the last one.
Works on tensors and numpy arrays alike (see `arrays.py`).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from musegen.errors import ConfigError
from musegen.tokenizers.arrays import Array, expand, gather, scatter, where
from musegen.tokenizers.grammar import Constraints
from musegen.tokenizers.stream_state import BatchRules, Device
from musegen.tokenizers.tables import Kind, Tables


class GridState(NamedTuple):
    """The state of each row of a batch; (B,) int64 unless another shape is given."""

    kind: Array
    """Kind of the last id."""
    bar: Array
    """Number of bars started, 0 before the first."""
    slot: Array
    """Number of voice ids in this bar so far."""
    bar_slots: Array
    """Number of voice ids of the whole bar; 0 before its metre."""
    first_bar: Array
    """Number of voice ids of the first bar."""
    has_sound: Array
    """1 if something has sounded in this bar, or in any bar if the last may be silent."""
    sounding: Array
    """(B, voices) 1 if the voice sounds, so that a hold may follow."""


class GridGrammar(BatchRules):
    """Tracks a batch of streams and masks what may come next.

    Args:
        tables: of a grid tokenizer.
        constraints: what the music must satisfy; `programs` are the active voices.
        device: of the masks.

    Raises:
        ConfigError: the constraints leave no pitch or no voice.
    """

    by_row = ("is_active", "last_active")

    def __init__(self, tables: Tables, constraints: Constraints, *, device: Device = "cpu") -> None:
        super().__init__(tables, device)
        self.constraints, self.resets_sound = constraints, not constraints.may_end_silent
        self.voices = tables.voices
        self.slots = self.column(tables.bar_positions) * tables.voices  # of a bar, by metre id
        self.ids = torch.arange(tables.vocab_size, device=device)
        self.metre_ids = self.column(constraints.metre_ids)  # (bars,) or (0,)
        pitches = range(128) if constraints.pitches is None else constraints.pitches
        allowed = torch.isin(self.column(tables.pitch), self.column(sorted(pitches))).repeat(self.voices, 1)
        for part, pitches_of_part in constraints.part_pitches.items():
            allowed[part] &= torch.isin(self.column(tables.pitch), self.column(sorted(pitches_of_part)))
        self.pitches = allowed & self.of_kind[Kind.PITCH]  # (voices, V)
        if not bool(self.pitches.any(dim=1).all()):
            raise ConfigError("the scale and range together leave no pitch; widen one of them")
        self.is_active = self._active_voices(device)  # (B or 1, voices)
        self.last_active = self.voices - 1 - self.is_active.flip(1).long().argmax(dim=1)  # (B or 1,)

    def _active_voices(self, device: Device) -> Tensor:
        rosters = self.constraints.programs
        is_active = torch.ones(max(1, len(rosters)), self.voices, dtype=torch.bool, device=device)
        for row, roster in enumerate(rosters):
            is_active[row] = torch.tensor([voice in roster for voice in range(self.voices)], device=device)
        if not bool(is_active.any(dim=1).all()):
            raise ConfigError("none of the requested voices is one of this checkpoint's")
        return is_active

    def init_state(self, batch_size: int) -> GridState:
        """Before BOS."""
        zero = self.kind[:1].repeat(batch_size) * 0
        sounding = expand(self.is_active[:1] * 0, batch_size)
        return GridState(zero + int(Kind.BOS), zero, zero, zero, zero, zero, sounding)

    def advance(self, state: GridState, ids: Array) -> GridState:
        """The state after one more id per row, (B,)."""
        kind = self.kind[ids]
        is_bar, is_metre = kind == Kind.BAR.value, kind == Kind.TIME_SIGNATURE.value
        is_slot = kind >= Kind.PITCH.value
        voice = state.slot % self.voices  # of this id
        held = gather(state.sounding, voice)
        sounds = where(kind == Kind.PITCH.value, 1, where(kind == Kind.HOLD.value, held, 0))
        before = where(is_slot, sounds, held)
        resets = is_bar & self.resets_sound
        bar_slots = where(is_metre, self.slots[ids], where(is_bar, 0, state.bar_slots))
        return GridState(
            kind=kind,
            bar=state.bar + is_bar,
            slot=where(is_bar, 0, state.slot + is_slot),
            bar_slots=bar_slots,
            first_bar=where(is_metre & (state.bar == 1), bar_slots, state.first_bar),
            has_sound=where(resets, 0, state.has_sound | (sounds & is_slot)),
            sounding=scatter(state.sounding, voice, before),
        )

    def silence(self, state: GridState) -> GridState:
        """The state with nothing sounding."""
        return state._replace(sounding=state.sounding * 0)

    def mask(self, state: GridState) -> Array:
        """Which ids may come next, (B, V); at least one per row."""
        in_bar = (state.slot < state.bar_slots)[:, None]
        voice = state.slot % self.voices
        is_active = gather(expand(self.is_active, len(voice)), voice)[:, None]
        may_hold = (gather(state.sounding, voice) > 0)[:, None]
        may_rest = ~self._must_sound(state)[:, None]
        of = self.of_kind
        pitches = self.pitches[voice] & is_active
        holds, rests = of[Kind.HOLD] & may_hold & is_active, of[Kind.REST] & (may_rest | ~is_active)
        outside = where((state.kind == Kind.BAR.value)[:, None], self._metres(state), self._bar_or_end(state))
        mask = where(in_bar, pitches | holds | rests, outside)
        ended = (state.kind == Kind.EOS.value) | (state.kind == Kind.PAD.value)
        return where(ended[:, None], of[Kind.PAD], mask)

    def _must_sound(self, state: GridState) -> Array:
        """Whether this id is the last chance of a note in the last bar, (B,)."""
        if self.constraints.bars is None:
            return state.bar < 0
        last_chance = state.bar_slots - self.voices + self.last_active
        is_last = state.bar >= self.constraints.bars
        return (state.has_sound == 0) & is_last & (state.slot == last_chance)

    def _metres(self, state: GridState) -> Array:
        metres = self.of_kind[Kind.TIME_SIGNATURE]
        if len(self.metre_ids):
            planned = self.metre_ids[(state.bar - 1).clip(0, len(self.metre_ids) - 1)]
            return self.ids == planned[:, None]
        if self.constraints.time_signature_id is not None:
            return metres & (self.ids == self.constraints.time_signature_id)
        # A first bar shorter than the second would be read back as a pickup and padded.
        return metres & ((state.bar != 2)[:, None] | (self.slots <= state.first_bar[:, None]))

    def _bar_or_end(self, state: GridState) -> Array:
        bars, has_started = self.constraints.bars, state.kind != Kind.BOS
        more = state.bar >= 0 if bars is None else state.bar < bars
        enough = has_started & (state.has_sound == 1)
        end = enough if bars is None else enough & (state.bar >= bars)
        return (self.of_kind[Kind.BAR] & more[:, None]) | (self.of_kind[Kind.EOS] & end[:, None])
