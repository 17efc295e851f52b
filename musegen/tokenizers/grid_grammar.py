"""The grammar of grid streams: masks over the vocabulary, so that every stream decodes to valid music.

The rules, vectorised over the batch: every bar starts with its metre and has one id per voice and
position; only a sounding pitch is held; with a requested number of bars, the stream has exactly that many,
and something sounds in the last one.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from musegen.tokenizers.limits import OPEN
from musegen.tokenizers.stream_state import BatchRules, Device, either
from musegen.tokenizers.tables import Kind, Tables


class GridState(NamedTuple):
    """The state of each row of a batch; (B,) int64 unless another shape is given."""

    kind: Tensor
    """Kind of the last id."""
    bar: Tensor
    """Number of bars started, 0 before the first."""
    slot: Tensor
    """Number of voice ids in this bar so far."""
    bar_slots: Tensor
    """Number of voice ids of the whole bar; 0 before its metre."""
    first_bar: Tensor
    """Number of voice ids of the first bar."""
    has_sound: Tensor
    """1 if something has sounded in this bar, or in any bar if the last may be silent."""
    sounding: Tensor
    """(B, voices) 1 if the voice sounds, so that a hold may follow."""


class GridGrammar(BatchRules):
    """Tracks a batch of streams and masks what may come next.

    Args:
        tables: of a grid tokenizer.
        device: of the masks.
    """

    def __init__(self, tables: Tables, device: Device) -> None:
        super().__init__(tables, device)
        self.voices = tables.voices
        self.slots = self.column(tables.bar_positions) * tables.voices  # of a bar, by metre id
        self.ids = torch.arange(tables.vocab_size, device=device)

    def init_state(self, batch_size: int) -> GridState:
        """Before BOS."""
        zero = self.kind.new_zeros(batch_size)
        sounding = self.kind.new_zeros(batch_size, self.voices)
        return GridState(zero + int(Kind.BOS), zero, zero, zero, zero, zero, sounding)

    def advance(self, state: GridState, ids: Tensor) -> GridState:
        """The state after one more id per row, (B,)."""
        where, kind = torch.where, self.kind[ids]
        is_bar, is_metre = kind == Kind.BAR.value, kind == Kind.TIME_SIGNATURE.value
        is_slot = kind >= Kind.PITCH.value
        voice = (state.slot % self.voices)[:, None]  # of this id
        held = state.sounding.gather(1, voice).squeeze(1)
        sounds = where(kind == Kind.PITCH.value, 1, where(kind == Kind.HOLD.value, held, 0))
        resets = is_bar & (self.limits.may_end_silent == 0)
        bar_slots = where(is_metre, self.slots[ids], where(is_bar, 0, state.bar_slots))
        return GridState(
            kind=kind,
            bar=state.bar + is_bar,
            slot=where(is_bar, 0, state.slot + is_slot),
            bar_slots=bar_slots,
            first_bar=where(is_metre & (state.bar == 1), bar_slots, state.first_bar),
            has_sound=where(resets, 0, state.has_sound | (sounds & is_slot)),
            sounding=state.sounding.scatter(1, voice, where(is_slot, sounds, held)[:, None]),
        )

    def silence(self, state: GridState, rows: Tensor) -> GridState:
        """The state with nothing sounding in some rows, (B,) bool."""
        return state._replace(sounding=state.sounding * ~rows[:, None])

    def mask(self, state: GridState) -> Tensor:
        """Which ids may come next, (B, V); at least one per row."""
        of, voice = self.of_kind, state.slot % self.voices
        is_active = self.limits.is_active.expand(voice.shape[0], -1).gather(1, voice[:, None]) > 0
        may_hold = state.sounding.gather(1, voice[:, None]) > 0
        may_rest = ~self._must_sound(state)[:, None]
        pitches = (self.limits.pitches[voice] > 0) & is_active
        holds, rests = of[Kind.HOLD] & may_hold & is_active, of[Kind.REST] & (may_rest | ~is_active)
        outside = either(
            (state.kind == Kind.BAR.value)[:, None], self._metres(state), self._bar_or_end(state)
        )
        in_bar = (state.slot < state.bar_slots)[:, None]
        mask = either(in_bar, pitches | holds | rests, outside)
        ended = (state.kind == Kind.EOS.value) | (state.kind == Kind.PAD.value)
        return either(ended[:, None], of[Kind.PAD], mask)

    def _must_sound(self, state: GridState) -> Tensor:
        """Whether this id is the last chance of a note in the last bar, (B,)."""
        last_chance = state.bar_slots - self.voices + self.limits.last_active
        is_last = state.bar >= self.limits.bars
        found: Tensor = (state.has_sound == 0) & is_last & (state.slot == last_chance)
        return found

    def _metres(self, state: GridState) -> Tensor:
        plan = self.limits.metres
        planned = plan[(state.bar - 1).clamp(min=0).clamp(max=plan.shape[0] - 1)][:, None]
        # A first bar shorter than the second would be read back as a pickup and padded.
        fits = (state.bar != 2)[:, None] | (self.slots <= state.first_bar[:, None])
        known = self.of_kind[Kind.TIME_SIGNATURE] & (self.limits.known > 0)
        return either(planned >= 0, self.ids == planned, known & fits)

    def _bar_or_end(self, state: GridState) -> Tensor:
        more, is_open = state.bar < self.limits.bars, self.limits.bars >= OPEN
        enough = (state.kind != Kind.BOS) & (state.has_sound == 1) & (is_open | ~more)
        found: Tensor = (self.of_kind[Kind.BAR] & more[:, None]) | (self.of_kind[Kind.EOS] & enough[:, None])
        return found
