import pytest

from musegen.music.reading.repeats import Printed, follow_jump, in_order, unended, unroll, whole_endings

P = Printed
S, E = P(start=True), P(end=2)


def test_a_repeat_is_played_twice() -> None:
    assert unroll([P(), S, E, P()], sections_start=True) == [0, 1, 2, 1, 2, 3]


def test_an_end_goes_back_to_the_last_end_or_the_beginning() -> None:
    assert unroll([P(), E, P(), E], sections_start=True) == [0, 1, 0, 1, 2, 3, 2, 3]


def test_a_start_without_an_end_is_played_once() -> None:
    assert [unended(piece) for piece in ([P(), S], [S, S, E], [S, E, S, P(endings=(1,))])] == [1, 1, 0]
    assert unroll([P(), E, S, P()], sections_start=True) == [0, 1, 0, 1, 2, 3]


@pytest.mark.parametrize(("abc", "order"), [(True, [0, 1, 2, 1, 2]), (False, [0, 1, 2, 0, 1, 2])])
def test_a_double_barline_starts_a_repeat_in_abc_only(abc: bool, order: list[int]) -> None:
    assert unroll([P(section=True), P(), E], sections_start=abc) == order


def test_endings_are_played_in_their_passes() -> None:
    first, second = P(end=2, endings=(1,)), P(endings=(2,))
    assert unroll([P(), first, second, P(), E], sections_start=True) == [0, 1, 0, 2, 3, 4, 3, 4]
    third = P(end=2, endings=(1, 3))
    assert unroll([P(), third, P(end=2, endings=(2,)), P()], sections_start=True) == [0, 1, 0, 2, 0, 1, 3]


def test_a_first_ending_may_stand_alone() -> None:
    assert unroll([P(), P(end=2, endings=(1,)), P()], sections_start=False) == [0, 1, 0, 2]


def test_an_ending_in_the_middle_goes_back_without_a_sign_of_its_own() -> None:
    odd, even = P(end=2, endings=(1, 3)), P(endings=(2, 4))
    assert unroll([P(), odd, even, P()], sections_start=True) == [0, 1, 0, 2, 0, 1, 0, 2, 3]
    two_bars = [P(), P(endings=(1, 2)), P(end=2, endings=(1, 2)), P(endings=(3,))]
    assert unroll(two_bars, sections_start=True) == [0, 1, 2, 0, 1, 2, 0, 3]


def test_a_double_barline_inside_a_marked_repeat_is_no_start() -> None:
    assert unroll([P(start=True), P(section=True), E], sections_start=True) == [0, 1, 2, 0, 1, 2]
    after = [P(start=True, end=2), P(section=True), E]
    assert unroll(after, sections_start=True) == [0, 0, 1, 2, 2]


def test_parts_are_played_in_their_order() -> None:
    piece = [P(), P(label="A", end=2), P(label="B"), P()]
    assert in_order(piece, "AABA", sections_start=True) == [0, 1, 1, 1, 1, 2, 3, 1, 1]
    assert in_order(piece, "AC", sections_start=True) is None
    assert in_order([*piece, P(label="A")], "AB", sections_start=True) is None


def test_a_first_ending_goes_back_without_its_sign_but_not_before_a_jump() -> None:
    first, second = P(endings=(1,)), P(endings=(2,))
    assert unroll([P(), first, second, P()], sections_start=True) == [0, 1, 0, 2, 3]
    piece = [P(), P(segno=True), first._replace(jump="DalSegnoAlFine"), second._replace(fine=True)]
    order = unroll(piece, sections_start=False)
    assert order == [0, 1, 2]
    assert follow_jump(piece, order) == [0, 1, 2, 1, 3]


def test_a_bracket_goes_on_to_its_repeat_sign() -> None:
    piece = [P(), P(endings=(1,)), P(), P(end=2), P(endings=(2,)), P()]
    assert unroll(whole_endings(piece), sections_start=False) == [0, 1, 2, 3, 0, 4, 5]
    three = [P(), P(endings=(1,)), P(end=2), P(endings=(2,)), P(end=2), P(endings=(3,))]
    assert unroll(whole_endings(three), sections_start=False) == [0, 1, 2, 0, 3, 4, 0, 5]
    following = [P(), P(endings=(1,), end=2), P(endings=(2,)), P(), P(end=2), P(endings=(1,), end=2)]
    assert whole_endings(following) == following


def test_endings_with_the_same_number_are_counted() -> None:
    piece = [P(), P(endings=(1,)), P(endings=(1,), end=2), P(endings=(1,))]
    assert unroll(whole_endings(piece), sections_start=False) == [0, 1, 2, 0, 3]


def test_one_ending_without_a_sign_is_played_on() -> None:
    assert unroll([P(), P(endings=(1,)), P()], sections_start=False) == [0, 1, 2]


def test_what_follows_a_coda_has_its_repeats() -> None:
    piece = (P(segno=True), P(coda=True), P(jump="DalSegnoAlCoda"), P(coda=True), P(start=True, end=2))
    assert jumped(*piece) == [0, 1, 2, 0, 3, 4, 4]


def test_a_pass_without_an_ending_takes_the_one_before() -> None:
    odd, last = P(end=2, endings=(1,)), P(endings=(3,))
    assert unroll([P(), odd, last, P()], sections_start=True) == [0, 1, 0, 1, 0, 2, 3]


def test_a_repeat_may_be_played_more_often() -> None:
    assert unroll([P(end=3)], sections_start=False) == [0, 0, 0]


def jumped(*measures: Printed) -> list[int] | None:
    order = unroll(list(measures), sections_start=False)
    return follow_jump(list(measures), order)


def test_da_capo_ends_at_fine_without_repeats() -> None:
    assert jumped(P(), P(end=2, fine=True), P(jump="DaCapoAlFine")) == [0, 1, 0, 1, 2, 0, 1]
    first, second = P(end=2, endings=(1,)), P(endings=(2,), fine=True)
    assert jumped(P(), first, second, P(jump="DaCapoAlFine")) == [0, 1, 0, 2, 3, 0, 2]


def test_dal_segno_leaves_at_the_first_coda_for_the_second() -> None:
    piece = (P(), P(segno=True), P(coda=True), P(jump="DalSegnoAlCoda"), P(coda=True), P())
    assert jumped(*piece) == [0, 1, 2, 3, 1, 4, 5]


@pytest.mark.parametrize("jump", ["DaCapoAlFine", "DaCapoAlCoda", "DalSegno"])
def test_a_jump_without_its_sign_is_not_followed(jump: str) -> None:
    assert jumped(P(), P(jump=jump)) is None


def test_a_plain_da_capo_ends_at_a_fine() -> None:
    assert jumped(P(fine=True), P(jump="DaCapo")) == [0, 1, 0]


def test_a_plain_da_capo_plays_all_again() -> None:
    assert jumped(P(end=2), P(jump="DaCapo")) == [0, 0, 1, 0, 1]


def test_a_bracket_goes_on_to_a_sign_for_more_passes() -> None:
    """As in a song whose last pass is its introduction alone."""
    piece = [P(), S, P(endings=(1, 2)), P(), P(end=3)]
    assert unroll(whole_endings(piece), sections_start=False) == [0, 1, 2, 3, 4, 1, 2, 3, 4, 1]
    assert whole_endings([P(), S, P(endings=(1,)), P(), E]) == [P(), S, P(endings=(1,)), P(), E]


def test_an_ending_with_a_number_that_is_taken_gets_the_next() -> None:
    piece = [S, P(endings=(1, 2), end=3), P(endings=(2,)), P()]
    assert unroll(whole_endings(piece), sections_start=False) == [0, 1, 0, 1, 0, 2, 3]
    twice_second = [S, P(endings=(2,), end=2), P(endings=(2,)), P()]
    assert unroll(whole_endings(twice_second), sections_start=False) == [0, 1, 0, 2, 3]


def test_an_ending_that_a_later_bracket_takes_up_goes_on_there() -> None:
    """A waltz whose endings lead into further strains, which go back."""
    piece = [P(start=True), P(endings=(1, 2)), P(endings=(3,), fine=True), P(endings=(1,), end=2)]
    piece += [P(endings=(2,), end=2)]
    assert unroll(whole_endings(piece), sections_start=False) == [0, 1, 3, 0, 1, 4, 0, 2]
