"""Odd bars: single bars in a metre of their own, as a section that ends early leaves them.

A model that does not know such a metre reads the bar filled up with a rest to one that it knows, and what it
writes is moved back. Bars keep their numbers, and no note is dropped. Times are in ticks.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import chain, groupby
from typing import Any, NamedTuple

import numpy as np
from symusic import Score, TimeSignature

from musegen.music.metre import bar_length, bar_ticks, metres_at
from musegen.music.notes import Ints, note_arrays, put_notes

Metre = tuple[int, int]


class Rest(NamedTuple):
    """A rest that fills up an odd bar."""

    time: int
    """Where it comes, in the music without such rests."""
    length: int


class Filled(NamedTuple):
    """Music whose odd bars are filled up."""

    score: Score
    rests: list[Rest]
    """By time; empty if the music is unchanged."""


def lasting_metres(score: Score) -> list[Metre]:
    """The metres of a tidy Score in order of appearance, without those of odd bars."""
    metres = metres_at(score, bar_ticks(score)[:-1])
    runs = [(metre, len(list(run))) for metre, run in groupby(metres)]
    return list(dict.fromkeys(metre for metre, bars in runs if bars > 1)) or list(dict.fromkeys(metres))


def fill_odd_bars(score: Score, known: Collection[Metre]) -> Filled:
    """Fill up each odd bar whose metre is not known: with a rest after its notes, or before a pickup.

    Its new metre is that of a bar beside it, or else the shortest that is known and long enough. A metre that
    lasts for several bars is never changed.

    Args:
        score: tidy.
        known: the metres that stay as they are.
    """
    lines = bar_ticks(score)
    metres = metres_at(score, lines[:-1])
    filled, rests = list(metres), []
    for bar, metre in enumerate(metres):
        beside = [*filled[max(0, bar - 1) : bar], *metres[bar + 1 : bar + 2]]
        size = int(lines[bar + 1] - lines[bar])
        full = None if metre in known or metre in beside else _full_metre(size, score.tpq, beside, known)
        if full:
            length = bar_length(score.tpq, *full)
            is_pickup = 2 * size <= length and 0 < bar < len(metres) - 1
            rests.append(Rest(int(lines[bar + (not is_pickup)]), length - size))
            filled[bar] = full
    if not rests:
        return Filled(score, [])
    score = _with_rests(score, rests)
    sizes = [bar_length(score.tpq, *metre) for metre in filled]
    begins = np.cumsum([0, *sizes]).tolist()
    score.time_signatures = [
        TimeSignature(begin, *metre)
        for begin, metre, before in zip(begins, filled, [None, *filled], strict=False)
        if metre != before
    ]
    return Filled(score, [rest for rest in rests if rest.length])


def _full_metre(size: int, tpq: int, beside: list[Metre], known: Collection[Metre]) -> Metre | None:
    """The metre for an odd bar of `size` ticks."""
    long_enough = [metre for metre in known if bar_length(tpq, *metre) >= size]
    nearest = [metre for metre in beside if metre in long_enough]
    found = nearest or sorted(long_enough, key=lambda metre: bar_length(tpq, *metre))
    return found[0] if found else None


def filled_like(score: Score, whole: Score, rests: Sequence[Rest]) -> Score:
    """The Score filled up as another in the same bars, `whole`, was with `rests`."""
    if not rests:
        return score
    score = _with_rests(score, rests)
    score.time_signatures = list(whole.time_signatures)
    return score


def _with_rests(score: Score, rests: Sequence[Rest]) -> Score:
    """The Score with rests put in, except its time signatures; what sounds at one is held through it."""
    times, lengths = (np.array(column, np.int64) for column in zip(*rests, strict=True))
    added = np.concatenate([[0], np.cumsum(lengths)])

    def begins(ticks: Ints) -> Ints:
        before: Ints = added[np.searchsorted(times, ticks, side="right")]
        return ticks + before

    def ends(ticks: Ints) -> Ints:
        before: Ints = added[np.searchsorted(times, ticks, side="left")]
        return ticks + before

    return _moved(score, begins, ends)


def without_rests(score: Score, rests: Sequence[Rest]) -> Score:
    """The Score with the rests taken out again, except its time signatures: the inverse of `filled_like`.

    Notes are cut short by a rest that they reach into; those that sound in one alone are dropped.
    """
    if not rests:
        return score
    times, lengths = (np.array(column, np.int64) for column in zip(*rests, strict=True))
    starts = times + np.cumsum(lengths) - lengths

    def earlier(ticks: Ints) -> Ints:
        passed: Ints = np.clip(ticks[:, None] - starts, 0, lengths).sum(1)
        return ticks - passed

    return _moved(score, earlier, earlier)


def _moved(score: Score, begins: Callable[[Ints], Ints], ends: Callable[[Ints], Ints]) -> Score:
    """The Score with other times for the begins of notes and marks, and for the ends of notes."""
    score = score.copy()
    marks: list[Any] = [score.tempos, score.key_signatures, score.markers]
    for track in score.tracks:
        onsets, durations, pitches, velocities = note_arrays(track)
        moved = begins(onsets)
        durations = ends(onsets + durations) - moved
        put_notes(track, *(each[durations > 0] for each in (moved, durations, pitches, velocities)))
        marks += [track.controls, track.pitch_bends, track.pedals, track.lyrics]
    for mark in chain.from_iterable(marks):
        mark.time = int(begins(np.array([mark.time]))[0])
    return score
