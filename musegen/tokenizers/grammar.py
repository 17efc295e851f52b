"""What may follow: masks over the vocabulary that make every stream decode to the music asked for.

A stream that keeps to them is what `encode` would write of the music it decodes to. The rules, each
vectorised over the batch: kinds follow each other as MidiTok writes them; positions only go forward and
lie in the bar; notes at one position ascend by program, then pitch; no pitch starts while it still
sounds; every bar lasts its metre, and the first is no pickup; where tempos are written, the piece opens
with one; something begins in the last bar. With a number of bars given, the stream has exactly that many,
no note crosses their end, and a note begins in the last one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    part_pitches: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """The only pitches allowed to a program, part or voice, by its number in the stream."""
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
    begun: Tensor
    """What begins in this bar so far: 0 nothing, 1 a metre or a tempo, 2 a note."""
    sounding: Tensor
    """(B, voices, 128) tick until which each pitch sounds."""
    free_tick: Tensor
    """(B, voices) tick from which each voice has an allowed pitch that is free."""


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
        self.opens_with_tempo = constraints.tempo and bool(len(self.ids[Kind.TEMPO]))
        self.allowed = self._allowed(tables, device)  # (B or 1, voices, 128)
        slots = self.allowed.flatten(1)
        if not bool(slots.any(dim=1).all()):
            raise ConfigError(
                "the scale, range and program together leave no pitch to write; widen one of them"
            )
        # The highest pitch allowed must not ring through to the end: a note begins in the last bar.
        self.spare = slots.shape[1] - 1 - slots.flip(1).long().argmax(dim=1)  # (B or 1,)

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
        # Programs of a tokenizer with parts that stand for no part are never written.
        return table & ~((kinds == Kind.PROGRAM) & torch.from_numpy(tables.program < 0))

    def _allowed(self, tables: Tables, device: torch.device | str) -> Tensor:
        """Which pitches each voice may start, (B or 1, voices, 128)."""
        voices = DRUMS + 1 if self.has_programs else 1
        rosters = self.constraints.programs if self.has_programs else ()
        allowed = torch.zeros(max(1, len(rosters)), voices, 128, dtype=torch.bool, device=device)
        pitches = range(128) if self.constraints.pitches is None else sorted(self.constraints.pitches)
        allowed[..., list(pitches)] = True
        if self.has_programs:
            allowed[:, DRUMS] = True
        for voice, own in self.constraints.part_pitches.items():
            allowed[:, voice] &= torch.isin(torch.arange(128, device=device), torch.tensor(sorted(own)))
        for row, roster in enumerate(rosters):
            allowed[row, [voice for voice in range(voices) if voice not in roster]] = False
        return allowed

    def init_state(self, batch_size: int) -> GrammarState:
        """Before BOS."""
        device = self.kind.device
        rows = max(batch_size, len(self.allowed))  # where rows differ in what is allowed, there are all of them

        def full(value: int) -> Tensor:
            return torch.full((rows,), value, dtype=torch.int64, device=device)

        zero, unset = full(0), full(-1)
        free = torch.where(self.allowed.any(dim=2), 0, _NEVER).expand(rows, -1)
        return GrammarState(
            kind=full(Kind.BOS),
            bar=zero,
            bar_tick=zero,
            bar_positions=zero,
            position_ticks=zero,
            position=unset,
            voice=zero,
            last_key=unset,
            end_tick=zero,
            begun=zero,
            sounding=torch.zeros(rows, *self.allowed.shape[1:], dtype=torch.int64, device=device),
            free_tick=free,
        )

    def advance(self, state: GrammarState, ids: Tensor) -> GrammarState:
        """The state after one more id a row, (B,). Ids that break a rule (a prompt's) are followed too."""
        ids = ids.expand(len(state.kind))
        kind, where = self.kind[ids], torch.where
        is_bar, is_metre, is_position = kind == Kind.BAR, kind == Kind.TIME_SIGNATURE, kind == Kind.POSITION
        bar_length = state.bar_positions * state.position_ticks
        bar_tick = where(is_bar & (state.bar > 0), state.bar_tick + bar_length, state.bar_tick)
        position_ticks = where(is_metre, self.position_ticks[ids], state.position_ticks)
        position = where(is_bar, -1, where(is_position, self.position[ids], state.position))
        voice = where(kind == Kind.PROGRAM, self.program[ids], state.voice)
        last_key = where(is_bar | is_position, -1, state.last_key)
        last_key = where(kind == Kind.PITCH, voice * 128 + self.pitch[ids], last_key)
        note_end = where(kind == Kind.DURATION, bar_tick + (position + self.duration[ids]) * position_ticks, -1)
        sounding, free_tick = self._sound(state, last_key, note_end)
        return GrammarState(
            kind=kind,
            bar=state.bar + is_bar.long(),
            bar_tick=bar_tick,
            bar_positions=where(is_metre, self.bar_positions[ids], state.bar_positions),
            position_ticks=position_ticks,
            position=position,
            voice=voice,
            last_key=last_key,
            end_tick=torch.maximum(state.end_tick, note_end),
            begun=self._begun(state, ids, kind),
            sounding=sounding,
            free_tick=free_tick,
        )

    def _sound(self, state: GrammarState, key: Tensor, note_end: Tensor) -> tuple[Tensor, Tensor]:
        """`sounding` and `free_tick` once the note `key` (B,) ends at `note_end` (B,), -1 where none does."""
        if not bool((note_end >= 0).any()):  # spares a copy of the whole table
            return state.sounding, state.free_tick
        flat, slot = state.sounding.flatten(1), key.clamp(min=0)[:, None]
        ends = torch.where(note_end >= 0, note_end, flat.gather(1, slot).squeeze(1))
        sounding = flat.scatter(1, slot, ends[:, None]).view_as(state.sounding)
        voice = slot // 128
        held, allowed = self._of_voice(sounding, voice), self._of_voice(self.allowed, voice)
        free = held.masked_fill(~allowed, _NEVER).min(dim=1, keepdim=True).values
        return sounding, state.free_tick.scatter(1, voice, free)

    def _of_voice(self, table: Tensor, voice: Tensor) -> Tensor:
        """The row of one voice, (B, 128), of a table (B or 1, voices, 128); voice is (B, 1)."""
        rows = torch.arange(len(voice), device=voice.device) if len(table) > 1 else 0
        return table[rows, voice[:, 0]]

    def _begun(self, state: GrammarState, ids: Tensor, kind: Tensor) -> Tensor:
        """`begun` after `ids` (B,): a metre begins where it is not the one of the bar before."""
        changes = (self.bar_positions[ids] != state.bar_positions) | (
            self.position_ticks[ids] != state.position_ticks
        )
        mark = (kind == Kind.TEMPO) | ((kind == Kind.TIME_SIGNATURE) & changes)
        begun = torch.where(kind == Kind.BAR, 0, torch.maximum(state.begun, mark.long()))
        return torch.where(kind == Kind.DURATION, 2, begun)

    def silence(self, state: GrammarState) -> GrammarState:
        """The state with every note ended by the last bar line."""
        return state._replace(
            end_tick=torch.minimum(state.end_tick, state.bar_tick),
            sounding=torch.minimum(state.sounding, state.bar_tick[:, None, None]),
            free_tick=torch.where(
                state.free_tick < _NEVER, torch.minimum(state.free_tick, state.bar_tick[:, None]), _NEVER
            ),
        )

    def mask(self, state: GrammarState) -> Tensor:
        """Which ids may come next, (B, V); at least one a row."""
        mask = self.follows[state.kind]  # (B, V)
        self._mask_bars(mask, state)
        self._mask_metres(mask, state)
        self._mask_positions(mask, state)
        self._mask_opening(mask, state)
        self._mask_notes(mask, state)
        self._mask_durations(mask, state)
        return mask

    def _restrict(self, mask: Tensor, kind: Kind, allowed: Tensor) -> None:
        """Keep of one kind's ids only those allowed, (B, ids of the kind) or (B, 1)."""
        mask[:, self.ids[kind]] &= allowed

    def _mask_bars(self, mask: Tensor, state: GrammarState) -> None:
        # What nothing begins in would not be encoded again.
        if self.constraints.bars is None:
            self._restrict(mask, Kind.EOS, ((state.begun > 0) & (state.end_tick > 0))[:, None])
            return
        is_last = state.bar >= self.constraints.bars
        self._restrict(mask, Kind.BAR, ~is_last[:, None])
        self._restrict(mask, Kind.EOS, (is_last & (state.begun == 2))[:, None])

    def _mask_metres(self, mask: Tensor, state: GrammarState) -> None:
        metres = self.ids[Kind.TIME_SIGNATURE]
        if self.constraints.time_signature_id is not None:
            self._restrict(mask, Kind.TIME_SIGNATURE, metres == self.constraints.time_signature_id)
            return
        lengths = self.bar_positions[metres] * self.position_ticks[metres]
        # A first bar shorter than the second would be read back as a pickup, and filled up.
        first = (state.bar_positions * state.position_ticks)[:, None]
        self._restrict(mask, Kind.TIME_SIGNATURE, (state.bar != 2)[:, None] | (lengths <= first))
        if self.constraints.bars is not None:
            # A shorter metre must still leave room for what is held over the bar line, and for a note after.
            bars_left = self.constraints.bars - state.bar + 1  # this one included
            end = state.bar_tick[:, None] + bars_left[:, None] * lengths
            self._restrict(mask, Kind.TIME_SIGNATURE, end >= state.end_tick[:, None])
            spare = state.sounding.flatten(1).gather(1, self._spare(state)[:, None])
            self._restrict(mask, Kind.TIME_SIGNATURE, end - self.position_ticks[metres] >= spare)

    def _spare(self, state: GrammarState) -> Tensor:
        return self.spare.expand(len(state.kind))

    def _mask_positions(self, mask: Tensor, state: GrammarState) -> None:
        positions = self.position[self.ids[Kind.POSITION]]  # (P,)
        # A position without a pitch that is free there would be a dead end.
        free_at = state.free_tick.min(dim=1).values
        tick = state.bar_tick[:, None] + positions * state.position_ticks[:, None]
        inside = (positions > state.position[:, None]) & (positions < state.bar_positions[:, None])
        self._restrict(mask, Kind.POSITION, inside & (tick >= free_at[:, None]))

    def _mask_opening(self, mask: Tensor, state: GrammarState) -> None:
        """A piece opens with its tempo."""
        if not self.opens_with_tempo:
            return
        opening = (state.bar == 1) & (state.position <= 0)
        before = opening & (state.kind == Kind.TIME_SIGNATURE)
        there = opening & (state.kind == Kind.POSITION)
        mask &= ~before[:, None] | (self.position == 0)
        mask &= ~there[:, None] | (self.kind == Kind.TEMPO)

    def _mask_notes(self, mask: Tensor, state: GrammarState) -> None:
        tick = (state.bar_tick + state.position.clamp(min=0) * state.position_ticks)[:, None]
        voice = state.voice[:, None]
        free = self._of_voice(self.allowed, voice) & (self._of_voice(state.sounding, voice) <= tick)
        free &= voice * 128 + torch.arange(128, device=tick.device) > state.last_key[:, None]  # (B, 128)
        if self.has_programs:
            programs = self.program[self.ids[Kind.PROGRAM]].clamp(min=0)
            last = torch.where(state.last_key >= 0, state.last_key // 128, -1)[:, None]
            later = (programs > last) & (state.free_tick[:, programs] <= tick)
            self._restrict(mask, Kind.PROGRAM, later | ((programs == last) & free.any(dim=1, keepdim=True)))
        pitches = self.ids[Kind.PITCH]
        right_kind = self.is_drum[pitches] == (voice == DRUMS)
        self._restrict(mask, Kind.PITCH, free[:, self.pitch[pitches]] & right_kind)

    def _mask_durations(self, mask: Tensor, state: GrammarState) -> None:
        if self.constraints.bars is None:
            return
        bars_left = self.constraints.bars - state.bar + 1  # this one included
        room = bars_left * state.bar_positions - state.position  # in positions of this metre
        room -= ((state.last_key == self._spare(state)) & (bars_left > 1)).long()
        self._restrict(mask, Kind.DURATION, self.duration[self.ids[Kind.DURATION]] <= room[:, None])
