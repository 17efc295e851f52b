"""Chord symbols, such as Am7/G: read from their text, and kept with a Score as markers.

A marker of a chord reads `chord:` and the symbol in the spelling of `symbol_text`; so it stands at its tick,
moves with the notes, and goes with them into a MIDI file.
"""

import re
from typing import NamedTuple

from symusic import Score, TextMeta

PREFIX = "chord:"
NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7), "m": (0, 3, 7), "dim": (0, 3, 6), "aug": (0, 4, 8), "5": (0, 7),
    "sus2": (0, 2, 7), "sus4": (0, 5, 7), "6": (0, 4, 7, 9), "m6": (0, 3, 7, 9), "6/9": (0, 4, 7, 9, 14),
    "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "m7": (0, 3, 7, 10), "mmaj7": (0, 3, 7, 11),
    "dim7": (0, 3, 6, 9), "m7b5": (0, 3, 6, 10), "aug7": (0, 4, 8, 10), "augmaj7": (0, 4, 8, 11),
    "7sus4": (0, 5, 7, 10), "7sus2": (0, 2, 7, 10), "7b5": (0, 4, 6, 10), "add9": (0, 4, 7, 14),
    "madd9": (0, 3, 7, 14), "9": (0, 4, 7, 10, 14), "maj9": (0, 4, 7, 11, 14), "m9": (0, 3, 7, 10, 14),
    "mmaj9": (0, 3, 7, 11, 14), "9sus4": (0, 5, 7, 10, 14), "7b9": (0, 4, 7, 10, 13),
    "7#9": (0, 4, 7, 10, 15),
    "11": (0, 4, 7, 10, 14, 17), "maj11": (0, 4, 7, 11, 14, 17), "m11": (0, 3, 7, 10, 14, 17),
    "13": (0, 4, 7, 10, 14, 21), "maj13": (0, 4, 7, 11, 14, 21), "m13": (0, 3, 7, 10, 14, 21),
}  # fmt: skip
"""Quality by its canonical spelling: the intervals of its notes above the root, in semitones."""
_SPELLINGS = {
    "maj": "", "M": "", "major": "", "mi": "m", "min": "m", "minor": "m", "-": "m", "o": "dim", "°": "dim",
    "+": "aug", "sus": "sus4", "M7": "maj7", "ma7": "maj7", "Δ": "maj7", "Δ7": "maj7", "major7": "maj7",
    "△": "maj7", "△7": "maj7", "dom7": "7",
    "j7": "maj7", "mi7": "m7", "min7": "m7", "-7": "m7", "minor7": "m7", "o7": "dim7", "°7": "dim7",
    "ø": "m7b5", "ø7": "m7b5", "min7b5": "m7b5", "-7b5": "m7b5", "mi7b5": "m7b5", "+7": "aug7", "7+": "aug7",
    "7#5": "aug7", "7sus": "7sus4", "M9": "maj9", "min9": "m9", "-9": "m9", "69": "6/9", "min6": "m6",
    "-6": "m6", "m+7": "mmaj7", "mM7": "mmaj7", "minmaj7": "mmaj7", "mmaj": "mmaj7", "4": "sus4", "2": "sus2",
    "m7-5": "m7b5", "7-9": "7b9", "7+9": "7#9", "7-5": "7b5", "9sus": "9sus4", "M13": "maj13", "M11": "maj11",
}  # fmt: skip
_SYMBOL = re.compile(r"([A-G])([#b♯♭]?)([^/\\]*?(?:6/9)?)(?:[/\\]([A-Ga-g])([#b♯♭]?))?$")


class ChordSymbol(NamedTuple):
    """A chord symbol."""

    root: int
    """Pitch class, 0 to 11."""
    quality: str
    """One of QUALITIES."""
    bass: int | None = None
    """Pitch class of the bass where it is not the root."""


def parse_symbol(text: str) -> ChordSymbol | None:
    """The chord symbol that `text` spells, such as `F#m7/E`; None if it spells none that is known."""
    found = _SYMBOL.match(re.sub(r"^\((.*)\)$", r"\1", text.strip()))
    if not found:
        return None
    step, accidental, spelling, bass, bass_accidental = found.groups()
    spelling = spelling.strip().replace("♯", "#").replace("♭", "b").replace("(", "").replace(")", "")
    quality = spelling if spelling in QUALITIES else _SPELLINGS.get(spelling)
    if quality is None:
        return None
    root = _pitch_class(step, accidental)
    lowest = _pitch_class(bass.upper(), bass_accidental) if bass else root
    return ChordSymbol(root, quality, None if lowest == root else lowest)


def moved(symbol: ChordSymbol, semitones: int) -> ChordSymbol:
    """A chord symbol transposed by so many semitones."""
    bass = None if symbol.bass is None else (symbol.bass + semitones) % 12
    return symbol._replace(root=(symbol.root + semitones) % 12, bass=bass)


def symbol_text(symbol: ChordSymbol) -> str:
    """The canonical spelling of a chord symbol."""
    bass = "" if symbol.bass is None else f"/{NAMES[symbol.bass]}"
    return f"{NAMES[symbol.root]}{symbol.quality}{bass}"


def symbol_marker(time: int, symbol: ChordSymbol) -> TextMeta:
    """The marker that keeps a chord symbol at tick `time` of a Score."""
    return TextMeta(time, PREFIX + symbol_text(symbol))


def chord_symbols(score: Score) -> list[tuple[int, ChordSymbol]]:
    """The chord symbols kept with a Score and their ticks, in order; each holds until the next."""
    read = [(m.time, parse_symbol(m.text[len(PREFIX) :])) for m in score.markers if m.text.startswith(PREFIX)]
    return sorted((time, symbol) for time, symbol in read if symbol)


def _pitch_class(step: str, accidental: str) -> int:
    return (STEPS[step] + {"#": 1, "♯": 1, "b": -1, "♭": -1}.get(accidental, 0)) % 12
