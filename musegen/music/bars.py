"""Where the measures of a notated piece fall in bars of its true metre.

Printed measures are often shorter or longer than their metre: pickups, bars that a repeat cuts in
two, forgotten bar lines. Lengths and times are in quarters, as exact fractions.
"""

from collections import Counter
from fractions import Fraction
from typing import NamedTuple

from musegen.music.metre import express

Metre = tuple[int, int]
_UNIT = 32
"""express() works in ticks; with 8 ticks a quarter a tick is a 32nd note."""


class Plan(NamedTuple):
    """The result of `plan_bars`."""

    starts: list[Fraction]
    """Where each measure begins, (measures,)."""
    metres: list[tuple[Fraction, Metre]]
    """Changes of metre with their times; a pickup is a first bar of its own metre."""
    repairs: Counter[str]


def quarters(metre: Metre) -> Fraction:
    """The length of a bar in quarters."""
    return Fraction(4 * metre[0], metre[1])


def plan_bars(lengths: list[Fraction], metres: list[Metre]) -> Plan:
    """Lay measures of `lengths` and nominal `metres`, both (measures,), on bar lines.

    A short measure and the short ones after it that complete it are one bar. Otherwise a short
    measure is filled up with a rest: a first one becomes a pickup; one of at most half a bar that
    leads into a full bar gets the rest before it, any other after it. A long measure of several
    bars' length is several bars; one that with its neighbour makes two bars has a misplaced bar
    line; any other gets its own metre, or is filled up to a bar line where there is no such metre.
    """
    plan = Plan([], [], Counter())
    now = Fraction(0)
    index = 0
    while index < len(lengths):
        taken, now = _next_bar(plan, lengths, metres, index, now)
        index += taken
    return plan


def _next_bar(plan: Plan, lengths: list[Fraction], metres: list[Metre], i: int, now: Fraction) -> tuple[int, Fraction]:
    """Place measure `i` and those that share its bar; returns how many, and the bar's end."""
    metre, length = metres[i], lengths[i]
    bar = quarters(metre)
    following = lengths[i + 1] if i + 1 < len(lengths) and metres[i + 1] == metre else None
    if length == 0:
        plan.starts.append(now)
        return 1, now
    if following is not None and length != bar != following and length + following == 2 * bar:
        plan.repairs["misplaced bar lines moved"] += 1
        plan.starts += [now, now + length]
        _hold(plan, now, metre)
        return 2, now + 2 * bar
    if length > bar:
        return 1, _long(plan, length, metre, now)
    if length == bar:
        plan.starts.append(now)
        _hold(plan, now, metre)
        return 1, now + bar
    if i == 0 and length * 2 <= bar:
        return 1, _pickup(plan, length, metre, now)
    return _short(plan, lengths, metres, i, now)


def _hold(plan: Plan, now: Fraction, metre: Metre) -> None:
    if not plan.metres or plan.metres[-1][1] != metre:
        plan.metres.append((now, metre))


def _pickup(plan: Plan, length: Fraction, metre: Metre, now: Fraction) -> Fraction:
    """A first bar of its own metre; `tidy_metre` fills it up."""
    size = Fraction(-(-length * 8 // 1), 8)  # up to a whole number of 32nds
    own = express(int(size * 8), 8)
    if own is None or size >= quarters(metre):
        own, size = metre, quarters(metre)
    plan.starts.append(now + size - length)
    _hold(plan, now, own)
    return now + size


def _long(plan: Plan, length: Fraction, metre: Metre, now: Fraction) -> Fraction:
    bar = quarters(metre)
    plan.starts.append(now)
    own = express(int(length * 8), 8) if (length * 8).denominator == 1 else None
    if (length / bar).denominator == 1:
        plan.repairs["missing bar lines put in"] += int(length / bar) - 1
        _hold(plan, now, metre)
    elif own:
        plan.repairs["long bars given their own metre"] += 1
        _hold(plan, now, own)
    else:
        plan.repairs["long bars padded with rests"] += 1
        _hold(plan, now, metre)
        return now + bar * (length // bar + 1)
    return now + length


def _short(plan: Plan, lengths: list[Fraction], metres: list[Metre], i: int, now: Fraction) -> tuple[int, Fraction]:
    metre, bar = metres[i], quarters(metres[i])
    _hold(plan, now, metre)
    filled, end = Fraction(0), i
    while end < len(lengths) and metres[end] == metre and filled + lengths[end] <= bar and filled < bar:
        filled += lengths[end]
        end += 1
    if filled == bar or end == len(lengths):  # it is completed, or the piece ends in it
        for length in lengths[i:end]:
            plan.starts.append(now)
            now += length
        return end - i, now + bar - filled
    plan.repairs["short bars padded with rests"] += 1
    if end == i + 1:
        leads_in = lengths[i] * 2 <= bar
        plan.starts.append(now + bar - lengths[i] if leads_in else now)
        return 1, now + bar
    for length in lengths[i : end - 1]:  # the end of a section, a rest, the pickup of the next
        plan.starts.append(now)
        now += length
    plan.starts.append(now + bar - filled)
    return end - i, now + bar - filled + lengths[end - 1]
