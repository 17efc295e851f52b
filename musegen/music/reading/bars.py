"""Places the measures of a notated piece in bars of its actual metre, without moving a note in time.

Printed measures are often shorter or longer than their metre: pickups, bars that a repeat cuts in
two, forgotten bar lines. Lengths and times are in quarter notes, as exact fractions.
"""

from collections import Counter
from fractions import Fraction
from typing import NamedTuple

from musegen.music.metre import express

Metre = tuple[int, int]


FINEST = 10**6


def snap(time: Fraction) -> Fraction:
    """The time, or one beside it with a small denominator: sums of odd fractions would grow without end."""
    return time if time.denominator <= FINEST else time.limit_denominator(FINEST)


class NotatedBar(NamedTuple):
    """A measure as played."""

    length: Fraction
    """The length of its content, in quarter notes."""
    metre: Metre
    """Its notated metre."""
    closes: bool = False
    """Whether a section ends with it: a repeat, a double barline, or a jump after it."""


class Plan(NamedTuple):
    """The result of `plan_bars`."""

    spans: list[tuple[Fraction, Fraction]]
    """Begin and end of each measure, (measures,); notes are cut at the end."""
    metres: list[tuple[Fraction, Metre]]
    """Changes of metre with their times; a pickup is a first bar of its own metre."""
    repairs: Counter[str]


def quarters(metre: Metre) -> Fraction:
    """The length of a bar in quarter notes."""
    return Fraction(4 * metre[0], metre[1])


def plan_bars(measures: list[NotatedBar]) -> Plan:
    """Place measures in playing order on bar lines; each begins where the one before it ends.

    - A first measure of at most half a bar is a pickup, and so is one that the next does not complete.
    - Short measures that complete each other form one bar; the end of a section and the pickup of the next
      share a bar too if together they are shorter than one.
    - A long measure of several bars is several bars; with a neighbour that makes whole bars with it, its bar
      line was misplaced.
    - Any other measure gets its own metre (n/2 to n/16). Where none lasts as long (triplets that are not
      complete, mistaken 32nds), it is filled up with a rest to whole bars: only there time is added.
    """
    plan = Plan([], [], Counter())
    now = Fraction(0)
    while len(plan.spans) < len(measures):
        now = _next_bar(plan, measures, len(plan.spans), now)
    return plan


def _next_bar(plan: Plan, measures: list[NotatedBar], i: int, now: Fraction) -> Fraction:
    """Place measure `i` and those that share its bar; returns the begin of the next bar."""
    this = measures[i]
    bar = quarters(this.metre)
    if this.length == 0:
        plan.spans.append((now, now))
        return now
    if this.length < bar:
        return _short(plan, measures, i, now)
    following = measures[i + 1] if i + 1 < len(measures) and measures[i + 1].metre == this.metre else None
    if (this.length / bar).denominator == 1:
        plan.repairs["missing bar lines put in"] += int(this.length / bar) - 1
        return _put(plan, now, [this], this.metre)
    if following and following.length != bar and this.length + following.length == 2 * bar:
        plan.repairs["misplaced bar lines moved"] += 1
        return _put(plan, now, [this, following], this.metre)
    return _own_metre(plan, [this], now, "long")


def _put(plan: Plan, now: Fraction, measures: list[NotatedBar], metre: Metre) -> Fraction:
    """Place measures one after another in bars of `metre`; returns their end."""
    if not plan.metres or plan.metres[-1][1] != metre:
        plan.metres.append((now, metre))
    for measure in measures:
        plan.spans.append((now, now + measure.length))
        now = snap(now + measure.length)
    return now


def _short(plan: Plan, measures: list[NotatedBar], i: int, now: Fraction) -> Fraction:
    this, bar = measures[i], quarters(measures[i].metre)
    if i == 0 and this.length * 2 <= bar:
        return _pickup(plan, this, now)
    filled, end = Fraction(0), i
    for measure in measures[i:]:
        if filled == bar or measure.metre != this.metre or filled + measure.length > bar:
            break
        filled += measure.length
        end += 1
    if filled == bar or end == len(measures):  # the bar is complete, or the piece ends in it
        _put(plan, now, measures[i:end], this.metre)
        return now + bar
    if i == 0:
        return _pickup(plan, this, now)
    shared = this.closes and i + 1 < end and _leads_in(measures, i + 1)
    return _own_metre(plan, measures[i : i + 1 + shared], now, "short")


def _leads_in(measures: list[NotatedBar], i: int) -> bool:
    """Whether measure `i` is a pickup: at most half a bar, and followed by a longer measure."""
    size = measures[i].length
    more = i + 1 < len(measures) and measures[i + 1].length > size
    return 0 < size * 2 <= quarters(measures[i].metre) and more and not measures[i].closes


def _pickup(plan: Plan, first: NotatedBar, now: Fraction) -> Fraction:
    """Place a pickup as a first bar with its own metre; `tidy_metre` pads it."""
    size = Fraction(-(-first.length * 8 // 1), 8)  # up to a whole number of 32nds
    metre = express(int(size * 8), 8)
    if metre is None or size >= quarters(first.metre):
        metre, size = first.metre, quarters(first.metre)
    plan.metres.append((now, metre))
    plan.spans.append((now + size - first.length, now + size))
    return now + size


def _own_metre(plan: Plan, measures: list[NotatedBar], now: Fraction, size: str) -> Fraction:
    """Place measures in one bar of their own metre; without one, in bars as notated, with a rest."""
    length = sum((m.length for m in measures), Fraction(0))
    metre = express(int(length * 4), 4) if (length * 4).denominator == 1 else None
    if metre:
        plan.repairs[f"{size} bars given their own metre"] += 1
        return _put(plan, now, measures, metre)
    plan.repairs[f"{size} bars padded with rests"] += 1
    _put(plan, now, measures, measures[0].metre)
    return now + quarters(measures[0].metre) * -(-length // quarters(measures[0].metre))
