"""Odd bars filled up with rests, and the rests taken out again."""

import pytest
from symusic import Note, Score, TimeSignature, Track

from musegen.data.dataset import Dataset
from musegen.music.metre import bar_ticks, metre_changes
from musegen.music.odd_bars import fill_odd_bars, filled_like, lasting_metres, without_rests
from tests.music.scores import line, notes, score

KNOWN = [(2, 4), (3, 4), (4, 4), (6, 8)]


def signs(music: Score) -> list[tuple[int, int, int]]:
    return [tuple(change) for change in metre_changes(music)]


def test_a_short_bar_is_followed_by_a_rest() -> None:
    music = score(line([60] * 9, step=240), metres=[(0, 2, 4), (960, 3, 8), (1680, 2, 4)])
    filled, rests = fill_odd_bars(music, KNOWN)
    assert rests == [(1680, 240)]
    assert signs(filled) == [(0, 2, 4)]
    assert notes(filled.tracks[0]) == [(240 * i, 240, 60) for i in (0, 1, 2, 3, 4, 5, 6, 8, 9)]


def test_a_pickup_stands_at_the_end_of_its_bar() -> None:
    music = score(line([60] * 9, step=240), metres=[(0, 2, 4), (960, 1, 8), (1200, 2, 4)])
    filled, rests = fill_odd_bars(music, KNOWN)
    assert rests == [(960, 720)]
    assert signs(filled) == [(0, 2, 4)]
    onsets = [onset for onset, *_ in notes(filled.tracks[0])]
    assert onsets == [0, 240, 480, 720, 1680, 1920, 2160, 2400, 2640]


def test_a_long_bar_gets_the_shortest_metre_that_holds_it() -> None:
    music = score(line([60] * 25, step=120), metres=[(0, 2, 4), (960, 9, 16), (2040, 2, 4)])
    filled, rests = fill_odd_bars(music, KNOWN)
    assert rests == [(2040, 360)]
    assert signs(filled) == [(0, 2, 4), (960, 3, 4), (2400, 2, 4)]


@pytest.mark.parametrize("metres", [[(0, 7, 8)], [(0, 2, 4), (960, 7, 8)], [(0, 2, 4), (960, 65, 64)]])
def test_a_metre_that_lasts_or_that_nothing_holds_stays(metres: list[tuple[int, int, int]]) -> None:
    music = score(line([60] * 20, step=240), metres=metres)
    assert fill_odd_bars(music, KNOWN) == (music, [])


def test_what_is_known_stays() -> None:
    music = score(line([60] * 11, step=240), metres=[(0, 2, 4), (1920, 7, 16), (2760, 2, 4)])
    assert fill_odd_bars(music, [*KNOWN, (7, 16)]).rests == []


def test_lasting_metres() -> None:
    changes = [(0, 2, 4), (1920, 1, 8), (2160, 3, 4), (5040, 2, 4)]
    assert lasting_metres(score(line([60] * 30, step=240), metres=changes)) == [(2, 4), (3, 4)]
    assert lasting_metres(score(line([60] * 3, step=240), metres=[(0, 3, 8)])) == [(3, 8)]


def test_a_held_note_is_held_through_a_rest_and_cut_back() -> None:
    music = Score(480)
    music.time_signatures.extend(
        [TimeSignature(0, 2, 4), TimeSignature(960, 1, 8), TimeSignature(1200, 2, 4)]
    )
    music.tracks.append(Track())
    music.tracks[0].notes.extend([Note(720, 300, 60, 80), Note(1020, 180, 62, 80), Note(1200, 960, 64, 80)])
    filled, rests = fill_odd_bars(music, KNOWN)
    assert notes(filled.tracks[0]) == [(720, 1020, 60), (1740, 180, 62), (1920, 960, 64)]
    assert notes(without_rests(filled, rests).tracks[0]) == notes(music.tracks[0])


def test_in_real_tunes_everything_comes_back(tunes: Dataset) -> None:
    filled_up = 0
    for piece in tunes.pieces:
        music = tunes.score(piece)
        filled, rests = fill_odd_bars(music, [(2, 4), (6, 8), (2, 2), (4, 4)])
        assert len(bar_ticks(filled)) == len(bar_ticks(music))
        back = without_rests(filled, rests)
        assert notes(back.tracks[0]) == notes(music.tracks[0])
        assert [t.time for t in back.tempos] == [t.time for t in music.tempos]
        again = filled_like(music, filled, rests)
        assert notes(again.tracks[0]) == notes(filled.tracks[0])
        assert signs(again) == signs(filled)
        filled_up += bool(rests)
    assert filled_up >= 3
