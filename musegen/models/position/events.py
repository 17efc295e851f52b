"""Where a stream of events is in the music: its bar lines and positions say it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from musegen.models.position.features import (
    KINDS,
    MOST_LEFT,
    NOTES,
    Here,
    InputLayout,
    Tracker,
    TrackerState,
    semitones,
)
from musegen.models.position.scans import count_since, delayed, hold
from musegen.tokenizers.tables import Kind, Tables


class EventTracker(Tracker):
    """Follows notes written as events, one after another; it counts those at one place.

    Of late: the last pitch, the one before it, the last duration. Intervals: from the one pitch to the other.
    """

    place: Tensor
    sets_place: Tensor
    starts_note: Tensor
    bars: Tensor  # (V,) of the whole piece that begins with each id, -1 where it does not say
    num_held = 4

    def __init__(self, tables: Tables, lookback: Sequence[int]) -> None:
        says_bars, lags = bool((tables.bars > 0).any()), len(lookback)
        layout = InputLayout(recent=3, lookback=lags, intervals=1 + lags, bars_left=int(says_bars))
        super().__init__(tables, lookback, layout)
        self.num_places = int(tables.position.max()) + 2
        self.buffer("place", (torch.from_numpy(tables.position) + 1).clamp(min=0))
        self.buffer("sets_place", (self.kind == Kind.BAR) | (self.kind == Kind.POSITION))
        self.buffer("starts_note", self.kind == (Kind.PROGRAM if tables.has_programs else Kind.PITCH))
        self.buffer("bars", torch.from_numpy(tables.bars))

    def _follow(self, ids: Tensor, kind: Tensor, bar: Tensor, metre: Tensor, state: TrackerState) -> Here:
        bar, place, counted, order = self._locate(ids, bar, metre, state.position)
        pitch0, earlier0, duration0, first0 = state.held.unbind(1)
        is_pitch = self.pitch[ids] >= 0
        pitch = hold(ids, is_pitch, pitch0)  # (B, T), as those below
        earlier = hold(delayed(pitch, pitch0), is_pitch, earlier0)
        first = hold(ids, kind == Kind.BOS, first0)
        held = torch.stack([pitch, earlier, hold(ids, kind == Kind.DURATION, duration0), first], dim=2)
        last = self.pitch[pitch][..., None]
        left = None
        if self.layout.bars_left:
            bars = self.bars[first][..., None]
            left = torch.where(bars > 0, (bars - bar[..., None] + 1).clamp(1, MOST_LEFT), 0)
        return Here(
            bar=bar,
            place=place,
            counted=counted,
            order=order,
            next_position=(place - 1).clamp(min=0),
            held=held,
            recent=held[..., :3],
            reference_pitches=last,
            motion=last[..., :0],
            intervals=[semitones(self.pitch[earlier][..., None], last)],
            bars_left=left,
        )

    def _locate(self, ids: Tensor, bar: Tensor, metre: Tensor, before: Tensor) -> tuple[Tensor, ...]:
        """Bar, place, what is counted and order of ids, (B, T) each; before them (B, 4)."""
        del metre
        sets_place = self.sets_place[ids]
        place = hold(self.place[ids], sets_place, before[:, 1])
        notes = count_since(self.starts_note[ids], sets_place, before[:, 2])
        return bar, place, notes, notes.clamp(max=NOTES - 1) * KINDS + self.order[ids]
