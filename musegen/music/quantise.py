"""Quantising a Score for notation: every onset and end at a position that note values can express.

Times are in units of 1/96 of a quarter note, on which both 128ths and the triplets of 64ths lie.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from symusic import Score

from musegen.music.metre import bar_ticks, metres_at
from musegen.music.notes import Floats, Ints, normalise_notes, note_arrays, put_notes

UNITS = 96
"""Per quarter note."""
ON_GRID = 0.9
"""With at least this share of onsets (ends) on the fine grid, only the others are moved."""


class Bar(NamedTuple):
    """A bar: its begin and end in units, and its metre."""

    begin: int
    end: int
    beats: int
    unit: int

    @property
    def pulse(self) -> int:
        """The length of the unit of the metre, at most a quarter note."""
        return min(UNITS, UNITS * 4 // self.unit)

    @property
    def dotted(self) -> bool:
        """Whether three units make a beat, as in 6/8."""
        return self.unit >= 8 and self.beats % 3 == 0

    @property
    def beat(self) -> int:
        """The length of a beamed group: a dotted note in 6/8, a quarter note in 4/4 and 2/2."""
        return self.pulse * 3 if self.dotted else self.pulse


def quantise(score: Score) -> tuple[Score, list[str]]:
    """A tidy Score in units with notatable onsets and ends, and descriptions of the changes.

    Times on 24 positions per beat of the metre are kept. Others move to the nearest 16th or triplet
    eighth; all of them if fewer than nine tenths are on those positions, since then the music was
    performed, not notated.
    """
    bars = find_bars(score)
    result = score.resample(UNITS, min_dur=1)
    columns = [note_arrays(track) for track in score.tracks]
    unquantised = [
        (onset * UNITS / score.tpq, (onset + length) * UNITS / score.tpq) for onset, length, *_ in columns
    ]
    tolerance = min(0.25, UNITS / score.tpq)  # one tick, so that rounded triplets count as exact
    onsets, ends = (_snapped([times[i] for times in unquantised], bars, tolerance) for i in (0, 1))
    moved = 0
    for track, (_, _, pitches, velocities), (begin, stop), onset, end in zip(
        result.tracks, columns, unquantised, onsets, ends, strict=True
    ):
        fitted = _fit_ends(begin, stop, onset, end)
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
    """Times in units, (notes,) float, rounded to notatable positions."""
    begins = np.array([bar.begin for bar in bars])
    # The last bar continues: a note may end after the last bar line.
    bar_index = [np.maximum(np.searchsorted(begins, times, "right") - 1, 0) for times in tracks]
    fine = np.array([max(1, 16 // bar.unit) for bar in bars])
    triplets = np.array([bar.unit <= 4 for bar in bars])
    offsets = [times - begins[w] for times, w in zip(tracks, bar_index, strict=True)]
    nearest = [np.round(offset / fine[w]) * fine[w] for offset, w in zip(offsets, bar_index, strict=True)]
    exact = [abs(near - offset) < tolerance for near, offset in zip(nearest, offsets, strict=True)]
    total = sum(len(each) for each in exact)
    written = sum(int(each.sum()) for each in exact) >= ON_GRID * total
    result = []
    for offset, near, w, on in zip(offsets, nearest, bar_index, exact, strict=True):
        sixteenths = np.round(offset / 24) * 24
        eighths = np.round(offset / 32) * 32
        nearer = triplets[w] & (abs(eighths - offset) < abs(sixteenths - offset))
        coarse = np.where(nearer, eighths, sixteenths)
        result.append((np.where(on & written, near, coarse) + begins[w]).astype(np.int64))
    return result


def _fit_ends(begins: Floats, stops: Floats, onsets: Ints, ends: Ints) -> Ints:
    """Ends after quantisation, (notes,), so that each note has a length and does not overlap the next.

    Begins and stops are the times before quantisation, onsets and ends those after it.
    """
    ends = np.where(ends <= onsets, onsets + np.where(onsets % 24, 32, 24), ends)
    times, first = np.unique(begins, return_index=True)
    after = np.searchsorted(times, begins, "right")  # index of the next onset of the track
    never = np.iinfo(np.int32).max
    next_begin, next_onset = np.append(times, never)[after], np.append(onsets[first], never)[after]
    return np.where((stops <= next_begin) & (next_onset > onsets), np.minimum(ends, next_onset), ends)
