import pytest
from symusic import Score

from musegen.metrics.note_f1 import note_scores
from tests.music.scores import line, score

TUNE = score(line([60, 62, 64, 65]))


def test_hits_over_what_is_wanted_and_what_is_there() -> None:
    found = score(line([60, 62, 67]))
    scores = note_scores(TUNE, found)
    assert (scores.precision, scores.recall) == (pytest.approx(2 / 3), 0.5)
    assert scores.f1 == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))


def test_a_note_late_is_not_found() -> None:
    assert note_scores(TUNE, score(line([60, 62, 64, 65], start=240))).f1 == 0.0


def test_durations_count_where_wanted() -> None:
    short = TUNE.copy()
    for note in short.tracks[0].notes:
        note.duration = 120
    assert note_scores(TUNE, short).f1 == 1.0
    assert note_scores(TUNE, short, with_durations=True).f1 == 0.0
    assert note_scores(TUNE, TUNE.resample(960), with_durations=True).f1 == 1.0


def test_a_note_twice_is_found_once() -> None:
    double = score(line([60, 62, 64, 65]), line([60, 62, 64, 65]))
    assert note_scores(TUNE, double) == (0.5, 1.0, pytest.approx(2 / 3))


def test_silence() -> None:
    silent = Score(480)
    assert note_scores(TUNE, silent) == (0.0, 0.0, 0.0)
    assert note_scores(silent, TUNE).f1 == 0.0
    assert note_scores(silent, silent).f1 == 1.0
