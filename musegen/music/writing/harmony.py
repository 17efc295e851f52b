"""Chord symbols in MusicXML, as music21 writes them."""

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import Any

from symusic import Score

from musegen.music.chord_symbols import KINDS, NO_CHORD, ChordSymbol, chord_symbols
from musegen.music.chord_track import is_voiced_from
from musegen.music.metre import bar_ticks
from musegen.music.quantise import UNITS, Bar
from musegen.music.writing.notation import Signature, spell

_WITH_DEGREES: dict[str, tuple[str, tuple[tuple[str, int, int], ...]]] = {
    "6/9": ("6", (("add", 9, 0),)), "augmaj7": ("maj7", (("alter", 5, 1),)),
    "7sus4": ("sus4", (("add", 7, 0),)), "7sus2": ("sus2", (("add", 7, 0),)),
    "9sus4": ("sus4", (("add", 7, 0), ("add", 9, 0))), "7b5": ("7", (("alter", 5, -1),)),
    "add9": ("", (("add", 9, 0),)), "madd9": ("m", (("add", 9, 0),)), "mmaj9": ("mmaj7", (("add", 9, 0),)),
    "7b9": ("7", (("add", 9, -1),)), "7#9": ("7", (("add", 9, 1),)),
}  # fmt: skip
"""The other qualities: one with a kind, and the notes that are added to it or changed (semitones)."""


def without_sounded_symbols(score: Score) -> Score:
    """The Score without a track that sounds its chord symbols, if it has others: they are written instead."""
    symbols, bars = chord_symbols(score), bar_ticks(score)
    sounded = [bool(symbols) and not t.is_drum and is_voiced_from(t, symbols, bars) for t in score.tracks]
    if not any(sounded) or all(sounded):
        return score
    score = score.copy()
    score.tracks = [track for track, is_out in zip(score.tracks, sounded, strict=True) if not is_out]
    return score


def put_harmony(part: Any, grid: Score, bars: list[Bar], signatures: list[Signature]) -> None:
    """Put the chord symbols of a Score into the measures of a part, spelled as in its keys.

    Args:
        part: of music21.
        grid: in units.
        bars: of the part.
        signatures: of the piece.
    """
    measures = list(part.getElementsByClass("Measure"))
    for time, symbol in chord_symbols(grid):
        if time >= bars[-1].end:
            continue
        index = max(0, bisect_right(bars, time, key=attrgetter("begin")) - 1)
        key = signatures[max(0, bisect_left(signatures, bars[index].end, key=lambda k: k[0]) - 1)]
        measures[index].insert(max(0, time - bars[index].begin) / UNITS, _harmony(symbol, key[1]))


def _harmony(symbol: ChordSymbol, sharps: int) -> Any:
    from music21 import harmony

    if symbol == NO_CHORD:
        return harmony.NoChord()
    base, degrees = _WITH_DEGREES.get(symbol.quality, (symbol.quality, ()))
    names: dict[str, Any] = {"root": _name(symbol.root, sharps)}
    if symbol.bass is not None:
        names["bass"] = _name(symbol.bass, sharps)
    result: Any = harmony.ChordSymbol(kind=KINDS[base], **names)
    for kind, degree, alter in degrees:
        result.addChordStepModification(
            harmony.ChordStepModification(kind, degree, alter), updatePitches=False
        )
    return result


def _name(pitch_class: int, sharps: int) -> str:
    step, alter, _ = spell(60 + pitch_class, sharps)
    return step + ("#" * alter if alter > 0 else "-" * -alter)
