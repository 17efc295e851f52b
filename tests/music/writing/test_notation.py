"""What a bar looks like: values, ties and triplets, from chords in units of 1/96 of a quarter."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from symusic import Note, Track

from musegen.music.quantise import Bar, find_bars, quantise
from musegen.music.writing.notation import Chord, Value, voices, write_bar
from tests.music.scores import line, notes, score

FOUR = Bar(0, 384, 4, 4)
SIX = Bar(0, 288, 6, 8)


def shown(bar: Bar, *lengths: int) -> list[str]:
    """The values that print notes of these lengths, one after the other; rests are lengths below 0."""
    chords, now = [], 0
    for length in lengths:
        if length > 0:
            chords.append(Chord(now, now + length, (60,)))
        now += abs(length)
    return [word(value) for value in write_bar(chords, bar)]


def word(value: Value) -> str:
    kind, dots = value.shown
    ties = {"": "", "start": "~", "continue": "~~", "stop": "'"}
    rest = "" if value.pitches else "rest "
    return f"{rest}{kind}{'.' * dots}{'/3' if value.triplet else ''}{ties[value.tie]}"


class TestValues:
    @pytest.mark.parametrize(
        ("bar", "lengths", "expected"),
        [
            (FOUR, (384,), ["whole"]),
            (FOUR, (288, 96), ["half.", "quarter"]),
            (FOUR, (144, 240), ["quarter.", "eighth~", "half'"]),
            (FOUR, (48, 96, 48, 192), ["eighth", "quarter", "eighth", "half"]),
            (FOUR, (144, 96, 144), ["quarter.", "eighth~", "eighth'", "eighth~", "quarter'"]),
            (FOUR, (-192, 192), ["rest half", "half"]),
            (FOUR, (18, 6, 72, 288), ["32nd.", "64th", "eighth.", "half."]),
            (SIX, (144, 144), ["quarter.", "quarter."]),
            (SIX, (192, 96), ["quarter.~", "eighth'", "quarter"]),
            (SIX, (96, 48, 48, 96), ["quarter", "eighth", "eighth", "quarter"]),
            (SIX, (72, 72, 144), ["eighth.", "eighth.", "quarter."]),
            (Bar(0, 432, 9, 8), (432,), ["half.~", "quarter.'"]),
            (Bar(0, 336, 7, 8), (336,), ["half~", "quarter.'"]),
            (Bar(0, 480, 5, 4), (-480,), ["rest whole", "rest quarter"]),
        ],
    )
    def test_show_the_beats(self, bar: Bar, lengths: tuple[int, ...], expected: list[str]) -> None:
        assert shown(bar, *lengths) == expected

    @pytest.mark.parametrize(
        ("lengths", "expected"),
        [
            ((32, 32, 32, 288), ["eighth/3", "eighth/3", "eighth/3", "half."]),
            ((64, 32, 288), ["quarter/3", "eighth/3", "half."]),
            ((64, 64, 64, 192), ["quarter/3", "quarter/3", "quarter/3", "half"]),
            ((48, 16, 16, 16, 288), ["eighth", "16th/3", "16th/3", "16th/3", "half."]),
            ((16, 16, 64, 288), ["16th/3", "16th/3", "quarter/3", "half."]),
            ((4, 4, 4, 84, 288), ["64th/3", "64th/3", "64th/3", "16th.~", "eighth'", "half."]),
            ((128, 32, 32, 192), ["quarter~", "eighth/3'", "eighth/3", "eighth/3", "half"]),
        ],
    )
    def test_triplets(self, lengths: tuple[int, ...], expected: list[str]) -> None:
        assert shown(FOUR, *lengths) == expected

    def test_brackets_hold_whole_triplets(self) -> None:
        chords = [Chord(t, t + 32, (60,)) for t in range(0, 192, 32)]
        assert [v.bracket for v in write_bar(chords, FOUR)] == ["start", "", "stop", "start", "", "stop", ""]

    def test_notes_are_tied_over_bar_lines(self) -> None:
        held = [Chord(288, 480, (60, 64))]
        second = Bar(384, 768, 4, 4)
        assert [word(v) for v in write_bar(held, FOUR)] == ["rest half.", "quarter~"]
        assert [word(v) for v in write_bar(held, second)] == ["quarter'", "rest half."]

    METRES = st.sampled_from(
        [(4, 4), (3, 4), (2, 2), (6, 8), (9, 8), (5, 8), (7, 16), (5, 4), (12, 8), (3, 32)]
    )

    @settings(max_examples=300, deadline=None)
    @given(METRES, st.lists(st.integers(1, 96), min_size=1, max_size=24), st.sampled_from([1, 2, 4, 8, 12]))
    def test_any_lengths_add_up(self, metre: tuple[int, int], lengths: list[int], step: int) -> None:
        size = 384 * metre[0] // metre[1]
        points = sorted({0, *(p * step for p in np.cumsum(lengths).tolist() if p * step < size), size})
        chords = [Chord(a, b, (60,)) for a, b in pairwise(points)]
        values = write_bar(chords, Bar(0, size, *metre))
        assert [v.onset for v in values] == [0, *np.cumsum([v.length for v in values])[:-1]]
        assert sum(v.length for v in values) == size
        assert [v.onset for v in values if v.tie in ("", "start")] == points[:-1]
        assert [v.onset + v.length for v in values if v.tie in ("", "stop")] == points[1:]
        assert all(v.shown for v in values)
        opened = 0
        for value in values:
            if value.triplet:
                opened += value.length
                assert (value.bracket in ("stop", "startStop")) == (opened == value.triplet)
                opened %= value.triplet


class TestVoices:
    def test_chords_go_together_and_overlaps_apart(self) -> None:
        track = Track("", 0, False)
        track.notes.extend(Note(*row, 80) for row in [(0, 96, 60), (0, 96, 64), (0, 192, 48), (96, 96, 62)])
        high, low = voices(track)
        assert high == [Chord(0, 96, (60, 64)), Chord(96, 192, (62,))]
        assert low == [Chord(0, 192, (48,))]


class TestGrid:
    def test_what_is_on_it_stays(self) -> None:
        written = score(line([60, 62, 64], step=160), line([48] * 5, step=20), metres=[(0, 6, 8)])
        grid, words = quantise(written)
        assert [notes(track) for track in grid.tracks] == [
            [(i * 32, 32, pitch) for i, pitch in enumerate([60, 62, 64])],
            [(i * 4, 4, 48) for i in range(5)],
        ]
        assert words == []

    def test_played_notes_go_to_the_nearest_value(self) -> None:
        played = Track("", 0, False)
        played.notes.extend(
            Note(*row, 80) for row in [(7, 220, 60), (243, 100, 62), (361, 95, 64), (484, 3, 65)]
        )
        grid, words = quantise(score(played))
        assert notes(grid.tracks[0]) == [(0, 48, 60), (48, 24, 62), (72, 24, 64), (96, 24, 65)]
        assert words == ["4 notes moved to the nearest note value"]

    def test_short_notes_leave_the_next_its_place(self) -> None:
        track = line([60, 62, 64, 65], step=40)
        for note in track.notes:
            note.duration = 37
        assert notes(quantise(score(track))[0].tracks[0]) == [
            (i * 8, 8, p) for i, p in enumerate([60, 62, 64, 65])
        ]

    def test_bars_know_their_metre(self) -> None:
        music = score(line([60] * 14), metres=[(0, 2, 2), (1920, 3, 8)])
        assert find_bars(quantise(music)[0]) == [Bar(0, 384, 2, 2), Bar(384, 528, 3, 8), Bar(528, 672, 3, 8)]
