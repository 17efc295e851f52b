"""Where a stream is in the music, and what stood there some bars ago, from its ids alone.

Every id gets a key that grows along the stream: its bar, its position in the bar, the how-manieth
note at that position, the kind of token. What stood `n` bars ago is then the first id whose key is
greater than this id's key less `n` bars: one binary search, the same all at once and step by step.
The look-back inputs of Magenta's Lookback RNN (Waite 2016) are the idea's ancestor; these follow
the bar line in any metre, and point at the id that came next there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

_KINDS, _NOTES = 16, 1 << 15  # kinds of token, notes at one position that a key tells apart
_PAD, _BOS, _BAR, _TIME_SIGNATURE, _POSITION, _PROGRAM, _PITCH, _DURATION = 0, 1, 3, 4, 5, 7, 8, 10
"""As in tokenizers.tables.Kind."""


WIDEST = 36
"""Semitones; intervals are told up to this, wider ones as this."""
MOST_LEFT = 65
"""Bars that a piece still has, the present one counted, are told up to this."""
PHRASE_BARS = 16
"""Bars are counted modulo this many: tunes are built of phrases of 2, 4, 8 and 16 bars."""


class PlaceState(NamedTuple):
    """What of the stream so far the next ids need; N ids have been seen."""

    counters: Tensor
    """(B, C): bar (0 before the first), place in the bar, what is counted, metre, then the ids that
    the tracker holds: for events three of late and the one with which the stream begins (C = 8), for a grid
    three a voice."""
    pitch_classes: Tensor
    """(B, 24) how many notes of each pitch class, C first: so far, and before this bar."""
    ids: Tensor
    """(B, N) all ids so far, or a window of the last ones, the first of which may be padding."""
    keys: Tensor
    """(B, N) their keys."""
    expected: Tensor
    """(B, L) the id that each look-back pointed at after the last id."""
    runs: Tensor
    """(B, L) how many ids in a row each look-back has foretold."""


class Place(NamedTuple):
    """What a model is told beside each id."""

    bar: Tensor
    """(B, T) bars begun so far, 0 before the first."""
    place: Tensor
    """(B, T) 0 on a bar line, else one more than the position in the bar."""
    metre: Tensor
    """(B, T) 0 before the first, else one more than the metre's rank among the metres."""
    told: Tensor
    """(B, T, 1 + R + L + I + 3), side by side, as an input layer looks them up: the id; R ids of late, 0
    where none; the look-backs; I intervals; place, metre and the bar in its phrase; where ids tell how long
    a piece is one more: the bars that it still has, this one counted, at most `MOST_LEFT`, 0 where the
    stream does not begin with such an id.

    Of late, for events: the last pitch's id, that of the pitch before it, the last duration's. On a grid: the
    last id of each voice and the pitch it struck last, the next voice first. Intervals are 0 where there is
    none, else semitones, at most `WIDEST`, + `WIDEST` + 1: from the pitch before to the last pitch, from the
    last pitch to that of each other voice of a grid, to where that voice stood before this position, and to
    the pitch each look-back points at."""
    figures: Tensor
    """(B, T, 2L + 12): whether each look-back foretold the last id; how many in a row it has, as a slowly
    growing figure; then the share of each pitch class in the notes so far, the last pitch's own first, so
    that the same tune in another key looks the same."""
    bar_classes: Tensor
    """(B, T, 12) how many notes of each pitch class, C first, in this bar so far."""
    clock: Tensor
    """(B, T) position in the bar of the id that comes next, as far as the ids tell."""
    anchors: Tensor
    """(B, T, A) pitches from which the next may be reckoned: the last one, on a grid the last of each voice,
    the one whose turn is next first; -1 where there is none."""
    motion: Tensor
    """(B, T, A - 1) semitones by which the voice of each anchor but the first has moved at this position, 0
    where it stayed or comes later; (B, T, 0) for events."""
    lookback: Tensor
    """(B, T, L) the id that came next at this place so many bars ago, padding where there is none."""


class Stand(NamedTuple):
    """Where ids stand, (B, T) each."""

    bar: Tensor
    """As `Place.bar`."""
    place: Tensor
    """As `Place.place`."""
    counted: Tensor
    """What is counted along the stream: of events the notes at this place, of a line the positions so far."""
    metre: Tensor
    """As `Place.metre`."""
    rank: Tensor
    """By which ids at one place of a bar come after each other, ids of a kind aside."""


class PlaceTracker(nn.Module):
    """Computes `Place` from ids; it has buffers and no weights.

    Args:
        kind: `Kind` of each id, (V,).
        position: position in the bar of each id, -1 where it is none, (V,).
        pitch: MIDI pitch of each id, -1 where it is none or a drum's, (V,).
        lookback: bars to look back, L of them.
        bars: of the whole piece that begins with each id, -1 where it does not say, (V,); None: none says.
    """

    _bars: Tensor
    _kind: Tensor
    _place: Tensor
    _metre: Tensor
    _pitch: Tensor
    _sets_place: Tensor
    _starts_note: Tensor
    _lookback: Tensor

    def __init__(
        self,
        *,
        kind: Tensor,
        position: Tensor,
        pitch: Tensor,
        lookback: Sequence[int],
        bars: Tensor | None = None,
    ) -> None:
        super().__init__()
        bars = torch.full_like(kind, -1) if bars is None else bars
        self.tells_lengths = bool((bars > 0).any())
        is_metre = kind == _TIME_SIGNATURE
        metre = torch.where(is_metre, is_metre.cumsum(0), 0)
        self.num_places = int(position.max()) + 2
        self.num_metres = int(metre.max()) + 1
        self.vocab_size = len(kind)
        self.num_lookbacks = len(lookback)
        self.num_recent, self.num_intervals, self.num_anchors = 3, 1 + len(lookback), 1
        self.is_windowed = False
        """Whether the oldest ids are dropped as new ones come, so that the shapes of steps stay the same."""
        for name, values in (
            ("kind", kind),
            ("place", torch.where(position >= 0, position + 1, 0)),
            ("metre", metre),
            ("pitch", pitch),
            ("sets_place", (kind == _BAR) | (kind == _POSITION)),
            ("starts_note", kind == (_PROGRAM if bool((kind == _PROGRAM).any()) else _PITCH)),
            ("lookback", torch.tensor(lookback, dtype=torch.int64)),
            ("bars", bars),
        ):
            self.register_buffer(f"_{name}", values.clone(), persistent=False)

    @property
    def pitch(self) -> Tensor:
        """(V,) MIDI pitch of each id, -1 where it is none or a drum's."""
        return self._pitch

    def sounding(self, place: Place) -> Tensor:
        """(B, T) the pitch last struck at each id, -1 before the first: events do not tell rests."""
        return place.anchors[..., 0]

    def init_state(self, batch_size: int) -> PlaceState:
        """The state before the first id."""
        device = self._kind.device

        def zeros(width: int) -> Tensor:
            return torch.zeros(batch_size, width, dtype=torch.int64, device=device)

        return PlaceState(
            zeros(8), zeros(24), zeros(0), zeros(0), zeros(self.num_lookbacks), zeros(self.num_lookbacks)
        )

    @torch.no_grad()
    def forward(self, ids: Tensor, state: PlaceState) -> tuple[Place, PlaceState]:
        """Follow T more ids.

        Args:
            ids: (B, T), a stream in grammatical order; padding may follow its end.
            state: after the ids before.
        """
        kind = self._kind[ids]  # (B, T)
        pitch0, earlier0, duration0, begin0 = state.counters[:, 4:].unbind(1)
        bar, place, counted, metre, rank = self._stand(ids, kind, state.counters[:, :4])
        is_pitch = self._pitch[ids] >= 0
        pitch = hold(ids, is_pitch, pitch0)
        before = torch.cat([pitch0[:, None], pitch[:, :-1]], dim=1)
        earlier = hold(before, is_pitch, earlier0)
        recent = torch.stack([pitch, earlier, hold(ids, kind == _DURATION, duration0)], dim=2)
        order = torch.where(kind == _PAD, _KINDS - 1, kind)  # padding stands after everything
        bar_span = self.num_places * _NOTES * _KINDS
        keys = bar * bar_span + (place * _NOTES + rank.clamp(max=_NOTES - 1)) * _KINDS + order

        all_ids = append(state.ids, ids, windowed=self.is_windowed)  # (B, N + T) or (B, N)
        all_keys = append(state.keys, keys, windowed=self.is_windowed)
        lookback = look_back(
            bar, keys, all_ids, all_keys, lags=self._lookback, bar_span=bar_span
        )  # (B, T, L)
        foretold = torch.cat([state.expected[:, None], lookback[:, :-1]], dim=1) == ids[..., None]
        runs = run_lengths(foretold, state.runs)
        last_pitch = self._pitch[pitch]
        classes = count_classes(self._pitch[ids], kind == _BAR, state.pitch_classes)  # (B, T, 24)
        last = last_pitch[..., None]
        intervals = torch.cat(
            [semitones(self._pitch[earlier][..., None], last), semitones(last, self._pitch[lookback])], dim=2
        )  # (B, T, 1 + L)
        begin = hold(ids, kind == _BOS, begin0)
        counters = torch.stack([bar, place, counted, metre, *recent.unbind(2), begin], dim=2)[:, -1]
        left = self._left(begin, bar) if self.tells_lengths else None
        after = PlaceState(counters, classes[:, -1], all_ids, all_keys, lookback[:, -1], runs[:, -1])
        told = Place(
            bar=bar,
            place=place,
            metre=metre,
            told=side_by_side(ids, recent, lookback, intervals, place=place, metre=metre, bar=bar, left=left),
            figures=torch.cat([run_features(runs), scale_shares(classes, last_pitch)], dim=-1),
            bar_classes=in_this_bar(classes),
            clock=(place - 1).clamp(min=0),
            anchors=last,
            motion=last.new_zeros(*ids.shape, 0),
            lookback=lookback,
        )
        return told, after

    def _left(self, begin: Tensor, bar: Tensor) -> Tensor:
        """Bars left, as in `Place.told`, in bars (B, T) of streams that begin with ids (B, T)."""
        bars = self._bars[begin]
        return torch.where(bars > 0, (bars - bar + 1).clamp(1, MOST_LEFT), 0)

    def _stand(self, ids: Tensor, kind: Tensor, before: Tensor) -> Stand:
        """Where each of T ids stands.

        Args:
            ids: (B, T).
            kind: (B, T) of the ids.
            before: (B, 4) bar, place, `Stand.counted` and metre before them.
        """
        bar0, place0, notes0, metre0 = before.unbind(1)
        sets_place = self._sets_place[ids]
        counted = notes0[:, None] + self._starts_note[ids].cumsum(1)
        notes = counted - hold(counted, sets_place, torch.zeros_like(notes0))
        return Stand(
            bar=bar0[:, None] + (kind == _BAR).cumsum(1),
            place=hold(self._place[ids], sets_place, place0),
            counted=notes,
            metre=hold(self._metre[ids], kind == _TIME_SIGNATURE, metre0),
            rank=notes,
        )


def count_classes(pitch: Tensor, is_bar: Tensor, before: Tensor) -> Tensor:
    """`PlaceState.pitch_classes` after each id, (B, T, 24).

    Args:
        pitch: (B, T) MIDI pitch of each id, -1 where it strikes none.
        is_bar: (B, T) whether a bar begins with it.
        before: (B, 24) counts before the first id.
    """
    classes = torch.arange(12, device=pitch.device)
    new = (pitch[..., None] % 12 == classes) & (pitch >= 0)[..., None]
    counts = before[:, None, :12] + new.long().cumsum(1)  # (B, T, 12)
    earlier = hold(counts, is_bar[..., None].expand_as(counts), before[:, 12:])
    return torch.cat([counts, earlier], dim=2)


def in_this_bar(classes: Tensor) -> Tensor:
    """`Place.bar_classes` of the counts, (B, T, 24)."""
    return classes[..., :12] - classes[..., 12:]


def scale_shares(classes: Tensor, last_pitch: Tensor) -> Tensor:
    """The shares in `Place.figures`, (B, T, 12).

    Args:
        classes: (B, T, 24) counts.
        last_pitch: (B, T) whose pitch class is counted first.
    """
    turned = turned_classes(classes[..., :12], last_pitch)
    return turned / turned.sum(dim=2, keepdim=True).clamp(min=1)


def turned_classes(classes: Tensor, first: Tensor) -> Tensor:
    """Values of pitch classes, (B, T, 12) with C first, seen from others, (B, T): those first."""
    steps = torch.arange(12, device=classes.device)
    return classes.gather(2, (first[..., None] + steps) % 12)


def look_back(
    bar: Tensor, keys: Tensor, all_ids: Tensor, all_keys: Tensor, *, lags: Tensor, bar_span: int
) -> Tensor:
    """The id that came next at this place so many bars ago, (B, T, L), 0 where there is none.

    Args:
        bar: (B, T) bars begun.
        keys: (B, T) of the ids asked about.
        all_ids: (B, N + T) every id so far.
        all_keys: (B, N + T) their keys, ascending.
        lags: (L,) bars to look back.
        bar_span: what a bar adds to a key.
    """
    batch, steps = keys.shape
    wanted = keys[..., None] - lags * bar_span  # (B, T, L)
    found = torch.searchsorted(all_keys.contiguous(), wanted.reshape(batch, -1), right=True)
    found = found.clamp(max=all_keys.shape[1] - 1)
    pointed = all_ids.gather(1, found).view(batch, steps, -1)
    return torch.where(bar[..., None] > lags, pointed, 0)


def append(before: Tensor, new: Tensor, *, windowed: bool) -> Tensor:
    """(B, N) and (B, T) one after the other, (B, N + T); windowed: of them the last N."""
    together = torch.cat([before, new], dim=1)
    return together[:, new.shape[1] :] if windowed else together


def semitones(start: Tensor, stop: Tensor) -> Tensor:
    """Intervals, as in `Place.told`, between MIDI pitches, -1 where there is none; shapes are broadcast."""
    is_known = (start >= 0) & (stop >= 0)
    return torch.where(is_known, (stop - start).clamp(-WIDEST, WIDEST) + WIDEST + 1, 0)


def hold(values: Tensor, is_set: Tensor, before: Tensor) -> Tensor:
    """The last value set so far, (B, T, ...); `before` (B, ...) until one is set."""
    if values.shape[1] == 1:  # one step of sampling
        return torch.where(is_set, values, before.unsqueeze(1))
    steps = torch.arange(values.shape[1], device=values.device).view(-1, *[1] * (values.dim() - 2))
    last = torch.where(is_set, steps, -1).cummax(dim=1).values
    return torch.where(last >= 0, values.gather(1, last.clamp(min=0)), before.unsqueeze(1))


def run_lengths(hits: Tensor, before: Tensor) -> Tensor:
    """Length of the run of hits that ends at each step, (B, T, L), `before` (B, L) going on."""
    if hits.shape[1] == 1:
        return torch.where(hits, before[:, None] + 1, 0)
    steps = torch.arange(hits.shape[1], device=hits.device)[None, :, None]
    last_miss = torch.where(hits, -1, steps).cummax(dim=1).values
    return torch.where(last_miss >= 0, steps - last_miss, steps + 1 + before[:, None])


def side_by_side(
    ids: Tensor, *heard: Tensor, place: Tensor, metre: Tensor, bar: Tensor, left: Tensor | None = None
) -> Tensor:
    """`Place.told`, of ids, (B, T), of what has been heard, (B, T, ...) each, and of where they stand."""
    stands = [place, metre, bar % PHRASE_BARS, *([] if left is None else [left])]
    return torch.cat([ids[..., None], *heard, torch.stack(stands, dim=-1)], dim=-1)


def run_features(runs: Tensor) -> Tensor:
    """Run lengths, (B, T, L), as figures of moderate size, (B, T, 2L)."""
    return torch.cat([(runs > 0).float(), torch.log1p(runs.float()) / 4], dim=-1)
