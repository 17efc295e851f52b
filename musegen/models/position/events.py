"""The position in a stream of events, from its bar lines and positions."""

from collections.abc import Sequence

import torch
from torch import Tensor

from musegen.models.position.features import KINDS, MOST_LEFT, NOTES, Position, Recent, Tracker, semitones
from musegen.models.position.scans import count_since, delayed, hold
from musegen.tokenizers.tables import Kind, Tables


class EventTracker(Tracker):
    """Follows notes encoded as events, one after another; it counts those at one position.

    Recent ids: the last pitch, the one before it, the last duration. Intervals: between the two pitches.
    """

    place: Tensor
    sets_place: Tensor
    starts_note: Tensor
    bars: Tensor  # (V,) bars of the piece for ids that encode its length, else -1
    num_held = 4

    def __init__(self, tables: Tables, lookback: Sequence[int], *, places: int | None = None) -> None:
        position = torch.from_numpy(tables.position)
        super().__init__(tables, lookback, places=places or int(position.max()) + 2, recent=3, intervals=1)
        if Kind.SHIFT in tables.note_kinds:  # it stands between a pitch and its velocity
            for order, each in enumerate(tables.note_kinds, start=Kind.PITCH.value):
                self.order[self.kind == each.value] = order
        self.buffer("place", (position + 1).clamp(min=0))
        self.buffer("sets_place", (self.kind == Kind.BAR.value) | (self.kind == Kind.POSITION.value))
        self.buffer("starts_note", self.kind == (Kind.PROGRAM if tables.has_programs else Kind.PITCH).value)
        self.buffer("bars", torch.from_numpy(tables.bars))

    def _locate(self, ids: Tensor, bar: Tensor, _metre: Tensor, before: Tensor) -> Position:
        sets_place = self.sets_place[ids]
        place = hold(self.place[ids], sets_place, before[:, 1])
        notes = count_since(self.starts_note[ids], sets_place, before[:, 2])
        order = notes.clamp(max=NOTES - 1) * KINDS + self.order[ids]
        return Position(bar, place, notes, order, (place - 1).clamp(min=0))

    def _recall(self, ids: Tensor, kind: Tensor, position: Position, held: Tensor) -> Recent:
        pitch0, earlier0, duration0, first0 = held.unbind(1)
        is_pitch = self.pitch[ids] >= 0
        pitch = hold(ids, is_pitch, pitch0)  # (B, T), as those below
        earlier = hold(delayed(pitch, pitch0), is_pitch, earlier0)
        duration = hold(ids, kind == Kind.DURATION.value, duration0)
        first = hold(ids, kind == Kind.BOS.value, first0)
        held = torch.stack([pitch, earlier, duration, first], dim=2)
        last, before = self.pitch[pitch][..., None], self.pitch[earlier][..., None]
        left = []
        if self.tells_bars:
            bars = self.bars[first]
            left = [torch.where(bars > 0, (bars - position.bar + 1).clamp(1, MOST_LEFT), 0)[..., None]]
        return Recent(held, held[..., :3], last, last[..., :0], [semitones(before, last)], left)
