import numpy as np
import pytest
from symusic import Note

from musegen.music.notes import normalise_notes, transpose
from tests.music.scores import line, notes, score


def test_notes_are_sorted_cut_and_cleaned() -> None:
    given = score(line([]))
    for onset, duration, pitch in [(480, 240, 64), (0, 960, 60), (480, 240, 60), (480, 240, 60), (0, 0, 70)]:
        given.tracks[0].notes.append(Note(onset, duration, pitch, 80))
    given.tracks[0].notes.append(Note(-10, 100, 50, 80))
    tidy, repairs = normalise_notes(given)
    assert notes(tidy.tracks[0]) == [(0, 480, 60), (480, 240, 60), (480, 240, 64)]
    assert repairs == [
        "1 notes before the start dropped",
        "1 notes without length dropped",
        "1 double notes dropped",
        "1 overlapping notes cut",
    ]
    assert len(given.tracks[0].notes) == 6  # the score that was given is as it was


def test_of_notes_that_start_together_the_longest_stays() -> None:
    given = score(line([]))
    for duration in (100, 300, 200):
        given.tracks[0].notes.append(Note(0, duration, 60, 80))
    assert notes(normalise_notes(given)[0].tracks[0]) == [(0, 300, 60)]


def test_normalising_twice_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    given = score(line([]))
    for _ in range(300):
        given.tracks[0].notes.append(
            Note(int(rng.integers(0, 4000)), int(rng.integers(0, 900)), int(rng.integers(50, 70)), 80)
        )
    once, repairs = normalise_notes(given)
    again, none = normalise_notes(once)
    assert repairs
    assert none == []
    assert notes(again.tracks[0]) == notes(once.tracks[0])
    last_end: dict[int, int] = {}
    for onset, duration, pitch in notes(once.tracks[0]):
        assert onset >= last_end.get(pitch, 0)
        last_end[pitch] = onset + duration


def test_transposing_moves_pitches_but_not_drums() -> None:
    moved = transpose(score(line([60, 64]), line([36, 38], drums=True)), 3)
    assert [n.pitch for n in moved.tracks[0].notes] == [63, 67]
    assert [n.pitch for n in moved.tracks[1].notes] == [36, 38]


def test_transposing_out_of_midi_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 127"):
        transpose(score(line([120])), 12)
