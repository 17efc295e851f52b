"""The position in a clip of one line, from the durations so far."""

from collections.abc import Sequence

import torch
from torch import Tensor

from musegen.models.position.events import EventTracker
from musegen.models.position.features import KINDS, Position
from musegen.tokenizers.tables import Kind, Tables


class LineTracker(EventTracker):
    """Follows alternating pitches and durations; it counts the positions since the beginning.

    For an encoder a duration is at the onset of its note, for a decoder at the onset of the next note.
    """

    lasts: Tensor
    bar_positions: Tensor  # (M + 1,) by the rank of the metre

    def __init__(self, tables: Tables, lookback: Sequence[int], *, is_reader: bool) -> None:
        super().__init__(tables, lookback, places=int(tables.bar_positions.max()) + 1)
        self.is_reader = is_reader
        lengths = tables.bar_positions[tables.ids(Kind.TIME_SIGNATURE)]
        self.buffer("bar_positions", torch.tensor([1 << 20, *lengths]))
        self.buffer("lasts", torch.from_numpy(tables.duration).clamp(min=0))
        # A decoder's duration comes before the ids of the same position.
        self.order += torch.where(self.kind == Kind.DURATION.value, int(is_reader), 1) * KINDS

    def _locate(self, ids: Tensor, bar: Tensor, metre: Tensor, before: Tensor) -> Position:
        lasts = self.lasts[ids]
        elapsed = before[:, 2:3] + lasts.cumsum(1)
        at = elapsed - lasts if self.is_reader else elapsed
        length, is_known = self.bar_positions[metre], metre > 0
        bar = torch.where(is_known, at // length + 1, bar)
        place = torch.where(is_known, at % length + 1, 0)
        return Position(bar, place, elapsed, self.order[ids], (place - 1).clamp(min=0))
