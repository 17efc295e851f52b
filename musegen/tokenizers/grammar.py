"""What may follow: masks over the vocabulary that make every stream decode to the music asked for.

A stream that keeps to them is what `encode` would write of the music it decodes to. The rules, each
vectorised over the batch: kinds follow each other as MidiTok writes them; positions only go forward and
lie in the bar; notes at one position ascend by program, then pitch; no pitch starts while it still
sounds; every bar lasts its metre, and the first is no pickup; where tempos are written, the piece opens
with one; something begins in the last bar. With a number of bars given, the stream has exactly that many,
no note crosses their end, and a note begins in the last one.
On tensors or numpy arrays alike (see `arrays.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from musegen.errors import ConfigError
from musegen.tokenizers.arrays import Array, larger, lowest, picked, span, spread, where
from musegen.tokenizers.stream_state import Columns, Device, EventRules, StreamState, of_voice
from musegen.tokenizers.tables import DRUMS, Kind, Tables


@dataclass(frozen=True)
class Constraints:
    """What the music must keep to, beyond the grammar."""

    bars: int | None = None
    """Exactly so many bars, those of a prompt included; None: the model ends when it likes."""
    time_signature_id: int | None = None
    """The id of the only metre allowed in new bars; None: the model chooses."""
    metre_ids: Sequence[int] = ()
    """The id of the metre of each of the `bars`, those of a prompt included; none: as said above."""
    pitches: frozenset[int] | None = None
    """The only MIDI pitches allowed; drums are free."""
    part_pitches: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """The only pitches allowed to a program, part or voice, by its number in the stream."""
    programs: Sequence[frozenset[int]] = ()
    """The only programs allowed, `DRUMS` among them if wanted: one set for all rows of a batch, or one
    set a row; none: any."""
    tempo: bool = True
    """Whether tempo changes may be written."""
    may_end_silent: bool = False
    """A note in any bar will do: clips are cut out of music, so that nothing need begin in their last bar."""


class Grammar(EventRules):
    """Follows a batch of streams and says what may come next.

    Args:
        tables: of the tokenizer.
        constraints: what the music must keep to.
        device: where the masks are wanted.

    Raises:
        ConfigError: the constraints leave nothing to write.
    """

    by_row = ("allowed", "spare")

    def __init__(self, tables: Tables, constraints: Constraints, *, device: Device = "cpu") -> None:
        super().__init__(tables, device)
        column, self.constraints = self.column, constraints
        self.has_programs = tables.has_programs
        self.ids = {kind: column(tables.ids(kind)) for kind in Kind}
        self.spans = {kind: span(ids) for kind, ids in self.ids.items()}
        graph = self._graph(tables)
        self.follows = _follows(graph, tables).to(device)  # (kinds, V)
        self.rules = [
            (rule, frozenset(kind for kind, following in graph.items() if following & about))
            for rule, about in (
                (Grammar._mask_bars, {Kind.BAR, Kind.EOS}),
                (Grammar._mask_metres, {Kind.TIME_SIGNATURE}),
                (Grammar._mask_positions, {Kind.POSITION}),
                (Grammar._mask_opening, {Kind.POSITION, Kind.TEMPO}),
                (Grammar._mask_notes, {Kind.PROGRAM, Kind.PITCH}),
                (Grammar._mask_durations, {Kind.DURATION}),
            )
        ]  # and the kinds after which each of them matters
        self.pitches = column(range(128))
        self.opens_with_tempo = constraints.tempo and bool(len(self.ids[Kind.TEMPO]))
        voices, self.allowed = self._allowed(tables)  # (voices,), (B or 1, voices, 128)
        self.allowed = self.allowed.to(device)
        # Programs that are no voice have the last row.
        row = {voice: index for index, voice in enumerate(voices)}
        self.drums = row.get(DRUMS, -1)
        columns = {name: column(getattr(tables, name)) for name in Columns._fields if name != "voice"}
        rows = [row.get(program, len(voices)) for program in tables.program.tolist()]
        self.of = Columns(**columns, voice=column(rows))
        self.positions = self.of.position[self.spans[Kind.POSITION]]
        self.note_pitches, self.note_is_drum = (
            each[self.ids[Kind.PITCH]] for each in (self.of.pitch, column(tables.is_drum).bool())
        )
        self.are_all_pitches = self.note_pitches.equal(self.pitches) and not bool(self.note_is_drum.any())
        self.lengths = self.of.duration[self.spans[Kind.DURATION]]
        self.metre_ids = column(constraints.metre_ids)  # (bars,) or (0,)
        # The highest pitch allowed must not ring through to the end: a note begins in the last bar.
        slots = self.allowed.flatten(1)
        self.spare = slots.shape[1] - 1 - slots.flip(1).long().argmax(dim=1)  # (B or 1,)

    def _graph(self, tables: Tables) -> dict[Kind, set[Kind]]:
        """Which kinds may follow a kind at all."""
        present = {Kind(kind) for kind in tables.kind.tolist()}
        note = {Kind.PROGRAM} if self.has_programs else {Kind.PITCH}
        after_note = note | {Kind.POSITION, Kind.BAR, Kind.EOS}
        after_pitch = {Kind.VELOCITY} if Kind.VELOCITY in present else {Kind.DURATION}
        tempo = {Kind.TEMPO} if self.constraints.tempo else set()
        return {
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

    def _allowed(self, tables: Tables) -> tuple[list[int], Tensor]:
        """The voices that may play and which pitches each may start, (B or 1, voices + 1, 128).

        Raises:
            ConfigError: none.
        """
        rosters = self.constraints.programs if self.has_programs else ()
        allowed = torch.zeros(max(1, len(rosters)), DRUMS + 1, 128, dtype=torch.bool)
        known = sorted(set(tables.program.tolist()) - {-1}) if self.has_programs else [0]
        pitches = range(128) if self.constraints.pitches is None else sorted(self.constraints.pitches)
        for voice in known:
            allowed[:, voice, slice(None) if voice == DRUMS else list(pitches)] = True
        for voice, own in self.constraints.part_pitches.items():
            allowed[:, voice] &= torch.isin(torch.arange(128), torch.tensor(sorted(own)))
        for row, roster in enumerate(rosters):
            allowed[row, [voice for voice in range(DRUMS + 1) if voice not in roster]] = False
        if not bool(allowed.flatten(1).any(dim=1).all()):
            raise ConfigError(
                "the scale, range and program together leave no pitch to write; widen one of them"
            )
        voices = allowed.any(dim=2).any(dim=0).nonzero().squeeze(1).tolist()
        others = torch.zeros(len(allowed), 1, 128, dtype=torch.bool)
        return voices, torch.cat([allowed[:, voices], others], dim=1)

    def mask(self, state: StreamState) -> Array:
        """Which ids may come next, (B, V); at least one a row."""
        mask: Array = self.follows[state.kind]  # (B, V)
        kinds = set(state.kind.tolist()) if isinstance(mask, np.ndarray) else None  # no questions to a GPU
        for rule, ruled in self.rules:
            if kinds is None or not ruled.isdisjoint(kinds):
                rule(self, mask, state)
        return mask

    def _restrict(self, mask: Array, kind: Kind, allowed: Array) -> None:
        """Keep of one kind's ids only those allowed, (B, ids of the kind) or (B, 1)."""
        mask[:, self.spans[kind]] &= allowed

    def _mask_bars(self, mask: Array, state: StreamState) -> None:
        # What nothing begins in would not be encoded again.
        if self.constraints.bars is None:
            self._restrict(mask, Kind.EOS, ((state.begun > 0) & (state.end_tick > 0))[:, None])
            return
        is_last = state.bar >= self.constraints.bars
        self._restrict(mask, Kind.BAR, ~is_last[:, None])
        is_enough = state.end_tick > 0 if self.constraints.may_end_silent else state.begun == 2
        self._restrict(mask, Kind.EOS, (is_last & is_enough)[:, None])

    def _mask_metres(self, mask: Array, state: StreamState) -> None:
        metres = self.ids[Kind.TIME_SIGNATURE]
        if len(self.metre_ids):
            own = self.metre_ids[(state.bar - 1).clip(0, len(self.metre_ids) - 1)]
            self._restrict(mask, Kind.TIME_SIGNATURE, metres == own[:, None])
            return
        if self.constraints.time_signature_id is not None:
            self._restrict(mask, Kind.TIME_SIGNATURE, metres == self.constraints.time_signature_id)
            return
        lengths = self.of.bar_positions[metres] * self.of.position_ticks[metres]
        # A first bar shorter than the second would be read back as a pickup, and filled up.
        fits = lengths <= state.bar_length[:, None]
        self._restrict(mask, Kind.TIME_SIGNATURE, (state.bar != 2)[:, None] | fits)
        if self.constraints.bars is not None:
            # A shorter metre must still leave room for what is held over the bar line, and for a note after.
            bars_left = self.constraints.bars - state.bar + 1  # this one included
            end = state.bar_tick[:, None] + bars_left[:, None] * lengths
            self._restrict(mask, Kind.TIME_SIGNATURE, end >= state.end_tick[:, None])
            spare = picked(state.sounding.reshape(len(state.bar), -1), self._spare(state))[:, None]
            self._restrict(mask, Kind.TIME_SIGNATURE, end - self.of.position_ticks[metres] >= spare)

    def _spare(self, state: StreamState) -> Array:
        return spread(self.spare, len(state.kind))

    def _mask_positions(self, mask: Array, state: StreamState) -> None:
        # A position without a pitch that is free there would be a dead end.
        ticks = larger(state.position_ticks, state.kind * 0 + 1)
        free = -((state.bar_tick - lowest(state.free_tick)) // ticks)
        first = larger(state.position + 1, free)[:, None]
        inside = (self.positions >= first) & (self.positions < state.bar_positions[:, None])
        self._restrict(mask, Kind.POSITION, inside)

    def _mask_opening(self, mask: Array, state: StreamState) -> None:
        """A piece opens with its tempo."""
        if not self.opens_with_tempo:
            return
        opening = (state.bar == 1) & (state.position <= 0)
        before = opening & (state.kind == Kind.TIME_SIGNATURE.value)
        there = opening & (state.kind == Kind.POSITION.value)
        mask &= ~before[:, None] | (self.of.position == 0)
        mask &= ~there[:, None] | (self.kind == Kind.TEMPO.value)

    def _mask_notes(self, mask: Array, state: StreamState) -> None:
        tick, voice = state.tick[:, None], state.voice[:, None]
        free = of_voice(self.allowed, state.voice) & (of_voice(state.sounding, state.voice) <= tick)
        free &= voice * 128 + self.pitches > state.last_key[:, None]  # (B, 128)
        if self.has_programs:
            voices = self.of.voice[self.ids[Kind.PROGRAM]]
            last = where(state.last_key >= 0, state.last_key // 128, -1)[:, None]
            later = (voices > last) & (state.free_tick[:, voices] <= tick)
            self._restrict(mask, Kind.PROGRAM, later | ((voices == last) & free.any(1)[:, None]))
        if not self.are_all_pitches:
            free = free[:, self.note_pitches] & (self.note_is_drum == (voice == self.drums))
        self._restrict(mask, Kind.PITCH, free)

    def _mask_durations(self, mask: Array, state: StreamState) -> None:
        if self.constraints.bars is None:
            return
        end, last_position = self._end(state)
        keeps_off = (state.last_key == self._spare(state)) & (state.bar < self.constraints.bars)
        room = end - state.tick - where(keeps_off, last_position, 0)
        longest = room // larger(state.position_ticks, state.kind * 0 + 1)
        self._restrict(mask, Kind.DURATION, self.lengths <= longest[:, None])

    def _end(self, state: StreamState) -> tuple[Array, Array]:
        """Tick at which the piece ends if its metre goes on, and ticks of its last position, (B,) each."""
        assert self.constraints.bars is not None
        if len(self.metre_ids):
            lengths = self.of.position_ticks[self.metre_ids]
            ticks = (self.of.bar_positions[self.metre_ids] * lengths).sum()
            return spread(ticks[None], len(state.kind)), spread(lengths[-1:], len(state.kind))
        bars_left = self.constraints.bars - state.bar + 1  # this one included
        return state.bar_tick + bars_left * state.bar_length, state.position_ticks


def _follows(graph: Mapping[Kind, set[Kind]], tables: Tables) -> Tensor:
    """Which ids may follow a kind at all, (kinds, V)."""
    table = torch.zeros(len(Kind), tables.vocab_size, dtype=torch.bool)
    kinds = torch.from_numpy(tables.kind)
    for kind, successors in graph.items():
        for successor in successors:
            table[kind] |= kinds == successor
    return table
