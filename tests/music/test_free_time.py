"""Recordings in the form of models and back: times in seconds, and the pedal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from symusic import ControlChange, Note, Score, Tempo, Track

from musegen.music.free_time import PEDAL, as_recording, in_free_time, seconds_at, ticks_at
from musegen.music.notes import note_arrays

Presses = list[tuple[float, float]]


def recording(notes: list[tuple[int, int, int, int]], controls: list[tuple[int, int]]) -> Score:
    """A recording in a file with a tempo change."""
    score = Score(384)
    score.tempos = [Tempo(0, 97.0), Tempo(2000, 141.0)]
    score.tracks.append(Track("Piano", 0))
    score.tracks[0].notes.extend([Note(*row) for row in notes])
    score.tracks[0].controls.extend([ControlChange(time, 64, value) for time, value in controls])
    return score


def sounding(score: Score) -> list[tuple[float, float, int, int]]:
    """Onset and end in seconds, pitch and velocity of each note."""
    onsets, durations, pitches, velocities = note_arrays(score.tracks[0])
    spans = seconds_at(score, onsets), seconds_at(score, onsets + durations)
    return sorted(zip(*(each.tolist() for each in (*spans, pitches, velocities)), strict=True))


def pedalled(score: Score) -> list[tuple[float, bool]]:
    """When the pedal goes down and up."""
    found: list[tuple[float, bool]] = []
    for control in score.tracks[0].controls:
        is_down = control.value >= 64
        if is_down != (found[-1][1] if found else False):
            found.append((float(seconds_at(score, np.array([control.time]))[0]), is_down))
    return found


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    notes=st.lists(
        st.tuples(st.integers(0, 5000), st.integers(1, 3000), st.integers(1, 127), st.integers(1, 127)),
        min_size=1,
    ),
    controls=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 127)), unique_by=lambda each: each[0]),
)
def test_a_recording_comes_back(
    notes: list[tuple[int, int, int, int]], controls: list[tuple[int, int]]
) -> None:
    raw = recording(notes, sorted(controls))
    free, words = in_free_time(raw)
    assert words == []
    back = as_recording(free)
    assert np.array(sounding(back)) == pytest.approx(np.array(sounding(raw)), abs=2e-3)
    before, after = pedalled(raw), pedalled(back)
    end = max(row[1] for row in sounding(raw))
    closed = [each for each in before if each[0] < end]  # what is pressed after the end is not heard
    assert [down for _, down in after][: len(closed)] == [down for _, down in closed]
    assert [time for time, _ in after][: len(closed)] == pytest.approx([time for time, _ in closed], abs=2e-3)


def test_the_lowest_key_is_the_pedal() -> None:
    free, words = in_free_time(recording([(0, 100, 0, 80), (100, 100, 60, 80)], [(10, 127), (400, 0)]))
    assert words == ["1 notes of the lowest key dropped, which stands for the pedal"]
    assert note_arrays(free.tracks[0])[2].tolist() == [60, PEDAL]


def test_times_are_those_of_the_tempo_map() -> None:
    score = recording([(0, 100, 60, 80)], [])
    ticks = np.array([0, 384, 2000, 2384, 9999])
    seconds = seconds_at(score, ticks)
    assert seconds == pytest.approx(
        np.cumsum([0, 60 / 97, 1616 / 384 * 60 / 97, 60 / 141, 7615 / 384 * 60 / 141])
    )
    assert ticks_at(score, seconds).tolist() == ticks.tolist()
