"""Where a clip of one line is in the music, from its ids alone: the durations so far say it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from musegen.models.place import PlaceTracker, Stand, hold

_BAR, _TIME_SIGNATURE, _DURATION = 3, 4, 10
"""As in tokenizers.tables.Kind."""


class LineTracker(PlaceTracker):
    """Computes `Place` from pitches and durations in turn; it has buffers and no weights.

    Args:
        kind: `Kind` of each id, (V,).
        pitch: MIDI pitch of each id, -1 where it is none, (V,).
        duration: positions that each id lasts, -1 where it is no duration, (V,).
        bar_positions: positions of a bar of each metre, by its id, -1 elsewhere, (V,).
        lookback: bars to look back, L of them.
        is_reader: a duration stands where its note begins; else where the next one does, which is where a
            writer goes on.
    """

    _lasts: Tensor
    _length: Tensor

    def __init__(
        self,
        *,
        kind: Tensor,
        pitch: Tensor,
        duration: Tensor,
        bar_positions: Tensor,
        lookback: Sequence[int],
        is_reader: bool,
    ) -> None:
        positions = torch.arange(int(bar_positions.max()))
        super().__init__(kind=kind, position=positions, pitch=pitch, lookback=lookback)
        self.is_reader = is_reader
        lengths = torch.cat([torch.tensor([1 << 20]), bar_positions[kind == _TIME_SIGNATURE]])
        self.register_buffer("_lasts", duration.clamp(min=0), persistent=False)
        self.register_buffer("_length", lengths, persistent=False)  # by the metre's rank; (M + 1,)

    def _stand(self, ids: Tensor, kind: Tensor, before: Tensor) -> Stand:
        bar0, _, gone0, metre0 = before.unbind(1)
        lasts = self._lasts[ids]
        gone = gone0[:, None] + lasts.cumsum(1)
        metre = hold(self._metre[ids], kind == _TIME_SIGNATURE, metre0)
        at = gone - lasts if self.is_reader else gone
        length, is_known = self._length[metre], metre > 0
        begun = bar0[:, None] + (kind == _BAR).cumsum(1)
        return Stand(
            bar=torch.where(is_known, at // length + 1, begun),
            place=torch.where(is_known, at % length + 1, 0),
            counted=gone,
            metre=metre,
            # A writer's duration stands before what begins there.
            rank=torch.where(kind == _DURATION, int(self.is_reader), 1),
        )
