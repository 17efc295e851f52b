"""The metre of a Score: time signatures tidied so that every change stands on a bar line, bars, strong beats.

Times are in ticks. A metre is a pair (beats a bar, beat as a fraction of a whole note), as in 6/8.
"""

from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
from symusic import Score, TimeSignature
from symusic.core import TimeSignatureTickList

from musegen.errors import MidiError
from musegen.music.notes import Ints, last_end

MAX_BEATS = 64
PHRASE_BARS = 16
"""Of a phrase; models count bars modulo this many."""
DENOMINATORS = (2, 4, 8, 16, 32)
MAX_TPQ = 2**15 - 1
"""Ticks a quarter, the most that a MIDI file can say."""


class Change(NamedTuple):
    """A metre and the tick from which it holds."""

    time: int
    beats: int
    unit: int


def bar_length(tpq: int, beats: int, unit: int) -> int:
    """Ticks of a bar of `beats`/`unit` (exact after `tidy_metre`)."""
    return tpq * 4 * beats // unit


def express(ticks: int, tpq: int) -> tuple[int, int] | None:
    """The metre with the largest unit whose bar lasts `ticks`, or None where none of n/2..n/32 does."""
    for unit in DENOMINATORS:
        beats, rest = divmod(ticks * unit, tpq * 4)
        if rest == 0 and 0 < beats <= MAX_BEATS and (unit > 2 or beats > 1):
            return beats, unit
    return None


def tidy_metre(score: Score) -> tuple[Score, int, list[str]]:
    """The Score with tidy time signatures, the length of its pickup, and what was repaired.

    The first metre stands at tick 0 (4/4 where none is given), changes stand on bar lines, none
    is redundant, units are 2 to 32. A first metre that lasts exactly one bar and is shorter than
    the next is a pickup: a rest is put before it to fill the bar, so that everything moves later.
    Where a change breaks a bar, that bar gets a metre of its own if it has one (n/2..n/32, n at
    most 64); else the change moves to the nearest bar line.

    Returns:
        score, pickup in ticks (0 where none), repairs in words.

    Raises:
        MidiError: a time signature of zero or with an absurd unit.
    """
    repairs: list[str] = []
    changes = _given(score, repairs)
    score, changes = _divisible(score, changes)
    changes = _on_bar_lines(changes, score.tpq, last_end(score), repairs)
    changes, pickup, pad = _pickup(changes, score.tpq)
    if pad:
        score = shift(score, pad)
        repairs.append("pickup filled up with a rest")
    score.time_signatures = TimeSignatureTickList([TimeSignature(c.time, c.beats, c.unit) for c in changes])
    return score, pickup, repairs


def metre_changes(score: Score) -> list[Change]:
    """The metres of a tidy Score by tick; 4/4 where it has none."""
    return [Change(t.time, t.numerator, t.denominator) for t in score.time_signatures] or [Change(0, 4, 4)]


def metres_at(score: Score, ticks: Ints) -> list[tuple[int, int]]:
    """Beats and unit of the metre of a tidy Score that holds at each of the `ticks`."""
    changes = metre_changes(score)
    rows = np.searchsorted([change.time for change in changes], ticks, side="right") - 1
    return [changes[max(0, row)][1:] for row in rows.tolist()]


def bar_ticks(score: Score) -> Ints:
    """Every bar line of a tidy Score from 0 to the one at or after the end of the last note, (bars + 1,).

    A Score without notes has one bar.
    """
    changes = metre_changes(score)
    end = max(1, last_end(score))
    lines = [np.zeros(0, np.int64)]
    for change, after in zip(changes, [*changes[1:], None], strict=True):
        if change.time >= end:
            break
        bar = bar_length(score.tpq, change.beats, change.unit)
        stop = end if after is None else min(after.time, end)
        lines.append(np.arange(change.time, stop, bar, dtype=np.int64))
    last = lines[-1][-1] + bar
    return np.concatenate([*lines, [last]])


def shift(score: Score, ticks: int) -> Score:
    """The Score with everything `ticks` later; tempo, key and controls that stood at tick 0 stay there."""
    later = score.shift_time(ticks)
    marks: list[Any] = [later.tempos, later.key_signatures, later.time_signatures]
    marks += [events for track in later.tracks for events in (track.controls, track.pitch_bends)]
    for event in chain.from_iterable(marks):
        if event.time == ticks:
            event.time = 0
    return later


def _given(score: Score, repairs: list[str]) -> list[Change]:
    """The time signatures by tick, the last of each tick, the first at 0, units 2 to 32."""
    by_time = {0: Change(0, 4, 4)}
    for signature in sorted(score.time_signatures, key=lambda t: t.time):
        beats, unit = _plain(signature.numerator, signature.denominator)
        if (beats, unit) != (signature.numerator, signature.denominator):
            repairs.append(f"metre {signature.numerator}/{signature.denominator} written as {beats}/{unit}")
        time = max(0, signature.time)
        by_time[time] = Change(time, beats, unit)
    return [by_time[time] for time in sorted(by_time)]


def _plain(beats: int, unit: int) -> tuple[int, int]:
    given = f"{beats}/{unit}"
    while unit == 1 or (
        unit > 0 and beats > 0 and beats % 2 == 0 and (unit > 32 or (beats > MAX_BEATS and unit > 2))
    ):
        beats, unit = (beats * 2, 2) if unit == 1 else (beats // 2, unit // 2)
    if unit not in DENOMINATORS or not 0 < beats <= MAX_BEATS:
        raise MidiError(
            f"impossible time signature {given}: allowed are 1 to {MAX_BEATS} beats of 1/2 to 1/32"
        )
    return beats, unit


def _divisible(score: Score, changes: list[Change]) -> tuple[Score, list[Change]]:
    """A Score with enough ticks a quarter that every bar of `changes` is a whole number of ticks.

    Raises:
        MidiError: that is more than MIDI holds.
    """
    factor = 1
    while any(score.tpq * factor * 4 * c.beats % c.unit for c in changes):
        factor *= 2
    if score.tpq * factor > MAX_TPQ:
        raise MidiError(f"{score.tpq} ticks a quarter divide no such bar, and MIDI holds at most {MAX_TPQ}")
    if factor == 1:
        return score.copy(), changes
    changes = [c._replace(time=c.time * factor) for c in changes]
    return score.resample(score.tpq * factor), changes


def _on_bar_lines(changes: list[Change], tpq: int, end: int, repairs: list[str]) -> list[Change]:
    placed = [changes[0]]
    own = moved = 0
    for given in changes[1:]:
        if given.time >= end:
            break
        change, last = given, placed[-1]
        bar = bar_length(tpq, last.beats, last.unit)
        broken = (change.time - last.time) % bar
        if broken and change.time > last.time:
            metre = express(broken, tpq)
            if metre:
                _place(placed, Change(change.time - broken, *metre))
                own += 1
            else:
                change = change._replace(time=change.time - broken + (bar if 2 * broken >= bar else 0))
                moved += 1
        _place(placed, change)
    if own:
        repairs.append(f"{own} broken bars given a metre of their own")
    if moved:
        repairs.append(f"{moved} metre changes moved to a bar line")
    placed = [placed[0], *(c for c in placed[1:] if c.time < end)]
    # Without the changes to the metre that already holds.
    return [placed[0], *(c for before, c in pairwise(placed) if c[1:] != before[1:])]


def _place(placed: list[Change], change: Change) -> None:
    """Append `change`; at or before the time of the last one (it was moved there), it takes its place."""
    if change.time <= placed[-1].time:
        placed[-1] = change._replace(time=placed[-1].time)
    else:
        placed.append(change)


def _pickup(changes: list[Change], tpq: int) -> tuple[list[Change], int, int]:
    """Changes with the pickup's metre gone, the pickup's length, and the rest to put before it (ticks)."""
    if len(changes) < 2:
        return changes, 0, 0
    first, second = (bar_length(tpq, c.beats, c.unit) for c in changes[:2])
    if changes[1].time != first or first >= second:
        return changes, 0, 0
    pad = second - first
    later = [c._replace(time=c.time + pad) for c in changes[1:]]
    return [Change(0, later[0].beats, later[0].unit), *later[1:]], first, pad


def strong_beats(score: Score, bars: Ints) -> Ints:
    """The ticks of the strong beats in the bars that begin and end at the lines `bars` (bars + 1,).

    Strong are the first beat of a bar and, where it has four beats or more and an even number of
    them (4/4, 12/8), the one in its middle. Compound metres (6, 9, 12, ... of a unit) count dotted
    beats: 6/8 has two.
    """
    ticks = []
    for begin, (units, unit) in zip(bars[:-1].tolist(), metres_at(score, bars[:-1]), strict=True):
        beats = units // 3 if units > 3 and units % 3 == 0 else units
        ticks.append(begin)
        if beats >= 4 and beats % 2 == 0:
            ticks.append(begin + bar_length(score.tpq, units, unit) // 2)
    return np.array(ticks, np.int64)
