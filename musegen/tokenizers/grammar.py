"""The grammar of event streams: masks over the vocabulary, so that every stream decodes to valid music.

A stream under these masks is what `encode` would write for the music it decodes to. The rules, each
vectorised over the batch: kinds follow each other as in MidiTok; positions only increase within a bar;
notes at one position ascend by program, then pitch; no pitch starts while it still sounds; every bar lasts
its metre, and the first is no pickup; where tempos are written, the piece starts with one; something
starts in the last bar. With a requested number of bars, the stream has exactly that many, no note crosses
the end, and a note starts in the last bar.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import groupby, pairwise

import torch
from torch import Tensor

from musegen.tokenizers.limits import OPEN
from musegen.tokenizers.stream_state import Device, EventRules, StreamState, either
from musegen.tokenizers.tables import Kind, Tables


class Grammar(EventRules):
    """Tracks a batch of streams and masks what may come next.

    Args:
        tables: of the tokenizer.
        device: of the masks.
    """

    def __init__(self, tables: Tables, device: Device) -> None:
        super().__init__(tables, device)
        self.has_programs = tables.has_programs
        self.ids = {kind: self.column(tables.ids(kind)) for kind in Kind}
        self.follows = _follows(_graph(tables), tables).to(device)  # (kinds, V)
        self.runs = _runs(tables.kind.tolist())
        pitches = self.pitch[self.ids[Kind.PITCH]]
        self.has_all_pitches = pitches.tolist() == list(range(128))
        self.note_is_drum = self.column(tables.is_drum)[self.ids[Kind.PITCH]] == 1
        self.has_drums = bool(self.note_is_drum.any())

    def mask(self, state: StreamState) -> Tensor:
        """Which ids may come next, (B, V); at least one per row."""
        known = self.limits.known > 0
        may = {
            **self._bars(state),
            Kind.TIME_SIGNATURE: self._metres(state),
            Kind.POSITION: self._positions(state),
            Kind.DURATION: self._durations(state),
            **self._notes(state),
        }
        if len(self.ids[Kind.TEMPO]):  # a piece starts with its tempo
            opening = known[self.ids[Kind.TEMPO]].any() & (state.bar == 1) & (state.position <= 0)
            before = opening & (state.kind == Kind.TIME_SIGNATURE.value)
            there = opening & (state.kind == Kind.POSITION.value)
            first = self.positions_of[self.ids[Kind.POSITION]] == 0
            may = {kind: each & ~before[:, None] for kind, each in may.items()}
            may[Kind.POSITION] = may[Kind.POSITION] | (before[:, None] & first)
            may = {kind: each & ((kind == Kind.TEMPO) | ~there[:, None]) for kind, each in may.items()}
        rows, every = state.kind.shape[0], known.new_ones(1, 1)
        masks = {kind: may.get(kind, every).expand(rows, len(self.ids[kind])) for kind, *_ in self.runs}
        runs = [masks[kind][:, first:stop] for kind, first, stop in self.runs]
        mask: Tensor = self.follows[state.kind] & torch.cat(runs, dim=1) & known
        return mask

    def _is_open(self) -> Tensor:
        """() whether the model decides when to end."""
        found: Tensor = self.limits.bars >= OPEN
        return found

    def _bars(self, state: StreamState) -> dict[Kind, Tensor]:
        is_last = state.bar >= self.limits.bars
        has_note = either(self.limits.may_end_silent > 0, state.end_tick > 0, state.bar_content == 2)
        # An empty last bar would not be encoded again.
        open_end = self._is_open() & (state.bar_content > 0) & (state.end_tick > 0)
        return {Kind.BAR: ~is_last[:, None], Kind.EOS: (open_end | (is_last & has_note))[:, None]}

    def _metres(self, state: StreamState) -> Tensor:
        metres, plan = self.ids[Kind.TIME_SIGNATURE], self.limits.metres
        planned = plan[(state.bar - 1).clamp(min=0).clamp(max=plan.shape[0] - 1)][:, None]
        ticks = self.position_ticks[metres]
        lengths = self.bar_positions[metres] * ticks
        # A first bar shorter than the second would be read back as a pickup and padded.
        fits = (state.bar != 2)[:, None] | (lengths <= state.bar_length[:, None])
        # A shorter metre must leave room for held notes, and for one after them.
        left = self.limits.bars - state.bar + 1  # this one included
        end = state.bar_tick[:, None] + left[:, None] * lengths
        reserved = state.sounding.gather(1, self._reserved(state)[:, None])
        room = (end >= state.end_tick[:, None]) & (end - ticks >= reserved)
        return either(planned >= 0, metres == planned, fits & (room | self._is_open()))

    def _reserved(self, state: StreamState) -> Tensor:
        found: Tensor = self.limits.reserved.expand(state.kind.shape[0])
        return found

    def _positions(self, state: StreamState) -> Tensor:
        # A position at which no pitch is free would be a dead end.
        ticks, positions = state.position_ticks.clamp(min=1), self.positions_of[self.ids[Kind.POSITION]]
        free = -((state.bar_tick - state.free_tick.amin(1)) // ticks)
        first = torch.maximum(state.position + 1, free)[:, None]
        return (positions >= first) & (positions < state.bar_positions[:, None])

    def _notes(self, state: StreamState) -> dict[Kind, Tensor]:
        tick, voice = state.tick[:, None], state.voice[:, None]
        pitches = torch.arange(128, device=tick.device)
        allowed, until = self._of_voice(voice, state.sounding)
        free = allowed & (until <= tick) & (voice * 128 + pitches > state.last_note[:, None])  # (B, 128)
        may = {Kind.PITCH: free if self.has_all_pitches else free[:, self.pitch[self.ids[Kind.PITCH]]]}
        if self.has_drums:
            is_drum = self.note_is_drum == (voice == self.limits.drums)
            may[Kind.PITCH] = may[Kind.PITCH] & is_drum
        if self.has_programs:
            voices = self.limits.voice[self.ids[Kind.PROGRAM]]
            last = torch.where(state.last_note >= 0, state.last_note // 128, -1)[:, None]
            later = (voices > last) & (state.free_tick[:, voices] <= tick)
            may[Kind.PROGRAM] = later | ((voices == last) & free.any(1)[:, None])
        return may

    def _durations(self, state: StreamState) -> Tensor:
        lengths = self.duration[self.ids[Kind.DURATION]]
        end, last_position = self._end(state)
        must_end_early = (state.last_note == self._reserved(state)) & (state.bar < self.limits.bars)
        room = end - state.tick - torch.where(must_end_early, last_position, 0)
        longest = room // state.position_ticks.clamp(min=1)
        return self._is_open() | (lengths <= longest[:, None])

    def _end(self, state: StreamState) -> tuple[Tensor, Tensor]:
        """The tick at which the piece ends in its metre, and ticks of its last position, (B,) each."""
        left = self.limits.bars - state.bar + 1  # this one included
        end, last = self.limits.end.unbind(0)
        is_planned = end >= 0
        return (
            torch.where(is_planned, end, state.bar_tick + left * state.bar_length),
            torch.where(is_planned, last, state.position_ticks),
        )


def _runs(kinds: list[int]) -> list[tuple[Kind, int, int]]:
    """Ids of one kind in a row, in the order of the vocabulary: the kind, and which of its ids they are."""
    runs, seen = [], Counter[Kind]()
    for kind, run in groupby(map(Kind, kinds)):
        first = seen[kind]
        seen[kind] += len(list(run))
        runs.append((kind, first, seen[kind]))
    return runs


def _graph(tables: Tables) -> dict[Kind, set[Kind]]:
    """Which kinds may follow each kind."""
    note = {Kind.PROGRAM} if tables.has_programs else {Kind.PITCH}
    after_note = note | {Kind.POSITION, Kind.BAR, Kind.EOS}
    return {
        Kind.BOS: {Kind.BAR},
        Kind.EOS: {Kind.PAD},
        Kind.PAD: {Kind.PAD},
        Kind.BAR: {Kind.TIME_SIGNATURE},
        Kind.TIME_SIGNATURE: {Kind.POSITION, Kind.BAR, Kind.EOS},
        Kind.POSITION: note | {Kind.TEMPO},
        Kind.TEMPO: after_note,
        Kind.PROGRAM: {Kind.PITCH},
        **{kind: {following} for kind, following in pairwise(tables.note_kinds)},
        Kind.DURATION: after_note,
    }


def _follows(graph: Mapping[Kind, set[Kind]], tables: Tables) -> Tensor:
    """Which ids may follow each kind, (kinds, V)."""
    table = torch.zeros(len(Kind), tables.vocab_size, dtype=torch.bool)
    kinds = torch.from_numpy(tables.kind)
    for kind, successors in graph.items():
        for successor in successors:
            table[kind] |= kinds == successor
    return table
