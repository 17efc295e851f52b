import pytest
from symusic import Score, TextMeta, Track

from musegen.music.chord_symbols import (
    NAMES,
    QUALITIES,
    ChordSymbol,
    chord_symbols,
    parse_symbol,
    symbol_marker,
    symbol_text,
)


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("Am7/G", ChordSymbol(9, "m7", 7)),
        ("(Am)", ChordSymbol(9, "m")),
        ("C△", ChordSymbol(0, "maj7")),
        ("Cdom7", ChordSymbol(0, "7")),
        ("B♭maj7", ChordSymbol(10, "maj7")),
        ("F#dim", ChordSymbol(6, "dim")),
        ("C6/9", ChordSymbol(0, "6/9")),
        ("D/D", ChordSymbol(2, "")),
        ("G7(b9)", ChordSymbol(7, "7b9")),
        ("Emin7b5/Bb", ChordSymbol(4, "m7b5", 10)),
        ("Fine", None),
        ("D.C. al Fine", None),
        ("Allegro", None),
        ("", None),
    ],
)
def test_symbols_are_read_from_their_text(text: str, symbol: ChordSymbol | None) -> None:
    assert parse_symbol(text) == symbol


def test_every_symbol_is_read_as_it_is_spelled() -> None:
    for root in range(12):
        for quality in QUALITIES:
            for bass in (None, (root + 7) % 12):
                symbol = ChordSymbol(root, quality, bass)
                assert parse_symbol(symbol_text(symbol)) == symbol
    assert [parse_symbol(name) for name in NAMES] == [ChordSymbol(pitch, "") for pitch in range(12)]


def test_symbols_go_with_the_score_into_a_midi_file() -> None:
    score = Score(480)
    score.tracks.append(Track())
    symbols = [(0, ChordSymbol(0, "")), (960, ChordSymbol(9, "m7", 7))]
    score.markers.extend([symbol_marker(time, symbol) for time, symbol in symbols])
    score.markers.append(TextMeta(480, "A"))  # a marker of somebody else
    again = Score.from_midi(score.dumps_midi())
    assert chord_symbols(again) == symbols
