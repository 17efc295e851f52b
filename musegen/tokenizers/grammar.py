"""What may follow: masks over the vocabulary that make every stream decode to the music asked for.

The rules, each vectorised over the batch: kinds follow each other as MidiTok writes them; positions
only go forward and lie in the bar; notes at one position ascend by program, then pitch; no pitch
starts while it still sounds; every bar lasts its metre; with a number of bars given, the stream has
exactly that many, no note crosses their end, and something sounds in the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from musegen.errors import ConfigError
from musegen.tokenizers.tables import DRUMS, Kind, Tables

_NEVER = torch.iinfo(torch.int64).max // 4


@dataclass(frozen=True)
class Constraints:
    """What the music must keep to, beyond the grammar."""

    bars: int | None = None
    """Exactly so many bars, those of a prompt included; None: the model ends when it likes."""
    time_signature_id: int | None = None
    """The id of the only metre allowed in new bars; None: the model chooses."""
    pitches: frozenset[int] | None = None
    """The only MIDI pitches allowed; drums are free."""
    programs: Sequence[frozenset[int]] = ()
    """The only programs allowed, `DRUMS` among them if wanted: one set for all rows of a batch, or one
    set a row; none: any."""
    tempo: bool = True
    """Whether tempo changes may be written."""


class GrammarState(NamedTuple):
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
    """Program of the note being written: 0 to 127 or `DRUMS`; 0 without programs."""
    last_key: Tensor
    """voice * 128 + pitch of the last note at this position, -1 where there is none."""
    end_tick: Tensor
    """Where the last note so far ends."""
    sounding: Tensor
    """(B, voices, 128) tick until which each pitch sounds."""


class Grammar:
    """Follows a batch of streams and says what may come next.

    Args:
        tables: of the tokenizer.
        constraints: what the music must keep to.
        device: where the masks are wanted.

    Raises:
        ConfigError: the constraints leave nothing to write.
    """

    def __init__(
        self, tables: Tables, constraints: Constraints, *, device: torch.device | str = "cpu"
    ) -> None:
        def column(values: object) -> Tensor:
            return torch.as_tensor(values, dtype=torch.int64, device=device)

        self.constraints = constraints
        self.has_programs = tables.has_programs
        self.kind = column(tables.kind)
        self.pitch = column(tables.pitch)
        self.position = column(tables.position)
        self.duration = column(tables.duration)
        self.program = column(tables.program)
        self.bar_positions = column(tables.bar_positions)
        self.position_ticks = column(tables.position_ticks)
        self.is_drum = column(tables.is_drum).bool()
        self.ids = {kind: column(tables.ids(kind)) for kind in Kind}
        self.follows = self._follows(tables).to(device)  # (kinds, V)
        self.allowed = self._allowed(device)  # (B or 1, voices, 128)
        if not bool(self.allowed.flatten(1).any(dim=1).all()):
            raise ConfigError(
                "the scale, range and program together leave no pitch to write; widen one of them"
            )

    def _follows(self, tables: Tables) -> Tensor:
        """Which ids may follow a kind at all, (kinds, V)."""
        present = {Kind(kind) for kind in tables.kind.tolist()}
        note = {Kind.PROGRAM} if self.has_programs else {Kind.PITCH}
        after_note = note | {Kind.POSITION, Kind.BAR, Kind.EOS}
        after_pitch = {Kind.VELOCITY} if Kind.VELOCITY in present else {Kind.DURATION}
        tempo = {Kind.TEMPO} if self.constraints.tempo else set()
        graph = {
            Kind.BOS: {Kind.BAR},
            Kind.EOS: {Kind.PAD},
            Kind.PAD: {Kind.PAD},
            Kind.BAR: {Kind.TIME_SIGNATURE},
            Kind.TIME_SIGNATURE: {Kind.POSITION, Kind.BAR, Kind.EOS},
            Kind.POSITION: note | tempo,
            Kind.TEMPO: after_note,
            Kind.PROGRAM: {Kind.PITCH},
            Kind.PITCH: after_pitch,
            Kind.VELOCITY: {Kind.DURATION},
            Kind.DURATION: after_note,
        }
        table = torch.zeros(len(Kind), tables.vocab_size, dtype=torch.bool)
        kinds = torch.from_numpy(tables.kind)
        for kind, successors in graph.items():
            for successor in successors:
                table[kind] |= kinds == successor
        return table

    def _allowed(self, device: torch.device | str) -> Tensor:
        """Which pitches each voice may start, (B or 1, voices, 128)."""
        voices = DRUMS + 1 if self.has_programs else 1
        rosters = self.constraints.programs if self.has_programs else ()
        allowed = torch.zeros(max(1, len(rosters)), voices, 128, dtype=torch.bool, device=device)
        pitches = range(128) if self.constraints.pitches is None else sorted(self.constraints.pitches)
        allowed[..., list(pitches)] = True
        if self.has_programs:
            allowed[:, DRUMS] = True
        for row, roster in enumerate(rosters):
            allowed[row, [voice for voice in range(voices) if voice not in roster]] = False
        return allowed

    def init_state(self, batch_size: int) -> GrammarState:
        """Before BOS."""
        device = self.kind.device

        def full(value: int) -> Tensor:
            return torch.full((batch_size,), value, dtype=torch.int64, device=device)

        zero, unset = full(0), full(-1)
        sounding = torch.zeros(batch_size, *self.allowed.shape[1:], dtype=torch.int64, device=device)
        return GrammarState(full(Kind.BOS), zero, zero, zero, zero, unset, zero, unset, zero, sounding)

    def advance(self, state: GrammarState, ids: Tensor) -> GrammarState:
        """The state after one more id a row, (B,). Ids that break a rule (a prompt's) are followed too."""
        kind = self.kind[ids]
        is_bar, is_metre, is_position = kind == Kind.BAR, kind == Kind.TIME_SIGNATURE, kind == Kind.POSITION
        is_pitch, is_duration, is_program = kind == Kind.PITCH, kind == Kind.DURATION, kind == Kind.PROGRAM
        where = torch.where
        bar_tick = where(
            is_bar & (state.bar > 0),
            state.bar_tick + state.bar_positions * state.position_ticks,
            state.bar_tick,
        )
        position_ticks = where(is_metre, self.position_ticks[ids], state.position_ticks)
        position = where(is_bar, -1, where(is_position, self.position[ids], state.position))
        voice = where(is_program, self.program[ids], state.voice)
        last_key = where(
            is_pitch, voice * 128 + self.pitch[ids], where(is_bar | is_position, -1, state.last_key)
        )
        note_end = bar_tick + (position + self.duration[ids]) * position_ticks
        end_tick = where(is_duration, torch.maximum(state.end_tick, note_end), state.end_tick)
        flat = state.sounding.flatten(1)
        slot = last_key.clamp(min=0)[:, None]
        held = where(is_duration[:, None], note_end[:, None], flat.gather(1, slot))
        return GrammarState(
            kind=kind,
            bar=state.bar + is_bar.long(),
            bar_tick=bar_tick,
            bar_positions=where(is_metre, self.bar_positions[ids], state.bar_positions),
            position_ticks=position_ticks,
            position=position,
            voice=voice,
            last_key=last_key,
            end_tick=end_tick,
            sounding=flat.scatter(1, slot, held).view_as(state.sounding),
        )

    def silence(self, state: GrammarState) -> GrammarState:
        """The state with every note ended by the last bar line."""
        return state._replace(
            end_tick=torch.minimum(state.end_tick, state.bar_tick),
            sounding=torch.minimum(state.sounding, state.bar_tick[:, None, None]),
        )

    def mask(self, state: GrammarState) -> Tensor:
        """Which ids may come next, (B, V); at least one a row."""
        mask = self.follows[state.kind]  # (B, V)
        self._mask_bars(mask, state)
        self._mask_metres(mask, state)
        self._mask_positions(mask, state)
        self._mask_notes(mask, state)
        self._mask_durations(mask, state)
        return mask

    def _restrict(self, mask: Tensor, kind: Kind, allowed: Tensor) -> None:
        """Keep of one kind's ids only those allowed, (B, ids of the kind) or (B, 1)."""
        mask[:, self.ids[kind]] &= allowed

    def _mask_bars(self, mask: Tensor, state: GrammarState) -> None:
        sounds = state.end_tick > state.bar_tick  # in this bar, be it held from before
        if self.constraints.bars is None:
            self._restrict(mask, Kind.EOS, sounds[:, None])
            return
        is_last = state.bar >= self.constraints.bars
        self._restrict(mask, Kind.BAR, ~is_last[:, None])
        self._restrict(mask, Kind.EOS, (is_last & sounds)[:, None])

    def _mask_metres(self, mask: Tensor, state: GrammarState) -> None:
        metres = self.ids[Kind.TIME_SIGNATURE]
        if self.constraints.time_signature_id is not None:
            self._restrict(mask, Kind.TIME_SIGNATURE, metres == self.constraints.time_signature_id)
        elif self.constraints.bars is not None:
            # A shorter metre must still leave room for what is held over the bar line.
            bars_left = self.constraints.bars - state.bar + 1  # this one included
            room = bars_left[:, None] * self.bar_positions[metres] * self.position_ticks[metres]
            self._restrict(mask, Kind.TIME_SIGNATURE, room >= (state.end_tick - state.bar_tick)[:, None])
            # A first bar shorter than the second would be read back as a pickup, and filled up.
            lengths = self.bar_positions[metres] * self.position_ticks[metres]
            first = (state.bar_positions * state.position_ticks)[:, None]
            self._restrict(mask, Kind.TIME_SIGNATURE, (state.bar != 2)[:, None] | (lengths <= first))

    def _mask_positions(self, mask: Tensor, state: GrammarState) -> None:
        positions = self.position[self.ids[Kind.POSITION]]  # (P,)
        # A position without a pitch that is free there would be a dead end.
        free_at = state.sounding.masked_fill(~self.allowed, _NEVER).flatten(1).min(dim=1).values
        tick = state.bar_tick[:, None] + positions * state.position_ticks[:, None]
        inside = (positions > state.position[:, None]) & (positions < state.bar_positions[:, None])
        self._restrict(mask, Kind.POSITION, inside & (tick >= free_at[:, None]))

    def _mask_notes(self, mask: Tensor, state: GrammarState) -> None:
        tick = state.bar_tick + state.position.clamp(min=0) * state.position_ticks
        free = self.allowed & (state.sounding <= tick[:, None, None])  # (B, voices, 128)
        order = torch.arange(free[0].numel(), device=free.device).view_as(free[0])  # voice * 128 + pitch
        free &= order > state.last_key[:, None, None]
        if self.has_programs:
            programs = self.program[self.ids[Kind.PROGRAM]]
            self._restrict(mask, Kind.PROGRAM, free.any(dim=2)[:, programs])
        of_voice = free[torch.arange(len(free), device=free.device), state.voice]  # (B, 128)
        pitches = self.ids[Kind.PITCH]
        right_kind = self.is_drum[pitches] == (state.voice == DRUMS)[:, None]
        self._restrict(mask, Kind.PITCH, of_voice[:, self.pitch[pitches]] & right_kind)

    def _mask_durations(self, mask: Tensor, state: GrammarState) -> None:
        if self.constraints.bars is None:
            return
        bars_left = self.constraints.bars - state.bar + 1  # this one included
        room = bars_left * state.bar_positions - state.position  # in positions of this metre
        self._restrict(mask, Kind.DURATION, self.duration[self.ids[Kind.DURATION]] <= room[:, None])
