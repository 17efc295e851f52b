"""Features of each id of a stream, from the ids alone: its position, and the ids at that position before.

Every id has a key that ascends along the stream: its bar, its place in the bar, its order at that place. The
id `n` bars ago is then the first one whose key is greater than this id's key minus `n` bars: one binary
search, equal for whole sequences and single steps. The idea comes from the look-back inputs of Magenta's
Lookback RNN (Waite 2016); these follow the bar line in any metre, and point at the id that came next there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.position.scans import count_runs, delayed, hold, ids_after
from musegen.music.metre import PHRASE_BARS
from musegen.tokenizers.tables import Kind, Tables

KINDS, NOTES = 16, 1 << 15  # kinds of token, and notes at one place, in a key
WIDEST = 36  # semitones: wider intervals are clipped to this
MOST_LEFT = 65  # bars left, this one included: more are clipped to this


@dataclass(frozen=True, kw_only=True)
class InputLayout:
    """The columns of `StepFeatures.inputs`: how many each named feature has, in this order."""

    id: int = 1
    recent: int  # recent ids of the tracker; 0 where there is none yet
    lookback: int  # L, of `StepFeatures.lookback`
    intervals: int  # `semitones` of the tracker, then from the last pitch to that of each look-back
    places: dict[str, int]  # a column each, by its number of values

    @property
    def ids(self) -> int:
        """The number of columns of ids, which come first."""
        return self.id + self.recent + self.lookback

    @property
    def music(self) -> int:
        """The number of columns of ids and intervals; those after them are of the position."""
        return self.ids + self.intervals

    def width(self, embedding_dim: int) -> int:
        """Input width of a layer: ids, intervals half as wide, and `StepFeatures.features`."""
        return embedding_dim * self.ids + embedding_dim // 2 * self.intervals + 2 * self.lookback + 12


class TrackerState(NamedTuple):
    """The state of a tracker after N ids."""

    position: Tensor  # (B, 4) bar, place, count, metre
    held: Tensor  # (B, C) ids that the tracker holds
    pitch_classes: Tensor  # (B, 24) notes of each pitch class, C first: so far, and before this bar
    ids: Tensor  # (B, N) all so far, or a window of the last ones, which may begin with padding
    keys: Tensor  # (B, N) of these ids
    expected: Tensor  # (B, L) the id that each look-back pointed at after the last id
    run_lengths: Tensor  # (B, L) how many ids in a row each look-back has predicted


class StepFeatures(NamedTuple):
    """The features of each id."""

    bar: Tensor  # (B, T) bars so far, 0 before the first
    place: Tensor  # (B, T) 0 on a bar line, else position in the bar + 1; on a grid, voices' ids since it
    metre: Tensor  # (B, T) 0 before the first, else its rank among the metres + 1
    inputs: Tensor  # (B, T, S) rows of embeddings: see `InputLayout`
    # (B, T, 2L + 12) whether each look-back predicted this id; the logarithm of how many in a row; the share
    # of each pitch class so far, relative to the last pitch, so that it is the same in every key.
    features: Tensor
    bar_classes: Tensor  # (B, T, 12) notes of each pitch class, C first, in this bar so far
    next_position: Tensor  # (B, T) position in the bar of the next id, as far as the ids determine it
    reference_pitches: Tensor  # (B, T, A) the last, of each voice on a grid, the next voice first; -1: none
    motion: Tensor  # (B, T, A - 1) semitones by which each of the other voices has moved at this position
    lookback: Tensor  # (B, T, L) the id that came next at this place some bars ago, padding for none


class Position(NamedTuple):
    """Positions of ids, (B, T) each: what differs from one kind of stream to another."""

    bar: Tensor
    place: Tensor
    counted: Tensor  # what the tracker counts along the stream
    order: Tensor  # among the ids of one place
    next_position: Tensor


class Recent(NamedTuple):
    """Recent ids and pitches: what differs from one kind of stream to another."""

    held: Tensor  # (B, T, C) `TrackerState.held` after each id
    ids: Tensor  # (B, T, R)
    reference_pitches: Tensor
    motion: Tensor
    intervals: list[Tensor]  # (B, T, ...) each
    left: list[Tensor]  # (B, T, 1) bars left, this one included; empty if no ids encode the length


class Tracker(nn.Module):
    """Computes `StepFeatures` from ids, with look-backs of given numbers of bars; it has no weights."""

    num_held: int  # C
    num_references = 1  # A
    knows_motion = False  # whether several voices move at once
    is_windowed = False  # whether old ids are dropped as new ones come, so that steps keep their shapes
    kind: Tensor
    metre: Tensor
    pitch: Tensor  # (V,) MIDI pitch of each id, -1 where it is none, a drum's or the pedal
    pitch_classes: Tensor  # (V, 12) 1 for its pitch class, C first
    order: Tensor
    lags: Tensor

    def __init__(
        self, tables: Tables, lookback: Sequence[int], *, places: int, recent: int, intervals: int
    ) -> None:
        super().__init__()
        kind, pitch = torch.from_numpy(tables.kind), torch.from_numpy(tables.pitch)
        is_metre, lags = kind == Kind.TIME_SIGNATURE.value, len(lookback)
        self.vocab_size, self.num_places, self.tells_bars = len(kind), places, bool((tables.bars > 0).any())
        sizes = {"place": places, "metre": int(is_metre.sum()) + 1, "phrase": PHRASE_BARS}
        sizes |= {"left": MOST_LEFT + 1} if self.tells_bars else {}
        self.layout = InputLayout(recent=recent, lookback=lags, intervals=intervals + lags, places=sizes)
        self.buffer("kind", kind)
        self.buffer("metre", torch.where(is_metre, is_metre.cumsum(0), 0))
        self.buffer("pitch", pitch.masked_fill(torch.from_numpy(tables.is_drum) > 0, -1))
        is_class = self.pitch[:, None] % 12 == torch.arange(12)
        self.buffer("pitch_classes", (is_class & (self.pitch >= 0)[:, None]).long())
        self.buffer("order", torch.where(kind == Kind.PAD.value, KINDS - 1, kind))  # padding comes last
        self.buffer("lags", torch.tensor(lookback, dtype=torch.int64))

    def buffer(self, name: str, values: Tensor) -> None:
        """Register values that follow the module to its device, but are in no checkpoint."""
        self.register_buffer(name, values.clone(), persistent=False)

    def init_state(self, batch_size: int) -> TrackerState:
        """The state before the first id."""
        widths = (4, self.num_held, 24, 0, 0, len(self.lags), len(self.lags))
        return TrackerState(*(self.kind.new_zeros(batch_size, width) for width in widths))

    @property
    def reach(self) -> tuple[int, int]:
        """How far a bar is from the next in keys, and how many bars the look-backs reach back."""
        return self.num_places * NOTES * KINDS, int(self.lags.max()) if len(self.lags) else 0

    def forget(self, state: TrackerState) -> TrackerState:
        """The state without the past ids that no look-back reaches any more."""
        span, most = self.reach
        gone = int((state.keys < (state.position[:, :1] - most) * span).sum(dim=1).min())
        return state._replace(ids=state.ids[:, gone:], keys=state.keys[:, gone:])

    def sounding(self, step: StepFeatures) -> tuple[Tensor, Tensor]:
        """(B, T) position at which each id begins, and the last pitch: events have no rests."""
        return step.next_position, step.reference_pitches[..., 0]

    @property
    def num_given(self) -> int:
        """A, the number of pitches of `given`."""
        return 2

    def given(self, ids: Tensor, step: StepFeatures) -> Tensor:
        """The pitches of a source with holes at each id, (B, T, A), -1 for none.

        Of events the last one, -1 in a hole, and the next one; on a grid what sounds in each voice.
        """
        none = torch.full_like(ids[:, 0], -1)
        following = torch.cat([self.pitch[ids[:, 1:]], none[:, None]], dim=1).flip(1)
        backwards = hold(following, following >= 0, none)
        is_hole = self.kind[ids] == Kind.HOLE.value
        in_hole = hold(is_hole, is_hole | (self.pitch[ids] >= 0), none > 0)
        last = torch.where(in_hole, -1, step.reference_pitches[..., 0])
        return torch.stack([last, backwards.flip(1)], dim=2)

    def in_turn(self, pitches: Tensor, step: StepFeatures) -> Tensor:
        """The pitches of `given`, (B, T, A), in the order in which a decoder at these steps takes them."""
        del step
        return pitches

    def _locate(self, ids: Tensor, bar: Tensor, metre: Tensor, before: Tensor) -> Position:
        """Positions of ids given bars and metre so far, (B, T) each, and the last `TrackerState.position`."""
        raise NotImplementedError

    def _recall(self, ids: Tensor, kind: Tensor, position: Position, held: Tensor) -> Recent:
        """Recent ids at ids of these kinds, (B, T) each; `held` is that of `TrackerState`."""
        raise NotImplementedError

    @torch.no_grad()
    def forward(self, ids: Tensor, state: TrackerState) -> tuple[StepFeatures, TrackerState]:
        """Follow T more ids, (B, T), in grammatical order, padded at the end, from the state before them."""
        kind = self.kind[ids]  # (B, T)
        is_bar = kind == Kind.BAR.value  # a number: torch's compiler does not compare with an enum
        metre = hold(self.metre[ids], kind == Kind.TIME_SIGNATURE.value, state.position[:, 3])
        position = self._locate(ids, state.position[:, :1] + is_bar.cumsum(1), metre, state.position)
        recent = self._recall(ids, kind, position, state.held)

        # The id that came next at this place some bars ago, and how long such ids were right: (B, T, L).
        bar, place, counted, order, next_position = position
        span = self.num_places * NOTES * KINDS
        keys = bar * span + place * (NOTES * KINDS) + order
        drop = ids.shape[1] if self.is_windowed else 0
        all_ids = torch.cat([state.ids, ids], dim=1)[:, drop:]  # (B, N + T) or (B, N)
        all_keys = torch.cat([state.keys, keys], dim=1)[:, drop:]
        wanted = keys[..., None] - self.lags * span
        lookback = torch.where(bar[..., None] > self.lags, ids_after(wanted, all_ids, all_keys), 0)
        run_lengths = count_runs(delayed(lookback, state.expected) == ids[..., None], state.run_lengths)

        # Intervals, (B, T, I), and shares of the pitch classes, (B, T, 12).
        last = recent.reference_pitches[..., :1]
        intervals = [*recent.intervals, semitones(last, self.pitch[lookback])]
        counts, before_bar = count_classes(self.pitch_classes[ids], is_bar, state.pitch_classes)
        shares = rotated_classes(counts, last)
        shares = shares / shares.sum(dim=2, keepdim=True).clamp(min=1)

        where = torch.stack([place, metre, bar % PHRASE_BARS], dim=2)
        inputs = torch.cat([ids[..., None], recent.ids, lookback, *intervals, where, *recent.left], dim=2)
        features = torch.cat([(run_lengths > 0).float(), torch.log1p(run_lengths.float()) / 4, shares], dim=2)
        pitches, moved, in_bar = recent.reference_pitches, recent.motion, counts - before_bar
        step = StepFeatures(
            bar, place, metre, inputs, features, in_bar, next_position, pitches, moved, lookback
        )
        counters = torch.stack([bar, place, counted, metre], dim=2)[:, -1]
        held, classes = recent.held[:, -1], torch.cat([counts, before_bar], dim=2)[:, -1]
        past = all_ids, all_keys, lookback[:, -1], run_lengths[:, -1]
        return step, TrackerState(counters, held, classes, *past)


def semitones(start: Tensor, stop: Tensor) -> Tensor:
    """From one MIDI pitch to another, -1 for none: 0 where one is none, else from 1 up; broadcast."""
    is_known = (start >= 0) & (stop >= 0)
    return torch.where(is_known, (stop - start + (WIDEST + 1)).clamp(1, 2 * WIDEST + 1), 0)


def count_classes(new: Tensor, is_bar: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """The halves of `TrackerState.pitch_classes`, (B, T, 12) each, after notes of each class, (B, T, 12)."""
    counts = before[:, None, :12] + new.cumsum(1)
    return counts, hold(counts, is_bar[..., None], before[:, 12:])


def rotated_classes(classes: Tensor, first: Tensor) -> Tensor:
    """Values of pitch classes, (B, T, 12) with C first, rotated to begin at `first`, (B, T, 1)."""
    return classes.gather(2, (first + torch.arange(12, device=classes.device)) % 12)
