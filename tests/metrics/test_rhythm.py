import math

import pytest

from musegen.metrics.rhythm import groove_similarity, log_density_ratio
from musegen.music.metre import bar_ticks
from tests.music.scores import TPQ, line, score

QUARTERS = score(line([48] * 8, step=TPQ), metres=[(0, 4, 4)])


def test_positions_that_differ() -> None:
    bars = bar_ticks(QUARTERS)
    assert groove_similarity(QUARTERS, QUARTERS, bars) == 1.0
    eighths = score(line([60] * 16, step=TPQ // 2))
    assert groove_similarity(eighths, QUARTERS, bars) == pytest.approx(1 - 4 / 16)
    chords = score(line([60] * 8, step=TPQ), line([64] * 8, step=TPQ))
    assert groove_similarity(chords, QUARTERS, bars) == 1.0  # how many notes begin does not matter


def test_onsets_go_to_the_nearest_sixteenth() -> None:
    late = score(line([48] * 8, step=TPQ, start=TPQ // 8 - 1))
    later = score(line([48] * 8, step=TPQ, start=TPQ // 8))
    bars = bar_ticks(QUARTERS)
    assert groove_similarity(late, QUARTERS, bars) == 1.0
    assert groove_similarity(later, QUARTERS, bars) == pytest.approx(1 - 8 / 16)


def test_bars_of_silence_in_both_are_left_out() -> None:
    bars = bar_ticks(QUARTERS)
    first_bar = score(line([48] * 4, step=TPQ))
    assert groove_similarity(first_bar, first_bar, bars) == 1.0
    assert groove_similarity(first_bar, QUARTERS, bars) == pytest.approx((1 + 12 / 16) / 2)
    assert math.isnan(groove_similarity(score(), score(), bars))


def test_bars_of_any_metre_and_notes_after_the_last() -> None:
    tune = score(line([60] * 9, step=TPQ // 2), metres=[(0, 6, 8), (3 * TPQ, 3, 4)])
    bars = bar_ticks(tune)
    assert len(bars) == 3
    other = score(line([60] * 30, step=TPQ // 2))
    assert groove_similarity(other, tune, bars) == pytest.approx((1 + (1 - 3 / 12)) / 2)


def test_density() -> None:
    eighths = score(line([60] * 16, step=TPQ // 2))
    assert log_density_ratio(eighths, QUARTERS) == pytest.approx(math.log(2))
    assert log_density_ratio(QUARTERS, eighths) == pytest.approx(math.log(2))
    assert log_density_ratio(score(), QUARTERS) == pytest.approx(math.log(8))
