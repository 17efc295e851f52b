"""The metre of a Score: tidy time signatures (every change on a bar line), bar lines and strong beats.

Times are in ticks. A metre is a pair (beats per bar, beat as a fraction of a whole note), as in 6/8.
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
"""Bars per phrase; models count bars modulo this number."""
DENOMINATORS = (2, 4, 8, 16, 32)
MAX_TPQ = 2**15 - 1
"""The largest number of ticks per quarter note in a MIDI file."""


class Change(NamedTuple):
    """A metre and the tick at which it starts."""

    time: int
    beats: int
    unit: int


def bar_length(tpq: int, beats: int, unit: int) -> int:
    """Ticks of a bar of `beats`/`unit` (exact after `tidy_metre`)."""
    return tpq * 4 * beats // unit


def express(ticks: int, tpq: int) -> tuple[int, int] | None:
    """The metre with the largest unit whose bar lasts `ticks`, or None if none of n/2..n/32 does."""
    for unit in DENOMINATORS:
        beats, rest = divmod(ticks * unit, tpq * 4)
        if rest == 0 and 0 < beats <= MAX_BEATS and (unit > 2 or beats > 1):
            return beats, unit
    return None


def tidy_metre(score: Score) -> tuple[Score, int, list[str]]:
    """The Score with tidy time signatures, the length of its pickup, and what was repaired.

    The first metre starts at tick 0 (4/4 by default), changes are on bar lines, none is redundant, units
    are 2 to 32. A first metre that lasts exactly one bar and is shorter than the next is a pickup: it is
    preceded by a rest that completes the bar, so everything moves later.
    If a change splits a bar, that bar gets its own metre if it has one (n/2..n/32, n at
    most 64); else the change moves to the nearest bar line.

    Returns:
        score, pickup in ticks (0 if there is none), descriptions of the repairs.

    Raises:
        MidiError: a time signature of zero or with an absurd unit.
    """
    repairs: list[str] = []
    changes = _time_signatures(score, repairs)
    score, changes = _divisible(score, changes)
    changes = _on_bar_lines(changes, score.tpq, last_end(score), repairs)
    changes, pickup, pad = _pickup(changes, score.tpq)
    if pad:
        score = shift(score, pad)
        repairs.append("pickup filled up with a rest")
    score.time_signatures = TimeSignatureTickList([TimeSignature(c.time, c.beats, c.unit) for c in changes])
    return score, pickup, repairs


def metre_changes(score: Score) -> list[Change]:
    """The metres of a tidy Score by tick; 4/4 if it has none."""
    return [Change(t.time, t.numerator, t.denominator) for t in score.time_signatures] or [Change(0, 4, 4)]


def metres_at(score: Score, ticks: Ints) -> list[tuple[int, int]]:
    """Beats and unit of the metre of a tidy Score at each of the `ticks`."""
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
    """The Score with everything `ticks` later; tempo, key and controls at tick 0 stay there."""
    later = score.shift_time(ticks)
    marks: list[Any] = [later.tempos, later.key_signatures, later.time_signatures]
    marks += [events for track in later.tracks for events in (track.controls, track.pitch_bends)]
    for event in chain.from_iterable(marks):
        if event.time == ticks:
            event.time = 0
    return later


def _time_signatures(score: Score, repairs: list[str]) -> list[Change]:
    """The time signatures by tick: the last at each tick, the first at 0, units 2 to 32."""
    by_time = {0: Change(0, 4, 4)}
    for signature in sorted(score.time_signatures, key=lambda t: t.time):
        beats, unit = _simplified(signature.numerator, signature.denominator)
        if (beats, unit) != (signature.numerator, signature.denominator):
            repairs.append(f"metre {signature.numerator}/{signature.denominator} written as {beats}/{unit}")
        time = max(0, signature.time)
        by_time[time] = Change(time, beats, unit)
    return [by_time[time] for time in sorted(by_time)]


def _simplified(beats: int, unit: int) -> tuple[int, int]:
    original = f"{beats}/{unit}"
    while unit == 1 or (
        unit > 0 and beats > 0 and beats % 2 == 0 and (unit > 32 or (beats > MAX_BEATS and unit > 2))
    ):
        beats, unit = (beats * 2, 2) if unit == 1 else (beats // 2, unit // 2)
    if unit not in DENOMINATORS or not 0 < beats <= MAX_BEATS:
        raise MidiError(
            f"impossible time signature {original}: allowed are 1 to {MAX_BEATS} beats of 1/2 to 1/32"
        )
    return beats, unit


def _divisible(score: Score, changes: list[Change]) -> tuple[Score, list[Change]]:
    """A Score with enough ticks per quarter note that every bar of `changes` is a whole number of ticks.

    Raises:
        MidiError: that is more than MIDI allows.
    """
    factor = 1
    while any(score.tpq * factor * 4 * c.beats % c.unit for c in changes):
        factor *= 2
    if score.tpq * factor > MAX_TPQ:
        raise MidiError(
            f"{score.tpq} ticks per quarter note do not divide such a bar, and MIDI allows at most {MAX_TPQ}"
        )
    if factor == 1:
        return score.copy(), changes
    changes = [c._replace(time=c.time * factor) for c in changes]
    return score.resample(score.tpq * factor), changes


def _on_bar_lines(changes: list[Change], tpq: int, end: int, repairs: list[str]) -> list[Change]:
    placed = [changes[0]]
    split_bars = moved = 0
    for original in changes[1:]:
        if original.time >= end:
            break
        change, last = original, placed[-1]
        bar = bar_length(tpq, last.beats, last.unit)
        broken = (change.time - last.time) % bar
        if broken and change.time > last.time:
            metre = express(broken, tpq)
            if metre:
                _place(placed, Change(change.time - broken, *metre))
                split_bars += 1
            else:
                change = change._replace(time=change.time - broken + (bar if 2 * broken >= bar else 0))
                moved += 1
        _place(placed, change)
    if split_bars:
        repairs.append(f"{split_bars} broken bars given a metre of their own")
    if moved:
        repairs.append(f"{moved} metre changes moved to a bar line")
    placed = [placed[0], *(c for c in placed[1:] if c.time < end)]
    # Without changes to the metre already in force.
    return [placed[0], *(c for before, c in pairwise(placed) if c[1:] != before[1:])]


def _place(placed: list[Change], change: Change) -> None:
    """Append `change`; one moved to or before the time of the last change replaces that."""
    if change.time <= placed[-1].time:
        placed[-1] = change._replace(time=placed[-1].time)
    else:
        placed.append(change)


def _pickup(changes: list[Change], tpq: int) -> tuple[list[Change], int, int]:
    """Changes without the metre of the pickup, its length, and that of the rest before it (ticks)."""
    if len(changes) < 2:
        return changes, 0, 0
    first, second = (bar_length(tpq, c.beats, c.unit) for c in changes[:2])
    if changes[1].time != first or first >= second:
        return changes, 0, 0
    pad = second - first
    later = [c._replace(time=c.time + pad) for c in changes[1:]]
    return [Change(0, later[0].beats, later[0].unit), *later[1:]], first, pad


def beats_per_bar(units: int) -> int:
    """Beats of a bar of so many units: compound metres (6, 9, 12, ... of a unit) count dotted beats."""
    return units // 3 if units > 3 and units % 3 == 0 else units


def all_beats(score: Score, bars: Ints) -> Ints:
    """The ticks of the beats in the bars between the bar lines `bars` (bars + 1,)."""
    ticks = []
    for (begin, end), (units, _) in zip(pairwise(bars.tolist()), metres_at(score, bars[:-1]), strict=True):
        beats = beats_per_bar(units)
        ticks += [begin + (end - begin) * beat // beats for beat in range(beats)]
    return np.array(ticks, np.int64)


def strong_beats(score: Score, bars: Ints) -> Ints:
    """The ticks of the strong beats in the bars between the bar lines `bars` (bars + 1,).

    The first beat of a bar is strong and, in bars of an even number of at least four beats (4/4, 12/8),
    the middle one. Compound metres (6, 9, 12, ... of a unit) count dotted
    beats: 6/8 has two.
    """
    ticks = []
    for begin, (units, unit) in zip(bars[:-1].tolist(), metres_at(score, bars[:-1]), strict=True):
        beats = beats_per_bar(units)
        ticks.append(begin)
        if beats >= 4 and beats % 2 == 0:
            ticks.append(begin + bar_length(score.tpq, units, unit) // 2)
    return np.array(ticks, np.int64)


def seconds_until(score: Score, end: int) -> float:
    """The duration of the Score in seconds up to tick `end`."""
    total = 0.0
    now, speed = 0, 500_000  # microseconds per quarter note
    for tempo in sorted(score.tempos, key=lambda t: t.time):
        until = min(max(tempo.time, now), end)
        total += (until - now) * speed
        now, speed = until, int(tempo.mspq)
    return (total + (end - now) * speed) / float(score.tpq) / 1e6
