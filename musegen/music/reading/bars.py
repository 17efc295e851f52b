"""Where the measures of a notated piece fall in bars of its true metre.

Printed measures are often shorter or longer than their metre: pickups, bars that a repeat cuts in
two, forgotten bar lines. Lengths and times are in quarters, as exact fractions.
"""

from collections import Counter
from fractions import Fraction
from typing import NamedTuple

from musegen.music.metre import express

Metre = tuple[int, int]


class NotatedBar(NamedTuple):
    """A measure as played."""

    length: Fraction
    """What stands in it, in quarters."""
    metre: Metre
    """What its metre should be."""
    closes: bool = False
    """A section ends with it: a repeat, a double barline, or the playing jumps after it."""
    slack: Fraction = Fraction(0)
    """How much its end may lose to the pickup of the next section: rests, up to half of its last note."""


class Plan(NamedTuple):
    """The result of `plan_bars`."""

    spans: list[tuple[Fraction, Fraction]]
    """Begin and end of each measure, (measures,); where an end was cut, the notes in it are cut too."""
    metres: list[tuple[Fraction, Metre]]
    """Changes of metre with their times; a pickup is a first bar of its own metre."""
    repairs: Counter[str]


def quarters(metre: Metre) -> Fraction:
    """The length of a bar in quarters."""
    return Fraction(4 * metre[0], metre[1])


def plan_bars(measures: list[NotatedBar]) -> Plan:
    """Lay played measures on bar lines.

    - A first measure of at most half a bar is a pickup.
    - Short measures that complete each other are one bar; so are the end of a section and the
      pickup of the next: a gap between them is a rest, and a last note too long for the pickup
      gives way to it, as players do.
    - Any other short measure is filled up with a rest: before it where it has at most half a bar
      and leads into a full one, else after it.
    - A long measure of several bars is several bars; with a neighbour that makes whole bars with
      it, its bar line was misplaced; else it gets its own metre (n/2 to n/16); else its last note
      gives way, or it is filled up.
    """
    plan = Plan([], [], Counter())
    now = Fraction(0)
    while len(plan.spans) < len(measures):
        now = _next_bar(plan, measures, len(plan.spans), now)
    return plan


def _next_bar(plan: Plan, measures: list[NotatedBar], i: int, now: Fraction) -> Fraction:
    """Place measure `i` and those that share its bar; returns where the next bar begins."""
    this = measures[i]
    bar = quarters(this.metre)
    following = measures[i + 1] if i + 1 < len(measures) and measures[i + 1].metre == this.metre else None
    if this.length == 0:
        plan.spans.append((now, now))
        return now
    if i == 0 and this.length * 2 <= bar:
        return _pickup(plan, this, now)
    if this.closes and following and _leads_in(measures, i + 1) and _joined(plan, this, following, now):
        return plan.spans[-1][1]
    if this.length < bar:
        return _short(plan, measures, i, now)
    if this.length == bar:
        return _put(plan, now, this, this.metre)
    if (this.length / bar).denominator == 1:
        plan.repairs["missing bar lines put in"] += int(this.length / bar) - 1
        return _put(plan, now, this, this.metre)
    if following and following.length != bar and this.length + following.length == 2 * bar:
        plan.repairs["misplaced bar lines moved"] += 1
        return _put(plan, _put(plan, now, this, this.metre), following, this.metre)
    return _long(plan, this, now)


def _put(
    plan: Plan, now: Fraction, measure: NotatedBar, metre: Metre, length: Fraction | None = None
) -> Fraction:
    if not plan.metres or plan.metres[-1][1] != metre:
        plan.metres.append((now, metre))
    end = now + (measure.length if length is None else length)
    plan.spans.append((now, end))
    return end


def _leads_in(measures: list[NotatedBar], i: int) -> bool:
    """NotatedBar `i` is a pickup: at most half a bar, and a measure of more follows it."""
    size = measures[i].length
    more = i + 1 < len(measures) and measures[i + 1].length > size
    return 0 < size * 2 <= quarters(measures[i].metre) and more and not measures[i].closes


def _joined(plan: Plan, last: NotatedBar, pickup: NotatedBar, now: Fraction) -> bool:
    """The end of a section and the pickup of the next in whole bars, if they fit."""
    bar = quarters(last.metre)
    room = bar * -(-last.length // bar) - pickup.length  # for the end of the section
    if room >= last.length:
        plan.repairs["short bars padded with rests"] += room > last.length
    elif last.length - room <= last.slack:
        plan.repairs["last notes of a section shortened for a pickup"] += 1
    else:
        return False
    _put(plan, now, last, last.metre, min(room, last.length))
    _put(plan, now + room, pickup, last.metre)
    return True


def _pickup(plan: Plan, first: NotatedBar, now: Fraction) -> Fraction:
    """A first bar of its own metre; `tidy_metre` fills it up."""
    size = Fraction(-(-first.length * 8 // 1), 8)  # up to a whole number of 32nds
    own = express(int(size * 8), 8)
    if own is None or size >= quarters(first.metre):
        own, size = first.metre, quarters(first.metre)
    plan.metres.append((now, own))
    plan.spans.append((now + size - first.length, now + size))
    return now + size


def _long(plan: Plan, measure: NotatedBar, now: Fraction) -> Fraction:
    bar = quarters(measure.metre)
    own = express(int(measure.length * 4), 4) if (measure.length * 4).denominator == 1 else None
    if own:
        plan.repairs["long bars given their own metre"] += 1
        return _put(plan, now, measure, own)
    whole = bar * (measure.length // bar)
    if measure.length - whole <= measure.slack:
        plan.repairs["long bars cut to their metre"] += 1
        return _put(plan, now, measure, measure.metre, whole)
    plan.repairs["long bars padded with rests"] += 1
    _put(plan, now, measure, measure.metre)
    return now + whole + bar


def _short(plan: Plan, measures: list[NotatedBar], i: int, now: Fraction) -> Fraction:
    this, bar = measures[i], quarters(measures[i].metre)
    filled, end = Fraction(0), i
    for measure in measures[i:]:
        if filled == bar or measure.metre != this.metre or filled + measure.length > bar:
            break
        filled += measure.length
        end += 1
    if filled == bar or end == len(measures):  # it is completed, or the piece ends in it
        at = now
        for measure in measures[i:end]:
            at = _put(plan, at, measure, measure.metre)
        return now + bar
    plan.repairs["short bars padded with rests"] += 1
    _put(plan, now + bar - this.length if _leads_in(measures, i) else now, this, this.metre)
    if plan.metres[-1][0] > now:
        plan.metres[-1] = (now, this.metre)
    return now + bar
