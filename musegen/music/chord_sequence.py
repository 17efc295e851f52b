"""Chords as people type them, bar by bar: "C Am F G", "C Am,F G" or "C | Am F | G"."""

from itertools import pairwise

from symusic import Score

from musegen.errors import ConfigError
from musegen.music.chord_symbols import ChordSymbol, nearest_name, parse_symbol
from musegen.music.chord_track import Symbols, without_repeats
from musegen.music.metre import bar_ticks, beats_per_bar, metres_at

ChordBars = list[list[ChordSymbol]]
"""The chords of each bar."""


def parse_chords(text: str) -> ChordBars:
    """The chords of a text.

    Args:
        text: one chord per bar, divided by spaces, several in a bar joined by commas; or bars divided by |,
            in which spaces and commas divide chords. N is no chord.

    Raises:
        ConfigError: a chord is unknown, a bar is empty, or there is none.
    """
    written = text.strip().strip("|")
    bars = written.split("|") if "|" in text else written.split()
    names = [bar.replace(",", " ").split() for bar in bars]
    if not any(names):
        raise ConfigError('⟨chords⟩ is empty: write one chord per bar, such as "C Am F G"')
    if not all(names):
        raise ConfigError(f"⟨chords⟩ {text!r} has nothing in bar {names.index([]) + 1}: write N for no chord")
    return [[_chord(name) for name in bar] for bar in names]


def _chord(name: str) -> ChordSymbol:
    symbol = parse_symbol(name)
    if symbol is None:
        near = nearest_name(name)
        hint = f"did you mean {near}?" if near else "write C, F#, Bbm, G7, Dm7, C/E or the like, N for none"
        raise ConfigError(f"⟨chords⟩ has {name!r}, which is not a chord: {hint}")
    return symbol


def placed(chords: ChordBars, score: Score) -> Symbols:
    """The symbols of chords that are repeated over all bars of a tidy Score.

    The chords of a bar begin on beats and last equally long, or the first ones a beat longer.

    Raises:
        ConfigError: a bar has more chords than beats.
    """
    lines = bar_ticks(score)
    found: Symbols = []
    metres = metres_at(score, lines[:-1])
    for number, ((begin, end), (units, unit)) in enumerate(
        zip(pairwise(lines.tolist()), metres, strict=True)
    ):
        own = chords[number % len(chords)]
        beats = beats_per_bar(units)
        if len(own) > beats:
            raise ConfigError(
                f"⟨chords⟩ has {len(own)} chords in bar {number % len(chords) + 1}: bar {number + 1} of the "
                f"piece is in {units}/{unit}, with room for {beats}, one per beat"
            )
        starts = [-(-index * beats // len(own)) for index in range(len(own))]
        found += [(begin + (end - begin) * at // beats, each) for at, each in zip(starts, own, strict=True)]
    return without_repeats(found)
