"""Chords as people type them."""

import pytest

from musegen.errors import ConfigError
from musegen.music.chord_sequence import parse_chords, placed
from musegen.music.chord_symbols import NO_CHORD, symbol_text
from tests.music.scores import TPQ, line, score

BAR = 4 * TPQ


def names(text: str) -> list[list[str]]:
    return [[symbol_text(chord) for chord in bar] for bar in parse_chords(text)]


def test_bars_are_divided_by_spaces_or_by_lines() -> None:
    assert names("C Am F G") == [["C"], ["Am"], ["F"], ["G"]]
    assert names("C Am,G7 N") == [["C"], ["Am", "G7"], ["N"]]
    assert (
        names("C | Am F | Gmaj7/B") == names("| C | Am, F | Gmaj7/B |") == [["C"], ["Am", "F"], ["Gmaj7/B"]]
    )
    assert names("C Am F |") == [["C", "Am", "F"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "chords is empty"),
        ("|", "chords is empty"),
        ("C || G", "has nothing in bar 2: write N for no chord"),
        ("C am", "has 'am', which is not a chord: did you mean Am?"),
        ("Cmajj7", "did you mean Cmaj7?"),
        ("H7", "not a chord: write C, F#"),
    ],
)
def test_what_is_no_chord_is_refused_with_the_nearest(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_chords(text)
    assert message in str(caught.value)


def test_chords_are_placed_on_beats_and_repeated_to_the_end() -> None:
    piece = score(line([60] * 16, step=TPQ), metres=[(0, 4, 4)])
    found = [(time // TPQ, symbol_text(symbol)) for time, symbol in placed(parse_chords("C | Am F G"), piece)]
    assert found == [(0, "C"), (4, "Am"), (6, "F"), (7, "G"), (8, "C"), (12, "Am"), (14, "F"), (15, "G")]
    waltz = score(line([60] * 6, step=TPQ), metres=[(0, 3, 4)])
    assert [time // TPQ for time, _ in placed(parse_chords("C,G"), waltz)] == [0, 2, 3, 5]
    jig = score(line([60] * 6, step=TPQ // 2), metres=[(0, 6, 8)])
    assert [2 * time // TPQ for time, _ in placed(parse_chords("C,G"), jig)] == [0, 3]
    assert placed([[NO_CHORD]], jig) == []


def test_more_chords_than_beats_are_refused() -> None:
    jig = score(line([60] * 12, step=TPQ // 2), metres=[(0, 6, 8)])
    with pytest.raises(ConfigError, match="3 chords in bar 2: bar 2 of the piece is in 6/8, with room for 2"):
        placed(parse_chords("C | Am F G"), jig)
