from fractions import Fraction

import pytest

from musegen.music.reading.abc.fields import (
    MAX_PARTS,
    default_unit,
    is_known_key,
    read_key,
    read_metre,
    read_parts,
    read_tempo,
    read_unit,
    read_voice,
)


@pytest.mark.parametrize(
    ("value", "sharps", "alters"),
    [
        ("C", 0, {}),
        ("Bb", -2, {"B": -1, "E": -1}),
        ("F#m", 3, {"F": 1, "C": 1, "G": 1}),
        ("A minor", 0, {}),
        ("G Mixolydian", 0, {}),
        ("Bloc", 0, {}),
        ("E phr", 0, {}),
        ("Edor clef=bass", 2, {"F": 1, "C": 1}),
        ("D Phr ^f", -2, {"B": -1, "E": -1, "F": 1}),
        ("Am ^G", 0, {"G": 1}),
        ("D exp _b _e ^f", -1, {"B": -1, "E": -1, "F": 1}),
        ("HP", 2, {"F": 1, "C": 1}),
        ("none", 0, {}),
    ],
)
def test_keys(value: str, sharps: int, alters: dict[str, int]) -> None:
    key = read_key(value)
    assert key is not None
    assert (key.sharps, key.alters) == (sharps, alters)
    assert is_known_key(value)


def test_a_clef_is_no_key_and_an_unknown_mode_is_said() -> None:
    assert read_key("clef=bass") is None
    assert read_key("bass") is None
    assert not is_known_key("C blues")


@pytest.mark.parametrize(
    ("value", "metre"),
    [
        ("6/8", (6, 8)),
        ("C", (4, 4)),
        ("C|", (2, 2)),
        ("2+3/8", (5, 8)),
        ("(2+1+2+1+3)/8", (9, 8)),
        ("2/4+3/8", (7, 8)),
        ("none", None),
        ("", None),
        ("3/0", None),
    ],
)
def test_metres(value: str, metre: tuple[int, int] | None) -> None:
    assert read_metre(value) == metre


@pytest.mark.parametrize(
    ("value", "tempo"),
    [
        ("1/4=120", 120),
        ('"Allegro" 3/8 = 120', 180),
        ("1/4 3/8=40", 100),
        ("120", 60),
        ("C=120", 60),
        ("C3=40", 60),
        ("1/4=ca. 80", 80),
        ('"Largo"', None),
        ("1/4=1/8", None),
        ("1/4=0", None),
    ],
)
def test_tempos_in_units_of_an_eighth(value: str, tempo: float | None) -> None:
    assert read_tempo(value, Fraction(1, 2)) == tempo


def test_units() -> None:
    assert [read_unit(value) for value in ("1/8", "1", "1/0", "x")] == [Fraction(1, 2), 4, None, None]
    assert [default_unit(metre) for metre in (None, (2, 4), (3, 4))] == [
        Fraction(1, 2),
        Fraction(1, 4),
        Fraction(1, 2),
    ]


def test_voices() -> None:
    assert read_voice('name="Low one" clef=treble-8 octave=-1 transpose=+3')[:4] == ("Low one", -1, 3, -1)
    assert read_voice("perc").percussion
    assert read_voice("Am ^G") == read_voice("")


def test_orders_of_parts() -> None:
    assert "".join(read_parts("A2B")) == "AAB"
    assert "".join(read_parts("(A.B)2 C")) == "ABABC"
    assert read_parts("((A99)99)99") == []
    assert len(read_parts(f"A{MAX_PARTS - 1}")) == MAX_PARTS - 1
