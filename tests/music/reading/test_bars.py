import itertools
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musegen.music.reading.bars import NotatedBar, Plan, plan_bars

F = Fraction


def plan(*lengths: float | str, metre: tuple[int, int] = (4, 4)) -> Plan:
    """A plan for measures of lengths in quarters; "3|" closes a section."""
    measures = []
    for length in lengths:
        text = str(length)
        measures.append(NotatedBar(F(text.rstrip("|")), metre, text.endswith("|")))
    return plan_bars(measures)


def starts(result: Plan) -> list[float]:
    return [float(start) for start, _ in result.spans]


def spans(result: Plan) -> list[tuple[float, float]]:
    return [(float(start), float(end)) for start, end in result.spans]


def metres(result: Plan) -> list[tuple[float, str]]:
    return [(float(time), f"{beats}/{unit}") for time, (beats, unit) in result.metres]


def test_full_measures_are_bars() -> None:
    result = plan(4, 4, 4)
    assert (starts(result), metres(result)) == ([0, 4, 8], [(0, "4/4")])
    assert +result.repairs == {}


def test_a_first_short_measure_is_a_pickup() -> None:
    assert metres(plan(1, 4)) == [(0, "1/4"), (1, "4/4")]
    third = plan("1/3", 4)  # no metre lasts a third of a quarter
    assert third.spans[0] == (F(3, 8) - F(1, 3), F(3, 8))


def test_a_bar_cut_by_a_repeat_is_one_bar() -> None:
    result = plan(1, 4, "3|", 1, 4, 3)
    assert starts(result) == [0, 1, 5, 8, 9, 13]
    assert +result.repairs == {}


def test_a_short_end_and_a_pickup_share_a_bar() -> None:
    result = plan(4, "2|", 1, 4)
    assert (starts(result), metres(result)) == ([0, 4, 6, 7], [(0, "4/4"), (4, "3/4"), (7, "4/4")])


def test_a_full_bar_before_a_short_one_keeps_its_length() -> None:
    result = plan(4, "4|", 1, 4)
    assert spans(result) == [(0, 4), (4, 8), (8, 9), (9, 13)]
    assert metres(result) == [(0, "4/4"), (8, "1/4"), (9, "4/4")]
    assert +result.repairs == {"short bars given their own metre": 1}


def test_lone_short_measures_take_their_own_time() -> None:
    assert starts(plan(4, 1, 4)) == [0, 4, 5]
    assert metres(plan(4, 3, 4)) == [(0, "4/4"), (4, "3/4"), (7, "4/4")]
    assert starts(plan(4, "7/3", 4)) == [0, 4, 8]  # no metre lasts as long


def test_a_first_measure_of_more_than_half_a_bar_is_a_pickup_or_half_of_a_split_bar() -> None:
    assert metres(plan(3, 4, 4)) == [(0, "3/4"), (3, "4/4")]
    assert metres(plan(3, 1, 4)) == [(0, "4/4")]


def test_long_measures() -> None:
    assert starts(plan(4, 8, 4)) == [0, 4, 12]
    assert plan(4, 8, 4).repairs["missing bar lines put in"] == 1
    assert metres(plan(4, 5, 4)) == [(0, "4/4"), (4, "5/4"), (9, "4/4")]
    assert starts(plan(4, 5, 3, 4)) == [0, 4, 9, 12]
    assert starts(plan(4, "33/8", 4)) == [0, 4, 12]
    assert starts(plan(4, "13/3", 4)) == [0, 4, 12]


@pytest.mark.parametrize("metre", [(4, 4), (3, 4), (6, 8), (9, 8), (2, 2), (5, 8)])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_measures_never_overlap_and_full_ones_stand_on_bar_lines(
    metre: tuple[int, int], data: st.DataObject
) -> None:
    bar = F(4 * metre[0], metre[1])
    eighths = st.integers(1, int(bar * 4)).map(lambda n: F(n, 2))
    lengths = data.draw(st.lists(st.one_of(st.just(bar), eighths), min_size=1, max_size=12))
    closes = data.draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))
    measures = [NotatedBar(n, metre, c) for n, c in zip(lengths, closes, strict=True)]
    result = plan_bars(measures)
    assert len(result.spans) == len(measures)
    now = F(0)
    for start, end in result.spans:
        assert now <= start < end
        now = end
    changes = [*result.metres, (now + bar, metre)]
    for (time, (beats, unit)), (after, _) in itertools.pairwise(changes):
        size = F(4 * beats, unit)
        if (after, metre) != changes[-1]:
            assert (after - time) % size == 0  # every change of metre stands on a bar line
