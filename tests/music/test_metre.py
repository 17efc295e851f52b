import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from symusic import Tempo, TimeSignature

from musegen.errors import MidiError
from musegen.music.metre import bar_ticks, strong_beats, tidy_metre
from tests.music.scores import TPQ, line, notes, score


def metres(result: object) -> list[tuple[int, str]]:
    return [(t.time, f"{t.numerator}/{t.denominator}") for t in result.time_signatures]  # type: ignore[attr-defined]


def test_without_a_metre_it_is_four_four() -> None:
    tidy, pickup, repairs = tidy_metre(score(line([60] * 9)))
    assert (metres(tidy), pickup, repairs) == ([(0, "4/4")], 0, [])
    assert bar_ticks(tidy).tolist() == [0, 1920, 3840]


def test_a_pickup_is_filled_up_on_the_left_and_the_tempo_stays() -> None:
    given = score(line([60] * 9), metres=[(0, 1, 8), (240, 3, 4)])
    tidy, pickup, _ = tidy_metre(given)
    assert pickup == 240
    assert metres(tidy) == [(0, "3/4")]
    assert notes(tidy.tracks[0])[:2] == [(1200, 240, 60), (1440, 240, 60)]
    assert [t.time for t in tidy.tempos] == [0]
    assert metres(given) == [(0, "1/8"), (240, "3/4")]


def test_a_short_first_bar_before_a_shorter_metre_is_no_pickup() -> None:
    tidy, pickup, _ = tidy_metre(score(line([60] * 12), metres=[(0, 4, 4), (1920, 3, 4)]))
    assert pickup == 0
    assert metres(tidy) == [(0, "4/4"), (1920, "3/4")]


def test_redundant_and_late_changes_are_dropped() -> None:
    given = score(line([60] * 8), metres=[(0, 2, 4), (960, 2, 4), (9600, 3, 4)])
    assert metres(tidy_metre(given)[0]) == [(0, "2/4")]


def test_a_broken_bar_gets_a_metre_of_its_own() -> None:
    tidy, _, repairs = tidy_metre(score(line([60] * 30), metres=[(0, 4, 4), (1920 + 720, 3, 4)]))
    assert metres(tidy) == [(0, "4/4"), (1920, "3/8"), (2640, "3/4")]
    assert repairs == ["1 broken bars given a metre of their own"]


@pytest.mark.parametrize(("time", "line_at"), [(1930, 1920), (3835, 3840)])
def test_a_change_that_no_metre_fits_moves_to_the_nearest_bar_line(time: int, line_at: int) -> None:
    tidy, _, repairs = tidy_metre(score(line([60] * 40), metres=[(0, 4, 4), (time, 3, 4)]))
    assert metres(tidy) == [(0, "4/4"), (line_at, "3/4")]
    assert repairs == ["1 metre changes moved to a bar line"]


def test_whole_note_units_become_halves() -> None:
    assert metres(tidy_metre(score(line([60] * 8), metres=[(0, 2, 1)]))[0]) == [(0, "4/2")]


@pytest.mark.parametrize(("beats", "unit"), [(0, 4), (1, 64), (255, 4)])
def test_impossible_metres_are_refused(beats: int, unit: int) -> None:
    with pytest.raises(MidiError, match="impossible time signature"):
        tidy_metre(score(line([60]), metres=[(0, beats, unit)]))


def test_a_bar_of_broken_ticks_gets_finer_ticks() -> None:
    given = score(line([60] * 4, step=1))
    given.ticks_per_quarter = 1
    given.time_signatures.append(TimeSignature(0, 3, 8))
    tidy, _, _ = tidy_metre(given)
    assert tidy.tpq == 2
    assert bar_ticks(tidy).tolist() == [0, 3, 6, 9]


changes = st.lists(
    st.tuples(st.integers(0, 12_000), st.integers(1, 12), st.sampled_from([1, 2, 4, 8, 16, 32])), max_size=6
)


@settings(max_examples=200, deadline=None)
@given(changes, st.integers(1, 60))
def test_every_change_stands_on_a_bar_line_and_tidying_again_changes_nothing(
    given_metres: list[tuple[int, int, int]], count: int
) -> None:
    tidy, _, _ = tidy_metre(score(line([60] * count), metres=given_metres))
    lines = bar_ticks(tidy)
    assert lines[0] == 0
    assert (np.diff(lines) > 0).all()
    assert {t.time for t in tidy.time_signatures} <= set(lines.tolist())
    assert lines[-1] >= tidy.end() > lines[-2]
    pairs = [t[1] for t in metres(tidy)]
    assert all(a != b for a, b in itertools.pairwise(pairs))
    again, pickup, repairs = tidy_metre(tidy)
    if not pickup:  # a bar of its own may look like a pickup once the real one is gone
        assert metres(again) == metres(tidy)
        assert repairs == []


def test_everything_moves_with_a_pickup() -> None:
    given = score(line([60] * 9), metres=[(0, 1, 4), (480, 4, 4)])
    given.tempos.append(Tempo(960, 60))
    tidy, _, _ = tidy_metre(given)
    assert [t.time for t in tidy.tempos] == [0, 960 + 1440]


def test_more_ticks_a_quarter_than_midi_holds_are_refused() -> None:
    fine = score(line([60, 62]), metres=[(0, 9, 8)])
    fine.ticks_per_quarter = 2**15 - 1
    with pytest.raises(MidiError, match="32767 ticks per quarter note"):
        tidy_metre(fine)


@pytest.mark.parametrize(
    ("metre", "strong"),
    [
        ((4, 4), [0, 8]),
        ((3, 4), [0]),
        ((2, 2), [0]),
        ((6, 8), [0]),
        ((12, 8), [0, 12]),
        ((9, 8), [0]),
        ((5, 4), [0]),
        ((3, 8), [0]),
    ],
)
def test_strong_beats_of_a_bar(metre: tuple[int, int], strong: list[int]) -> None:
    piece = score(line([60], step=4 * TPQ * metre[0] // metre[1]), metres=[(0, *metre)])
    assert strong_beats(piece, bar_ticks(piece)).tolist() == [s * TPQ // 4 for s in strong]


def test_they_follow_the_metre() -> None:
    piece = score(line([60] * 16, step=TPQ), metres=[(0, 4, 4), (4 * TPQ, 3, 4), (10 * TPQ, 6, 8)])
    beats = strong_beats(piece, bar_ticks(piece)) // TPQ
    assert beats.tolist() == [0, 2, 4, 7, 10, 13]
