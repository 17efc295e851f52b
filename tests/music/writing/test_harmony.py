"""Chord symbols in MusicXML: our reader finds them again, and music21 the same notes."""

from pathlib import Path
from typing import Any

import pytest
from symusic import KeySignature

from musegen.music.chord_symbols import NO_CHORD, QUALITIES, ChordSymbol, chord_symbols, put_symbols
from musegen.music.chord_track import with_chord_track
from musegen.music.reading.read import read_score
from musegen.music.writing.musicxml import musicxml_bytes, write_musicxml
from tests.music.scores import TPQ, line, score

EVERY = [ChordSymbol(number % 12, quality) for number, quality in enumerate(QUALITIES)]
EVERY += [ChordSymbol(9, "m7", 7), NO_CHORD, ChordSymbol(6, "")]


def lead(symbols: list[ChordSymbol]) -> Any:
    """A tune with a symbol on every second beat."""
    piece = score(line([72, 74] * len(symbols), step=TPQ), metres=[(0, 4, 4)])
    put_symbols(piece, [(number * 2 * TPQ, symbol) for number, symbol in enumerate(symbols)])
    return piece


def test_every_symbol_comes_back(tmp_path: Path) -> None:
    piece = lead(EVERY)
    assert write_musicxml(piece, tmp_path / "lead.musicxml") == []
    again, repairs = read_score(tmp_path / "lead.musicxml")
    assert chord_symbols(again) == chord_symbols(piece)
    assert repairs == [f"{len(EVERY)} chord symbols kept, not sounded"]


def test_music21_finds_the_same_notes_in_it(tmp_path: Path) -> None:
    from music21 import converter, harmony

    # It reads a seventh added to a suspended chord as a major one; by the standard it is that of a dominant.
    # Its thirteenth chords have the eleventh, which ours leave out.
    others = [q for q in QUALITIES if q not in ("7sus2", "7sus4", "9sus4") and not q.endswith("13")]
    piece = lead([ChordSymbol(2, quality) for quality in others])
    write_musicxml(piece, tmp_path / "lead.musicxml")
    part = converter.parse(tmp_path / "lead.musicxml")
    found = [
        frozenset(pitch.pitchClass for pitch in each.pitches)
        for each in part.recurse().getElementsByClass(harmony.ChordSymbol)
    ]
    assert found == [symbol.tones for _, symbol in chord_symbols(piece)]


def test_a_track_that_only_sounds_the_symbols_is_written_as_them(tmp_path: Path) -> None:
    piece = with_chord_track(lead([ChordSymbol(0, ""), ChordSymbol(7, "7"), ChordSymbol(9, "m", 4)]))
    assert len(piece.tracks) == 2
    write_musicxml(piece, tmp_path / "lead.musicxml")
    again, _ = read_score(tmp_path / "lead.musicxml")
    assert len(again.tracks) == 1
    assert chord_symbols(again) == chord_symbols(piece)
    piece.tracks[1].notes.pop()  # now it plays something else, and is kept
    write_musicxml(piece, tmp_path / "other.musicxml")
    assert len(read_score(tmp_path / "other.musicxml")[0].tracks) == 2


@pytest.mark.parametrize(("sharps", "root"), [(-3, b"<root-step>A"), (4, b"<root-step>G")])
def test_roots_are_spelled_in_the_key(sharps: int, root: bytes) -> None:
    piece = lead([ChordSymbol(8, "m")])
    piece.key_signatures = [KeySignature(0, sharps, 0)]
    assert root in musicxml_bytes(piece)[0]
