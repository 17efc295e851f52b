"""Chord symbols, such as Am7/G: read from their text, and kept with a Score as markers.

A marker of a chord reads `chord:` and the symbol in the spelling of `symbol_text`; so it stands at its tick,
moves with the notes, and goes with them into a MIDI file.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
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
KINDS = {
    "": "major", "m": "minor", "aug": "augmented", "dim": "diminished", "7": "dominant",
    "maj7": "major-seventh", "m7": "minor-seventh", "dim7": "diminished-seventh", "aug7": "augmented-seventh",
    "m7b5": "half-diminished", "mmaj7": "major-minor", "6": "major-sixth", "m6": "minor-sixth",
    "9": "dominant-ninth", "maj9": "major-ninth", "m9": "minor-ninth", "11": "dominant-11th",
    "maj11": "major-11th", "m11": "minor-11th", "13": "dominant-13th", "maj13": "major-13th",
    "m13": "minor-13th", "sus2": "suspended-second", "sus4": "suspended-fourth", "5": "power",
}  # fmt: skip
"""Kinds of MusicXML by quality."""
_SPELLINGS = {
    "maj": "", "M": "", "major": "", "mi": "m", "min": "m", "minor": "m", "-": "m", "o": "dim", "°": "dim",
    "+": "aug", "sus": "sus4", "M7": "maj7", "ma7": "maj7", "Δ": "maj7", "Δ7": "maj7", "major7": "maj7",
    "△": "maj7", "△7": "maj7", "dom7": "7",
    "j7": "maj7", "mi7": "m7", "min7": "m7", "-7": "m7", "minor7": "m7", "o7": "dim7", "°7": "dim7",
    "ø": "m7b5", "ø7": "m7b5", "min7b5": "m7b5", "-7b5": "m7b5", "mi7b5": "m7b5", "+7": "aug7", "7+": "aug7",
    "7#5": "aug7", "7sus": "7sus4", "M9": "maj9", "min9": "m9", "-9": "m9", "69": "6/9", "min6": "m6",
    "-6": "m6", "m+7": "mmaj7", "mM7": "mmaj7", "minmaj7": "mmaj7", "mmaj": "mmaj7", "4": "sus4", "2": "sus2",
    "m7-5": "m7b5", "7-9": "7b9", "7+9": "7#9", "7-5": "7b5", "9sus": "9sus4", "M13": "maj13", "M11": "maj11",
    "maj7#5": "augmaj7", "mmaj79": "mmaj9", "79sus4": "9sus4",
}  # fmt: skip
NO_CHORD_NAMES = ("N", "N.C.", "NC", "N.C")
_SYMBOL = re.compile(r"([A-G])([#b♯♭]?)([^/\\]*?(?:6/9)?)(?:[/\\]([A-Ga-g])([#b♯♭]?))?$")


class ChordSymbol(NamedTuple):
    """A chord symbol."""

    root: int
    """Pitch class, 0 to 11."""
    quality: str
    """One of QUALITIES, or that of `NO_CHORD`."""
    bass: int | None = None
    """Pitch class of the bass where it is not the root."""

    @property
    def intervals(self) -> tuple[int, ...]:
        """Its notes above the root, in semitones."""
        return QUALITIES.get(self.quality, ())

    @property
    def tones(self) -> frozenset[int]:
        """The pitch classes of its notes, the bass included; empty for `NO_CHORD`."""
        bass = [] if self.bass is None else [self.bass]
        return frozenset([*((self.root + step) % 12 for step in self.intervals), *bass])

    @property
    def triad(self) -> "ChordSymbol":
        """The triad (or power chord) that it extends: of Am7/G, Am; of D7sus4, Dsus4."""
        own = {step % 12 for step in self.intervals}
        altered = "" if own else self.quality  # of a major third and a flat fifth
        return ChordSymbol(self.root, next((q for q in _TRIADS if own.issuperset(QUALITIES[q])), altered))


NO_CHORD = ChordSymbol(0, "none")
"""Nothing sounds: N, or N.C. in a score."""
_TRIADS = ("", "m", "dim", "aug", "sus4", "sus2", "5")


def parse_symbol(text: str) -> ChordSymbol | None:
    """The chord symbol that `text` spells, such as `F#m7/E`; None if it spells none that is known."""
    if text.strip() in NO_CHORD_NAMES:
        return NO_CHORD
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
    if symbol == NO_CHORD:
        return symbol
    bass = None if symbol.bass is None else (symbol.bass + semitones) % 12
    return symbol._replace(root=(symbol.root + semitones) % 12, bass=bass)


def symbol_text(symbol: ChordSymbol) -> str:
    """The canonical spelling of a chord symbol."""
    if symbol == NO_CHORD:
        return NO_CHORD_NAMES[0]
    bass = "" if symbol.bass is None else f"/{NAMES[symbol.bass]}"
    return f"{NAMES[symbol.root]}{symbol.quality}{bass}"


def nearest_name(text: str) -> str | None:
    """The spelling of a chord that is most similar to a text that spells none; None if none is similar."""
    text = text.strip()
    if parse_symbol(text[:1].upper() + text[1:]):
        return text[:1].upper() + text[1:]
    found = re.match(r"([A-G])([#b♯♭]?)", text[:1].upper() + text[1:])
    names = [f"{found[0]}{quality}" for quality in (*QUALITIES, *_SPELLINGS)] if found else list(NAMES)
    near = get_close_matches(text[:1].upper() + text[1:], names, n=1, cutoff=0.5)
    return near[0] if near else None


def symbol_marker(time: int, symbol: ChordSymbol) -> TextMeta:
    """The marker that keeps a chord symbol at tick `time` of a Score."""
    return TextMeta(time, PREFIX + symbol_text(symbol))


def chord_symbols(score: Score) -> list[tuple[int, ChordSymbol]]:
    """The chord symbols kept with a Score and their ticks, in order; each holds until the next."""
    read = [(m.time, parse_symbol(m.text[len(PREFIX) :])) for m in score.markers if m.text.startswith(PREFIX)]
    return sorted([(time, symbol) for time, symbol in read if symbol], key=lambda each: each[0])


def put_symbols(score: Score, symbols: Iterable[tuple[int, ChordSymbol]]) -> None:
    """Replace the chord symbols kept with a Score; other markers stay."""
    others = [marker for marker in score.markers if not marker.text.startswith(PREFIX)]
    marks = [*others, *(symbol_marker(time, symbol) for time, symbol in symbols)]
    score.markers = sorted(marks, key=lambda marker: marker.time)


def _pitch_class(step: str, accidental: str) -> int:
    return (STEPS[step] + {"#": 1, "♯": 1, "b": -1, "♭": -1}.get(accidental, 0)) % 12
