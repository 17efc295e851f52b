import pytest

from musegen.music.beats import strong_beats
from musegen.music.metre import bar_ticks
from tests.music.scores import TPQ, line, score


@pytest.mark.parametrize(
    ("metre", "strong"),
    [
        ((4, 4), [0, 8]),
        ((3, 4), [0]),
        ((2, 2), [0]),
        ((6, 8), [0]),
        ((12, 8), [0, 12]),
        ((9, 8), [0]),
        ((5, 4), [0]),
        ((3, 8), [0]),
    ],
)
def test_strong_beats_of_a_bar(metre: tuple[int, int], strong: list[int]) -> None:
    piece = score(line([60], step=4 * TPQ * metre[0] // metre[1]), metres=[(0, *metre)])
    assert strong_beats(piece, bar_ticks(piece)).tolist() == [s * TPQ // 4 for s in strong]


def test_they_follow_the_metre() -> None:
    piece = score(line([60] * 16, step=TPQ), metres=[(0, 4, 4), (4 * TPQ, 3, 4), (10 * TPQ, 6, 8)])
    beats = strong_beats(piece, bar_ticks(piece)) // TPQ
    assert beats.tolist() == [0, 2, 4, 7, 10, 13]
