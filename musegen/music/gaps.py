"""Gaps in a piece: bars whose notes are missing, or to be replaced. Bars count from 1, times are in ticks."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from symusic import Score

from musegen.music.excerpt import bar_lines
from musegen.music.notes import Ints, note_arrays, put_notes


class Gap(NamedTuple):
    """Bars in a row."""

    first: int
    """The first of them, from 1."""
    last: int
    """The last, included."""

    @property
    def bars(self) -> int:
        """How many they are."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"bar {self.first}" if self.first == self.last else f"bars {self.first} to {self.last}"


class Gapped(NamedTuple):
    """A piece, and what of it is filled."""

    score: Score
    """The whole piece, tidy, with the notes that the gaps have now."""
    gaps: Sequence[Gap]
    """By bar, none beside another, all within the piece."""
    tracks: Sequence[int]
    """Numbers of the tracks that the model reads and fills, from 0; others stay as they are."""
    pickup: int = 0
    """Ticks by which the first bar was filled up with a rest: no new note starts there."""
    read: Sequence[int] = ()
    """Numbers of other tracks, which the model reads and does not change."""


def joined(gaps: Iterable[Gap]) -> list[Gap]:
    """The gaps by bar, those with no bar between them as one; they do not overlap."""
    found: list[Gap] = []
    for gap in sorted(gaps):
        if found and found[-1].last + 1 == gap.first:
            found[-1] = Gap(found[-1].first, gap.last)
        else:
            found.append(gap)
    return found


def gap_spans(score: Score, gaps: Sequence[Gap]) -> list[tuple[int, int]]:
    """Begin and end of each gap of a tidy Score; bars after its last note are in its last metre."""
    lines = bar_lines(score, max(gap.last for gap in gaps))
    return [(int(lines[gap.first - 1]), int(lines[gap.last])) for gap in gaps]


def is_within(ticks: Ints, spans: Iterable[tuple[int, int]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which ticks are in one of some spans, (N,)."""
    found = np.zeros(len(ticks), np.bool_)
    for begin, end in spans:
        found |= (ticks >= begin) & (ticks < end)
    return found


def split_notes(
    score: Score, spans: Sequence[tuple[int, int]], tracks: Collection[int]
) -> tuple[Score, Score]:
    """The Score without the notes of some tracks that start in some spans, and with these alone.

    Args:
        score: tidy.
        spans: begin and end of each.
        tracks: numbers of the tracks, from 0; other tracks are empty in the second Score.
    """
    given, missing = score.copy(), score.copy()
    for number, track in enumerate(score.tracks):
        columns = note_arrays(track)
        gone = is_within(columns[0], spans) & (number in tracks)
        put_notes(given.tracks[number], *(column[~gone] for column in columns))
        put_notes(missing.tracks[number], *(column[gone] for column in columns))
    return given, missing


def merged(score: Score, added: Score) -> Score:
    """The Score with the notes of another one in its tracks, in order of onset and pitch."""
    score = score.copy()
    for track, more in zip(score.tracks, added.tracks, strict=True):
        columns = [np.concatenate(pair) for pair in zip(note_arrays(track), note_arrays(more), strict=True)]
        order = np.lexsort((columns[2], columns[0]))
        put_notes(track, *(column[order] for column in columns))
    return score


def clear_of(new: Score, given: Score) -> tuple[Score, int]:
    """New notes of which none sounds with a given note of its pitch in its track, and how many changed.

    One that starts while the given note sounds starts after it, or is left out if it ends before; one that
    reaches the next given note is cut there.
    """
    new, changed = new.copy(), 0
    for track, other in zip(new.tracks, given.tracks, strict=True):
        onsets, durations, pitches, velocities = note_arrays(track)
        ends, others = onsets + durations, note_arrays(other)
        for row, (onset, pitch) in enumerate(zip(onsets.tolist(), pitches.tolist(), strict=True)):
            begins = others[0][others[2] == pitch]
            stops = begins + others[1][others[2] == pitch]
            onsets[row] = max([onset, *stops[(begins <= onset) & (stops > onset)].tolist()])
            ends[row] = min([int(ends[row]), *begins[begins > onset].tolist()])
        kept = ends > onsets
        changed += int((~kept | (ends - onsets != durations)).sum())
        put_notes(track, *(each[kept] for each in (onsets, ends - onsets, pitches, velocities)))
    return new, changed
