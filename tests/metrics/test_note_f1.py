from collections.abc import Callable

import pytest
from symusic import Note, Score, Track

from musegen.metrics.note_f1 import melody_preserved, note_scores
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


def test_drums_are_notes_of_their_own() -> None:
    beat = score(line([36, 42, 38, 42], drums=True))
    busier = score(line([36, 42, 38, 42, 36, 42, 38, 42, 46, 49], drums=True))
    assert note_scores(beat, busier) == (0.4, 1.0, pytest.approx(4 / 7))
    assert note_scores(beat, score(line([36, 42, 38, 42]))).f1 == 0.0


def test_silence() -> None:
    silent = Score(480)
    assert note_scores(TUNE, silent) == (0.0, 0.0, 0.0)
    assert note_scores(silent, TUNE).f1 == 0.0
    assert note_scores(silent, silent).f1 == 1.0


GIVEN = line([60, 62, 64])


def test_the_order_of_notes_does_not_matter() -> None:
    turned = Track("another name")
    for note in reversed(list(GIVEN.notes)):
        turned.notes.append(note)
    assert melody_preserved(GIVEN, turned)


def earlier(note: Note) -> None:
    note.time -= 1


def shorter(note: Note) -> None:
    note.duration -= 1


def higher(note: Note) -> None:
    note.pitch += 1


def softer(note: Note) -> None:
    note.velocity -= 1


@pytest.mark.parametrize("change", [earlier, shorter, higher, softer])
def test_every_field_counts(change: Callable[[Note], None]) -> None:
    written = GIVEN.copy()
    change(written.notes[1])
    assert not melody_preserved(GIVEN, written)


def test_no_note_may_be_lost_or_added() -> None:
    assert not melody_preserved(GIVEN, line([60, 62]))
    assert not melody_preserved(line([60, 62]), GIVEN)
    assert not melody_preserved(GIVEN, line([]))
