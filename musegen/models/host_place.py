"""`StepFeatures` one id at a time, for many rows on a CPU: what `EventTracker` computes for whole sequences.

Sampling needs it once per step, on small arrays: numpy takes a microsecond for an operation where torch takes
four, and tables over the vocabulary save most of the operations. `tests/models/test_law.py` checks that the
two are equal.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from musegen.models.position.events import EventTracker
from musegen.models.position.features import KINDS, MOST_LEFT, NOTES, WIDEST, StepFeatures, TrackerState
from musegen.models.position.line import LineTracker
from musegen.music.metre import PHRASE_BARS
from musegen.tokenizers.tables import Kind

Ints = npt.NDArray[np.int64]
FAR = np.iinfo(np.int64).max
"""A key after all others, for ids to come."""
ROOM = 512
"""Capacity of a state at first; doubled when it is full."""


class HostState(NamedTuple):
    """`TrackerState` in numpy; `ids` and `keys` have spare capacity and are written in place."""

    counters: Ints
    """(B, 8) its `position` and `held`, concatenated."""
    pitch_classes: Ints
    """(B, 24)"""
    ids: Ints
    """(B, room)"""
    keys: Ints
    """(B, room), `FAR` where nothing is written yet."""
    seen: Ints
    """(B,) how many are written, the same in all rows."""
    expected: Ints
    """(B, L)"""
    runs: Ints
    """(B, L)"""


def numpy_state(state: TrackerState, spare: int = ROOM) -> HostState:
    """The same state, with capacity for `spare` more ids."""
    rows, seen = state.ids.shape
    ids, keys = np.zeros((rows, seen + spare), np.int64), np.full((rows, seen + spare), FAR)
    ids[:, :seen], keys[:, :seen] = state.ids.numpy(), state.keys.numpy()
    counters = np.concatenate([state.position.numpy(), state.held.numpy()], axis=1)
    classes, expected, runs = (
        each.numpy().copy() for each in (state.pitch_classes, state.expected, state.run_lengths)
    )
    return HostState(counters, classes, ids, keys, np.full(rows, seen), expected, runs)


class HostTracker(nn.Module):
    """Follows streams of events by single ids.

    Args:
        tracker: whose features it computes.
    """

    def __init__(self, tracker: EventTracker) -> None:
        super().__init__()
        kind, place, metre, pitch = (
            each.numpy() for each in (tracker.kind, tracker.place, tracker.metre, tracker.pitch)
        )
        self.lags, self.pitch = tracker.lags.numpy(), tracker.pitch
        self.bar_span = tracker.num_places * NOTES * KINDS
        self.spans = self.lags * self.bar_span
        self.of_pitch = pitch
        self.order = tracker.order.numpy()
        self.is_bar = kind == Kind.BAR
        self.line = _Line(tracker) if isinstance(tracker, LineTracker) else None
        ids, sets_place = np.arange(len(kind)), tracker.sets_place.numpy()
        # The effect of each id on the counters: which it sets, and to what; else what it adds.
        # bar, place, counted, metre, last pitch, the one before, last duration, the first id
        nothing = np.zeros_like(kind)
        is_pitch = pitch >= 0
        events = self.line is None
        self.sets = np.stack(
            [
                *(nothing, sets_place & events, sets_place & events, kind == Kind.TIME_SIGNATURE),
                *(is_pitch, is_pitch, kind == Kind.DURATION, kind == Kind.BOS),
            ],
            axis=1,
        ).astype(bool)  # (V, 8)
        self.values = np.stack(
            [nothing, place if events else nothing, nothing, metre, ids, nothing, ids, ids], axis=1
        )
        counts = tracker.starts_note.numpy() if self.line is None else self.line.lasts
        self.adds = np.stack([self.is_bar, nothing, counts, *[nothing] * 5], axis=1).astype(np.int64)
        self.bars = tracker.bars.numpy() if tracker.tells_bars else None
        self.struck = np.zeros((len(kind), 24), np.int64)  # (V, 24)
        self.struck[is_pitch, pitch[is_pitch] % 12] = 1
        # By pitches from -1 on, which is then the last: (129, 129) and (129, 12).
        known = np.arange(128)
        self.semitones = np.zeros((129, 129), np.int64)
        self.semitones[:128, :128] = (known - known[:, None]).clip(-WIDEST, WIDEST) + WIDEST + 1
        self.turns = (np.append(known, -1)[:, None] + np.arange(12)) % 12

    def forward(self, ids: Tensor, state: HostState) -> tuple[StepFeatures, HostState]:
        """Follow one more id per row, (B, 1); the argument `state` is overwritten."""
        new = ids.numpy()[:, 0]
        rows = np.arange(len(new))[:, None]
        counters = np.where(self.sets[new], self.values[new], state.counters + self.adds[new])
        counters[:, 5] = np.where(self.of_pitch[new] >= 0, state.counters[:, 4], state.counters[:, 5])
        classes = state.pitch_classes + self.struck[new]
        line = self.is_bar[new]
        if line.any():
            classes[line, 12:] = classes[line, :12]
        where, rank = counters, np.minimum(counters[:, 2], NOTES - 1)
        if self.line is not None:
            where, rank = self.line(new, counters), np.zeros_like(rank)
        bar, place = where[:, 0], where[:, 1]
        keys = bar * self.bar_span + (place * NOTES + rank) * KINDS + self.order[new]
        state = self._written(state, new, keys)
        look = self._look_back(bar, keys, state, rows)  # (B, L)
        runs = np.where(state.expected == new[:, None], state.runs + 1, 0)
        features = self._features(new, where, counters, classes, look, runs, rows)
        return features, HostState(counters, classes, state.ids, state.keys, state.seen + 1, look, runs)

    def _written(self, state: HostState, new: Ints, keys: Ints) -> HostState:
        """The state with the ids and their keys, (B,), appended."""
        at = int(state.seen[0])
        if at == state.ids.shape[1]:
            room = ((0, 0), (0, at))
            state = state._replace(
                ids=np.pad(state.ids, room), keys=np.pad(state.keys, room, constant_values=FAR)
            )
        state.ids[:, at], state.keys[:, at] = new, keys
        return state

    def _look_back(self, bar: Ints, keys: Ints, state: HostState, rows: Ints) -> Ints:
        wanted = keys[:, None] - self.spans
        found = torch.searchsorted(torch.from_numpy(state.keys), torch.from_numpy(wanted), right=True)
        pointed: Ints = state.ids[rows, found.numpy()]
        return np.where(bar[:, None] > self.lags, pointed, 0)

    def _features(
        self, new: Ints, where: Ints, counters: Ints, classes: Ints, look: Ints, runs: Ints, rows: Ints
    ) -> StepFeatures:
        pitches = self.of_pitch[np.concatenate([counters[:, 4:6], look], axis=1)]  # (B, 2 + L)
        last = pitches[:, :1]
        intervals = self.semitones[last, pitches]
        intervals[:, 1] = self.semitones[pitches[:, 1], pitches[:, 0]]
        turned = classes[rows, self.turns[last[:, 0]]]
        scale = turned / np.maximum(np.add.reduce(turned, axis=1), 1)[:, None]
        features = np.concatenate([runs > 0, np.log1p(runs) / 4, scale], axis=1)
        inputs = [new[:, None], counters[:, 4:7], look, intervals[:, 1:]]
        bar, place, metre = where[:, :1], where[:, 1:2], counters[:, 3:4]
        left = []
        if self.bars is not None:
            bars = self.bars[counters[:, 7:]]
            left = [np.where(bars > 0, (bars - bar + 1).clip(1, MOST_LEFT), 0)]
        columns = np.concatenate([*inputs, place, metre, bar % PHRASE_BARS, *left], axis=1)

        def with_step_axis(values: npt.NDArray[np.int64] | npt.NDArray[np.float32]) -> Tensor:
            return torch.from_numpy(values[:, None])

        return StepFeatures(
            bar=torch.from_numpy(bar),
            place=torch.from_numpy(place),
            metre=torch.from_numpy(metre),
            inputs=with_step_axis(columns),
            features=with_step_axis(features.astype(np.float32)),
            bar_classes=with_step_axis(classes[:, :12] - classes[:, 12:]),
            next_position=torch.from_numpy(np.maximum(place - 1, 0)),
            reference_pitches=with_step_axis(last),
            motion=with_step_axis(last[:, :0]),
            lookback=with_step_axis(look),
        )


class _Line:
    """The position in a clip of one line: see `LineTracker`."""

    def __init__(self, tracker: LineTracker) -> None:
        self.lasts, self.length = tracker.lasts.numpy(), tracker.bar_positions.numpy()
        self.is_reader = tracker.is_reader

    def __call__(self, new: Ints, counters: Ints) -> Ints:
        """(B, 2) bar and place, given the counters, (B, 8), after the ids `new`, (B,)."""
        gone, metre = counters[:, 2], counters[:, 3]
        at = gone - self.lasts[new] if self.is_reader else gone
        length, known = self.length[metre], metre > 0
        bar = np.where(known, at // length + 1, counters[:, 0])
        place = np.where(known, at % length + 1, 0)
        return np.stack([bar, place], axis=1)
