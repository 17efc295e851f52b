import math

import numpy as np
import pytest
from symusic import Note, Score, Track

from musegen.metrics.features import FEATURES, features
from musegen.metrics.lines import top_line, track_lines
from musegen.metrics.repetition import LONG, MIDDLE, SHORT, repeated_bars, self_similarity
from musegen.music.notes import transpose
from tests.music.scores import TPQ, line, score

A, B = [60, 62, 64, 65, 67, 65, 64, 62], [72, 71, 69, 67, 65, 64, 62, 60]


def tune(*bars: list[int], metre: tuple[int, int] = (4, 4)) -> Score:
    """Bars of eighths, one after another."""
    return score(line([pitch for bar in bars for pitch in bar]), metres=[(0, *metre)])


def number(name: str, of: Score) -> float:
    (value,) = features(of)[name]
    return float(value)


def test_lines_are_what_is_heard_on_top() -> None:
    chords = Track("chords")
    chords.notes = [Note(i * TPQ, TPQ, 48 + i + third, 80) for i in range(3) for third in (0, 4, 7)]
    band = score(chords, line([80], start=TPQ), line([36] * 6, drums=True))
    assert [part.pitches.tolist() for part in track_lines(band)] == [[55, 56, 57], [80]]
    assert top_line(band).pitches.tolist() == [55, 80, 57]
    assert band.tracks[0].notes.numpy()["pitch"].tolist() == [48, 52, 55, 49, 53, 56, 50, 54, 57]


def test_numbers_by_hand() -> None:
    music = score(
        line([60, 64, 62], step=TPQ), line([48, 36], step=2 * TPQ, start=2 * TPQ), metres=[(0, 4, 4)]
    )
    assert number("mean_interval", music) == pytest.approx((4 + 2 + 12) / 3)
    assert number("mean_onset_interval", music) == pytest.approx((1 + 1 + 2) / 3)
    assert number("note_density", music) == pytest.approx(5 / 6)
    assert number("mean_duration", music) == pytest.approx((3 * 1 + 2 * 2) / 5)
    found = features(music)
    bins = dict(zip(FEATURES["intervals"].bins, found["intervals"], strict=True))
    assert {name: share for name, share in bins.items() if share} == pytest.approx(
        {"4": 1 / 3, "-2": 1 / 3, "-12": 1 / 3}
    )
    assert found["durations"][1:3] == pytest.approx([2 / 5, 3 / 5])
    assert found["pitch_class_transitions"].reshape(12, 12)[0, 4] == pytest.approx(1 / 3)


def test_histograms_are_shares() -> None:
    found = features(tune(A, B))
    for name in (
        "pitch_classes",
        "pitch_class_transitions",
        "intervals",
        "durations",
        "duration_transitions",
    ):
        assert found[name].sum() == pytest.approx(1.0)
        assert len(found[name]) == len(FEATURES[name].bins) or not FEATURES[name].bins


def test_wide_intervals_are_counted_with_the_widest() -> None:
    found = features(tune([40, 80, 20, 90]))["intervals"]
    assert (found[0], found[-1]) == pytest.approx((1 / 3, 2 / 3))


def test_what_a_key_does_not_change() -> None:
    here, there = features(tune(A, B, A)), features(transpose(tune(A, B, A), 5))
    for name in FEATURES.keys() - {"pitch_classes", "pitch_class_transitions"}:
        np.testing.assert_allclose(here[name], there[name], err_msg=name)


def test_drums_alone_have_no_pitches() -> None:
    found = features(score(line([36, 38] * 8, drums=True), metres=[(0, 4, 4)]))
    heard = {name for name, values in found.items() if not np.isnan(values).any()}
    assert heard == {"note_density", "empty_beat_rate", "groove_consistency"}


def test_the_form_of_a_tune() -> None:
    same, other = [A] * 4, [[pitch + 1 + i for pitch in B] for i in range(4)]
    tune_aab = tune(*same, *same, *other)  # bars 5 to 8 are as 1 to 4
    assert repeated_bars(tune_aab) == pytest.approx(7 / 12)
    assert self_similarity(tune(A, B, A, B, A, B), (2, 2)) == 1
    assert self_similarity(tune(A, B, A, B, A, B), (1, 1)) < 0.5
    assert self_similarity(tune(*[A, B, A, A] * 3), MIDDLE) == 1
    assert math.isnan(self_similarity(tune(A, B), LONG))


def test_half_a_bar_that_returns_counts_half() -> None:
    changed = [*A[:4], 90, 91, 92, 93]
    assert self_similarity(tune(A, changed), SHORT) == pytest.approx(0.5)
    assert repeated_bars(tune(A, changed)) == 0


def test_a_silent_bar_is_like_nothing() -> None:
    late = score(line(A), line(A, start=2 * 4 * TPQ), metres=[(0, 4, 4)])
    assert self_similarity(late, (2, 2)) == 1
    assert self_similarity(late, (1, 1)) == 0


def test_grooves_of_unlike_bars_are_not_compared() -> None:
    changing = score(line([60] * 14), metres=[(0, 4, 4), (4 * TPQ, 3, 4)])
    assert math.isnan(number("groove_consistency", changing))
