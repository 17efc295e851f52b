"""Where a grid stream is in the music, and what each voice did of late, from its ids alone.

On a grid the place is the number of ids of voices since the bar line: position and voice follow from it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from musegen.models.place import (
    Place,
    PlaceState,
    append,
    count_classes,
    hold,
    in_this_bar,
    look_back,
    run_features,
    run_lengths,
    scale_shares,
    semitones,
    side_by_side,
)

_PAD, _BAR, _TIME_SIGNATURE, _PITCH, _REST = 0, 3, 4, 8, 12
"""As in tokenizers.tables.Kind; what is _PITCH or more is a voice's."""
_KINDS = 16


class GridTracker(nn.Module):
    """Computes `Place` from the ids of a grid; it has buffers and no weights.

    Args:
        kind: `Kind` of each id, (V,).
        bar_positions: positions of a bar of each metre, by its id, (V,).
        pitch: MIDI pitch of each id, -1 where it is none, (V,).
        voices: of the grid.
        lookback: bars to look back, L of them.
    """

    _kind: Tensor
    _metre: Tensor
    _pitch: Tensor
    _lookback: Tensor
    _order: Tensor

    def __init__(
        self, *, kind: Tensor, bar_positions: Tensor, pitch: Tensor, voices: int, lookback: Sequence[int]
    ) -> None:
        super().__init__()
        is_metre = kind == _TIME_SIGNATURE
        metre = torch.where(is_metre, is_metre.cumsum(0), 0)
        self.vocab_size = len(kind)
        self.voices = voices
        self.num_places = int(bar_positions.max()) * voices + 1
        self.num_metres = int(metre.max()) + 1
        self.num_lookbacks = len(lookback)
        self.num_recent, self.num_intervals = 2 * voices, 2 * voices - 1 + len(lookback)
        self.num_anchors = voices
        self.is_windowed = False
        """As in `PlaceTracker`."""
        for name, values in (
            ("kind", kind),
            ("metre", metre),
            ("pitch", pitch),
            ("lookback", torch.tensor(lookback, dtype=torch.int64)),
            ("order", torch.arange(voices)),
        ):
            self.register_buffer(f"_{name}", values.clone(), persistent=False)

    @property
    def pitch(self) -> Tensor:
        """(V,) MIDI pitch of each id, -1 where it is none."""
        return self._pitch

    def sounding(self, place: Place) -> Tensor:
        """(B, T) the pitch of the first voice at each id, -1 where it rests."""
        first = (-place.place) % self.voices  # where it stands among those whose turn comes
        recent = place.told[..., 1 : 1 + self.num_recent]
        last = recent.gather(2, first[..., None]).squeeze(2)
        pitch = place.anchors.gather(2, first[..., None]).squeeze(2)
        return torch.where(self._kind[last] == _REST, -1, pitch)

    def init_state(self, batch_size: int) -> PlaceState:
        """The state before the first id."""
        device = self._kind.device

        def zeros(width: int) -> Tensor:
            return torch.zeros(batch_size, width, dtype=torch.int64, device=device)

        lags = self.num_lookbacks
        return PlaceState(zeros(4 + 3 * self.voices), zeros(24), zeros(0), zeros(0), zeros(lags), zeros(lags))

    @torch.no_grad()
    def forward(self, ids: Tensor, state: PlaceState) -> tuple[Place, PlaceState]:
        """Follow T more ids.

        Args:
            ids: (B, T), a stream in grammatical order; padding may follow its end.
            state: after the ids before.
        """
        kind = self._kind[ids]  # (B, T)
        bar0, place0, _, metre0 = state.counters[:, :4].unbind(1)
        is_bar, is_slot = kind == _BAR, kind >= _PITCH
        bar = bar0[:, None] + is_bar.cumsum(1)
        counted = place0[:, None] + is_slot.cumsum(1)
        place = counted - hold(counted, is_bar, torch.zeros_like(place0))
        place = place.clamp(max=self.num_places - 1)
        metre = hold(self._metre[ids], kind == _TIME_SIGNATURE, metre0)
        last, sounding, before = self._voices(ids, kind, place, state.counters[:, 4:])  # (B, T, voices)

        bar_span = self.num_places * _KINDS
        order = torch.where(kind == _PAD, _KINDS - 1, torch.where(is_slot, 0, kind))
        keys = bar * bar_span + place * _KINDS + order
        all_ids = append(state.ids, ids, windowed=self.is_windowed)  # (B, N + T) or (B, N)
        all_keys = append(state.keys, keys, windowed=self.is_windowed)
        back = look_back(bar, keys, all_ids, all_keys, lags=self._lookback, bar_span=bar_span)  # (B, T, L)
        foretold = torch.cat([state.expected[:, None], back[:, :-1]], dim=1) == ids[..., None]
        runs = run_lengths(foretold, state.runs)

        turn = place % self.voices  # whose id comes next
        order_of_turns = (turn[..., None] + self._order) % self.voices
        heard = self._pitch[sounding.gather(2, order_of_turns)]  # (B, T, voices), the next one first
        own = heard[..., :1]
        earlier = self._pitch[before.gather(2, turn[..., None])]
        # Where the others stood before they moved at this position: what makes a motion parallel or contrary.
        has_moved = (self._kind[last] == _PITCH) & (self._order < turn[..., None])
        stood = self._pitch[torch.where(has_moved, before, sounding).gather(2, order_of_turns)]
        intervals = [
            semitones(earlier, own),
            semitones(own, heard[..., 1:]),
            semitones(own, stood[..., 1:]),
            semitones(own, self._pitch[back]),
        ]
        recent = torch.cat([last, sounding], dim=2).gather(
            2, torch.cat([order_of_turns, order_of_turns + self.voices], dim=2)
        )
        classes = count_classes(self._pitch[ids], is_bar, state.pitch_classes)  # (B, T, 24)
        counters = torch.cat(
            [torch.stack([bar, place, torch.zeros_like(bar), metre], dim=2), last, sounding, before], dim=2
        )[:, -1]
        after = PlaceState(counters, classes[:, -1], all_ids, all_keys, back[:, -1], runs[:, -1])
        told = Place(
            bar=bar,
            place=place,
            metre=metre,
            told=side_by_side(ids, recent, back, *intervals, place=place, metre=metre, bar=bar),
            figures=torch.cat([run_features(runs), scale_shares(classes, own[..., 0])], dim=-1),
            bar_classes=in_this_bar(classes),
            clock=place // self.voices,
            anchors=heard,
            motion=self._motion(heard, stood),
            lookback=back,
        )
        return told, after

    @staticmethod
    def _motion(heard: Tensor, stood: Tensor) -> Tensor:
        """Semitones from where the other voices stood to where they are, 0 where either is unknown."""
        is_known = (heard >= 0) & (stood >= 0)
        return torch.where(is_known, heard - stood, 0)[..., 1:]

    def _voices(
        self, ids: Tensor, kind: Tensor, place: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """For each voice its last id, the pitch it struck last (a rest leaves it), and the one before.

        Args:
            ids: (B, T).
            kind: (B, T).
            place: (B, T).
            state: (B, 3 voices), all of these before the first id.
        """
        last0, struck0, before0 = state.chunk(3, dim=1)
        is_mine = (place[..., None] - 1) % self.voices == self._order  # (B, T, voices)
        is_mine = is_mine & (kind >= _PITCH)[..., None]
        is_new = is_mine & (kind == _PITCH)[..., None]
        each = ids[..., None].expand_as(is_mine)
        struck = hold(each, is_new, struck0)
        ahead = torch.cat([struck0[:, None], struck[:, :-1]], dim=1)
        return hold(each, is_mine, last0), struck, hold(ahead, is_new, before0)
