import functools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from symusic import Note, Score, Track

from musegen.metrics.bootstrap import spearman
from musegen.metrics.smoothness import note_distances, note_edit_distance, smoothness
from tests.music.scores import line, score

Notes = list[tuple[int, int]]
NOTES = st.lists(st.tuples(st.integers(0, 6), st.integers(60, 64)), max_size=6, unique=True).map(sorted)


def placed(notes: Notes) -> Score:
    """A clip of notes at (sixteenth, pitch)."""
    track = Track("")
    for onset, pitch in notes:
        track.notes.append(Note(onset * 120, 120, pitch, 80))
    return score(track)


def clip(pitches: list[int], step: int = 480) -> Score:
    return score(line(pitches, step=step))


def test_each_edit_costs_one() -> None:
    tune = clip([60, 62, 64, 65])
    assert note_edit_distance(tune, tune) == 0
    assert note_edit_distance(tune, clip([60, 62, 67, 65])) == 1
    assert note_edit_distance(tune, clip([60, 62, 64])) == 1
    assert note_edit_distance(tune, clip([60, 62, 64, 65, 67])) == 1
    late = clip([60, 62, 64, 65])
    late.tracks[0].notes[2].time += 240
    assert note_edit_distance(tune, late) == 1
    late.tracks[0].notes[2].pitch += 1
    assert note_edit_distance(tune, late) == 2
    assert note_edit_distance(tune, score(line([], name="nothing"))) == 4


def test_ticks_a_quarter_and_durations_do_not_matter() -> None:
    tune = clip([60, 62, 64, 65])
    assert note_edit_distance(tune, tune.resample(960)) == 0
    short = tune.copy()
    short.tracks[0].notes[0].duration = 100
    assert note_edit_distance(tune, short) == 0


@given(NOTES, NOTES, NOTES)
def test_it_is_a_distance(a: Notes, b: Notes, c: Notes) -> None:
    apart = note_distances([placed(notes) for notes in (a, b, c)])
    assert apart.tolist() == apart.T.tolist()
    assert (apart[0, 1] == 0) == (a == b)
    assert apart[0, 2] <= apart[0, 1] + apart[1, 2]
    assert apart[0, 1] <= len(a) + len(b)


@given(NOTES, NOTES)
def test_it_is_the_fewest_edits(a: Notes, b: Notes) -> None:
    @functools.cache
    def fewest(i: int, j: int) -> int:
        """Of the first i notes of a and j of b, by Levenshtein's recursion."""
        if not i or not j:
            return i + j
        changed = (a[i - 1][0] != b[j - 1][0]) + (a[i - 1][1] != b[j - 1][1])
        return min(fewest(i - 1, j) + 1, fewest(i, j - 1) + 1, fewest(i - 1, j - 1) + changed)

    assert note_edit_distance(placed(a), placed(b)) == fewest(len(a), len(b))


def test_a_row_that_changes_a_note_a_step_is_smooth() -> None:
    first, last = [60, 62, 64, 65], [72, 74, 76, 77]
    found = smoothness([clip(last[:i] + first[i:]) for i in range(5)])
    assert found.away == found.back == 1.0
    assert found.largest_jump == 0.25


def test_a_row_that_jumps_is_not() -> None:
    first, last = [60, 62, 64, 65], [72, 74, 76, 77]
    found = smoothness([clip(first)] * 4 + [clip(last)])
    assert found.largest_jump == 1.0
    assert found.away < 0.8
    back = smoothness([clip(each) for each in (first, last, first, last)])
    assert back.away < 0.5


def test_nothing_is_measured_between_equal_ends() -> None:
    found = smoothness([clip([60, 62])] * 3)
    assert all(math.isnan(value) for value in found)


def test_spearman_is_that_of_the_ranks() -> None:
    a = np.random.default_rng(0).normal(size=50)
    assert spearman(a, np.exp(a)) == 1.0
    assert spearman(a, -a) == pytest.approx(-1.0)
    # by hand: ranks 1 2 3 4 and 1 2.5 2.5 4
    assert spearman([1, 2, 3, 4], [5, 6, 6, 9]) == pytest.approx(4.5 / math.sqrt(5 * 4.5))
    assert math.isnan(spearman([1, 2, 3], [1, 1, 1]))


def test_the_pieces_of_a_drum_kit_count() -> None:
    beat, other = (score(line(pitches, drums=True)) for pitches in ([36, 42, 38, 42], [36, 42, 38, 46]))
    assert (note_edit_distance(beat, beat), note_edit_distance(beat, other)) == (0, 1)
