"""The grammar of event streams: masks over the vocabulary, so that every stream decodes to valid music.

A stream under these masks is what `encode` would write for the music it decodes to. The rules, each
vectorised over the batch: kinds follow each other as in MidiTok; positions only increase within a bar;
notes at one position ascend by program, then pitch; no pitch starts while it still sounds; every bar lasts
its metre, and the first is no pickup; where tempos are written, the piece starts with one; something
starts in the last bar. With a requested number of bars, the stream has exactly that many, no note crosses
the end, and a note starts in the last bar.
Works on tensors and numpy arrays alike (see `arrays.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from musegen.errors import ConfigError
from musegen.tokenizers.arrays import Array, amin, as_slice, expand, gather, maximum, where
from musegen.tokenizers.stream_state import Columns, Device, EventRules, StreamState, voice_rows
from musegen.tokenizers.tables import DRUMS, Kind, Tables


@dataclass(frozen=True)
class Constraints:
    """What the music must satisfy beyond the grammar."""

    bars: int | None = None
    """The exact number of bars, those of a prompt included; None: the model decides when to end."""
    time_signature_id: int | None = None
    """The id of the only metre allowed in new bars; None: the model chooses."""
    metre_ids: Sequence[int] = ()
    """The metre id of each of the `bars`, those of a prompt included; empty: see `time_signature_id`."""
    pitches: frozenset[int] | None = None
    """The only MIDI pitches allowed; drums are not restricted."""
    part_pitches: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """The only pitches allowed for a program, part or voice, by its number in the stream."""
    programs: Sequence[frozenset[int]] = ()
    """The only programs allowed, `DRUMS` included if wanted: one set for the whole batch, or one set per
    row; empty: any."""
    tempo: bool = True
    """Whether tempo changes are allowed."""
    may_end_silent: bool = False
    """A note in any bar is enough: clips are cut out of music, so nothing need start in their last bar."""


class Grammar(EventRules):
    """Tracks a batch of streams and masks what may come next.

    Args:
        tables: of the tokenizer.
        constraints: what the music must satisfy.
        device: of the masks.

    Raises:
        ConfigError: the constraints leave no valid token.
    """

    by_row = ("allowed", "reserved")

    def __init__(self, tables: Tables, constraints: Constraints, *, device: Device = "cpu") -> None:
        super().__init__(tables, device)
        column, self.constraints = self.column, constraints
        self.has_programs = tables.has_programs
        self.ids = {kind: column(tables.ids(kind)) for kind in Kind}
        self.spans = {kind: as_slice(ids) for kind, ids in self.ids.items()}
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
        ]  # with the kinds after which each rule applies
        self.pitches = column(range(128))
        self.opens_with_tempo = constraints.tempo and bool(len(self.ids[Kind.TEMPO]))
        voices, self.allowed = self._allowed(tables)  # (voices,), (B or 1, voices, 128)
        self.allowed = self.allowed.to(device)
        # Programs that are not allowed share the last row.
        row = {voice: index for index, voice in enumerate(voices)}
        self.drums = row.get(DRUMS, -1)
        others = {name: column(getattr(tables, name)) for name in Columns._fields if name != "voice"}
        rows = [row.get(program, len(voices)) for program in tables.program.tolist()]
        self.columns = Columns(**others, voice=column(rows))
        self.positions = self.columns.position[self.spans[Kind.POSITION]]
        self.note_pitches = self.columns.pitch[self.ids[Kind.PITCH]]
        self.note_is_drum = column(tables.is_drum)[self.ids[Kind.PITCH]].bool()
        self.are_all_pitches = self.note_pitches.equal(self.pitches) and not bool(self.note_is_drum.any())
        self.lengths = self.columns.duration[self.spans[Kind.DURATION]]
        self.metre_ids = column(constraints.metre_ids)  # (bars,) or (0,)
        # The highest allowed pitch must be free before the end, since a note has to start in the last bar.
        slots = self.allowed.flatten(1)
        self.reserved = slots.shape[1] - 1 - slots.flip(1).long().argmax(dim=1)  # (B or 1,)

    def _graph(self, tables: Tables) -> dict[Kind, set[Kind]]:
        """Which kinds may follow each kind."""
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
        """The allowed voices and the pitches allowed to each, (B or 1, voices + 1, 128).

        Raises:
            ConfigError: no pitch is allowed.
        """
        rosters = self.constraints.programs if self.has_programs else ()
        allowed = torch.zeros(max(1, len(rosters)), DRUMS + 1, 128, dtype=torch.bool)
        known = sorted(set(tables.program.tolist()) - {-1}) if self.has_programs else [0]
        pitches = range(128) if self.constraints.pitches is None else sorted(self.constraints.pitches)
        for voice in known:
            allowed[:, voice, slice(None) if voice == DRUMS else list(pitches)] = True
        for voice, pitches_of_voice in self.constraints.part_pitches.items():
            allowed[:, voice] &= torch.isin(torch.arange(128), torch.tensor(sorted(pitches_of_voice)))
        for row, roster in enumerate(rosters):
            allowed[row, [voice for voice in range(DRUMS + 1) if voice not in roster]] = False
        if not bool(allowed.flatten(1).any(dim=1).all()):
            raise ConfigError("the scale, range and program together leave no pitch; widen one of them")
        voices = allowed.any(dim=2).any(dim=0).nonzero().squeeze(1).tolist()
        others = torch.zeros(len(allowed), 1, 128, dtype=torch.bool)
        return voices, torch.cat([allowed[:, voices], others], dim=1)

    def mask(self, state: StreamState) -> Array:
        """Which ids may come next, (B, V); at least one per row."""
        mask: Array = self.follows[state.kind]  # (B, V)
        kinds = set(state.kind.tolist()) if isinstance(mask, np.ndarray) else None  # no GPU sync
        for rule, ruled in self.rules:
            if kinds is None or not ruled.isdisjoint(kinds):
                rule(self, mask, state)
        return mask

    def _restrict(self, mask: Array, kind: Kind, allowed: Array) -> None:
        """Mask the ids of one kind by `allowed`, (B, ids of the kind) or (B, 1)."""
        mask[:, self.spans[kind]] &= allowed

    def _mask_bars(self, mask: Array, state: StreamState) -> None:
        # An empty last bar would not be encoded again.
        if self.constraints.bars is None:
            self._restrict(mask, Kind.EOS, ((state.bar_content > 0) & (state.end_tick > 0))[:, None])
            return
        is_last = state.bar >= self.constraints.bars
        self._restrict(mask, Kind.BAR, ~is_last[:, None])
        is_enough = state.end_tick > 0 if self.constraints.may_end_silent else state.bar_content == 2
        self._restrict(mask, Kind.EOS, (is_last & is_enough)[:, None])

    def _mask_metres(self, mask: Array, state: StreamState) -> None:
        metres = self.ids[Kind.TIME_SIGNATURE]
        if len(self.metre_ids):
            planned = self.metre_ids[(state.bar - 1).clip(0, len(self.metre_ids) - 1)]
            self._restrict(mask, Kind.TIME_SIGNATURE, metres == planned[:, None])
            return
        if self.constraints.time_signature_id is not None:
            self._restrict(mask, Kind.TIME_SIGNATURE, metres == self.constraints.time_signature_id)
            return
        lengths = self.columns.bar_positions[metres] * self.columns.position_ticks[metres]
        # A first bar shorter than the second would be read back as a pickup and padded.
        fits = lengths <= state.bar_length[:, None]
        self._restrict(mask, Kind.TIME_SIGNATURE, (state.bar != 2)[:, None] | fits)
        if self.constraints.bars is not None:
            # A shorter metre must leave room for held notes, and for one after them.
            bars_left = self.constraints.bars - state.bar + 1  # this one included
            end = state.bar_tick[:, None] + bars_left[:, None] * lengths
            self._restrict(mask, Kind.TIME_SIGNATURE, end >= state.end_tick[:, None])
            reserved = gather(state.sounding.reshape(len(end), -1), self._reserved(state))[:, None]
            self._restrict(mask, Kind.TIME_SIGNATURE, end - self.columns.position_ticks[metres] >= reserved)

    def _reserved(self, state: StreamState) -> Array:
        return expand(self.reserved, len(state.kind))

    def _mask_positions(self, mask: Array, state: StreamState) -> None:
        # A position at which no pitch is free would be a dead end.
        ticks = maximum(state.position_ticks, state.kind * 0 + 1)
        free = -((state.bar_tick - amin(state.free_tick)) // ticks)
        first = maximum(state.position + 1, free)[:, None]
        inside = (self.positions >= first) & (self.positions < state.bar_positions[:, None])
        self._restrict(mask, Kind.POSITION, inside)

    def _mask_opening(self, mask: Array, state: StreamState) -> None:
        """A piece starts with its tempo."""
        if not self.opens_with_tempo:
            return
        opening = (state.bar == 1) & (state.position <= 0)
        before = opening & (state.kind == Kind.TIME_SIGNATURE.value)
        there = opening & (state.kind == Kind.POSITION.value)
        mask &= ~before[:, None] | (self.columns.position == 0)
        mask &= ~there[:, None] | (self.kind == Kind.TEMPO.value)

    def _mask_notes(self, mask: Array, state: StreamState) -> None:
        tick, voice = state.tick[:, None], state.voice[:, None]
        free = voice_rows(self.allowed, state.voice) & (voice_rows(state.sounding, state.voice) <= tick)
        free &= voice * 128 + self.pitches > state.last_note[:, None]  # (B, 128)
        if self.has_programs:
            voices = self.columns.voice[self.ids[Kind.PROGRAM]]
            last = where(state.last_note >= 0, state.last_note // 128, -1)[:, None]
            later = (voices > last) & (state.free_tick[:, voices] <= tick)
            self._restrict(mask, Kind.PROGRAM, later | ((voices == last) & free.any(1)[:, None]))
        if not self.are_all_pitches:
            free = free[:, self.note_pitches] & (self.note_is_drum == (voice == self.drums))
        self._restrict(mask, Kind.PITCH, free)

    def _mask_durations(self, mask: Array, state: StreamState) -> None:
        if self.constraints.bars is None:
            return
        end, last_position = self._end(state)
        must_end_early = (state.last_note == self._reserved(state)) & (state.bar < self.constraints.bars)
        room = end - state.tick - where(must_end_early, last_position, 0)
        longest = room // maximum(state.position_ticks, state.kind * 0 + 1)
        self._restrict(mask, Kind.DURATION, self.lengths <= longest[:, None])

    def _end(self, state: StreamState) -> tuple[Array, Array]:
        """The tick at which the piece ends in its metre, and ticks of its last position, (B,) each."""
        assert self.constraints.bars is not None
        if len(self.metre_ids):
            lengths = self.columns.position_ticks[self.metre_ids]
            ticks = (self.columns.bar_positions[self.metre_ids] * lengths).sum()
            return expand(ticks[None], len(state.kind)), expand(lengths[-1:], len(state.kind))
        bars_left = self.constraints.bars - state.bar + 1  # this one included
        return state.bar_tick + bars_left * state.bar_length, state.position_ticks


def _follows(graph: Mapping[Kind, set[Kind]], tables: Tables) -> Tensor:
    """Which ids may follow each kind, (kinds, V)."""
    table = torch.zeros(len(Kind), tables.vocab_size, dtype=torch.bool)
    kinds = torch.from_numpy(tables.kind)
    for kind, successors in graph.items():
        for successor in successors:
            table[kind] |= kinds == successor
    return table
