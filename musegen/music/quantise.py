"""Putting a Score on the grid of notation: every onset and end at a place that a note value can show.

Times are in units of 1/96 of a quarter, on which both 128ths and the triplets of 64ths lie.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from symusic import Score

from musegen.music.metre import bar_ticks, metres_at
from musegen.music.notes import Floats, Ints, normalise_notes, note_arrays, put_notes

UNITS = 96
"""Of a quarter."""
ON_GRID = 0.9
"""A Score with this share of its onsets (ends) on the fine grid means it; the rest of them is snapped."""


class Bar(NamedTuple):
    """A bar: where it begins and ends in units, and its metre."""

    begin: int
    end: int
    beats: int
    unit: int

    @property
    def pulse(self) -> int:
        """The length of the metre's unit, of a quarter at most."""
        return min(UNITS, UNITS * 4 // self.unit)

    @property
    def dotted(self) -> bool:
        """Three units make a beat, as in 6/8."""
        return self.unit >= 8 and self.beats % 3 == 0

    @property
    def beat(self) -> int:
        """The length of what is written together: a dotted note in 6/8, a quarter in 4/4 and 2/2."""
        return self.pulse * 3 if self.dotted else self.pulse


def quantise(score: Score) -> tuple[Score, list[str]]:
    """A tidy Score in units, each onset and end at a place that notation can show; what was changed.

    What lies on 24 positions a beat of the metre stays where it is. Anything else goes to the next
    16th or triplet eighth; all of it where less than nine tenths lie on those positions, since then
    the music was played, not written.
    """
    bars = find_bars(score)
    result = score.resample(UNITS, min_dur=1)
    columns = [note_arrays(track) for track in score.tracks]
    given = [
        (onset * UNITS / score.tpq, (onset + length) * UNITS / score.tpq) for onset, length, *_ in columns
    ]
    tolerance = min(0.25, UNITS / score.tpq)  # a tick, so that rounded triplets count as exact
    onsets, ends = (_snapped([times[i] for times in given], bars, tolerance) for i in (0, 1))
    moved = 0
    for track, (_, _, pitches, velocities), (begin, stop), onset, end in zip(
        result.tracks, columns, given, onsets, ends, strict=True
    ):
        fitted = _room(begin, stop, onset, end)
        moved += int((np.maximum(abs(onset - begin), abs(fitted - stop)) >= tolerance).sum())
        put_notes(track, onset, fitted - onset, pitches, velocities)
    result, words = normalise_notes(result)
    return result, [*([f"{moved} notes moved to the nearest note value"] if moved else []), *words]


def find_bars(score: Score) -> list[Bar]:
    """The bars of a tidy Score in units."""
    lines = bar_ticks(score)
    spans = pairwise((lines * UNITS // score.tpq).tolist())
    return [Bar(*span, *metre) for span, metre in zip(spans, metres_at(score, lines[:-1]), strict=True)]


def _snapped(tracks: list[Floats], bars: list[Bar], tolerance: float) -> list[Ints]:
    """Times in units, (notes,) float, at places that notation can show."""
    begins = np.array([bar.begin for bar in bars])
    # The last bar goes on: a note may end where no bar begins any more.
    where = [np.maximum(np.searchsorted(begins, times, "right") - 1, 0) for times in tracks]
    fine = np.array([max(1, 16 // bar.unit) for bar in bars])
    triplets = np.array([bar.unit <= 4 for bar in bars])
    offsets = [times - begins[w] for times, w in zip(tracks, where, strict=True)]
    nearest = [np.round(offset / fine[w]) * fine[w] for offset, w in zip(offsets, where, strict=True)]
    exact = [abs(near - offset) < tolerance for near, offset in zip(nearest, offsets, strict=True)]
    total = sum(len(each) for each in exact)
    written = sum(int(each.sum()) for each in exact) >= ON_GRID * total
    result = []
    for offset, near, w, on in zip(offsets, nearest, where, exact, strict=True):
        sixteenths = np.round(offset / 24) * 24
        eighths = np.round(offset / 32) * 32
        nearer = triplets[w] & (abs(eighths - offset) < abs(sixteenths - offset))
        coarse = np.where(nearer, eighths, sixteenths)
        result.append((np.where(on & written, near, coarse) + begins[w]).astype(np.int64))
    return result


def _room(begins: Floats, stops: Floats, onsets: Ints, ends: Ints) -> Ints:
    """Ends that leave each note a length and the next one its place, (notes,); as given, and as snapped."""
    ends = np.where(ends <= onsets, onsets + np.where(onsets % 24, 32, 24), ends)
    times, first = np.unique(begins, return_index=True)
    after = np.searchsorted(times, begins, "right")  # the next onset of the track
    never = np.iinfo(np.int32).max
    follows, places = np.append(times, never)[after], np.append(onsets[first], never)[after]
    return np.where((stops <= follows) & (places > onsets), np.minimum(ends, places), ends)
