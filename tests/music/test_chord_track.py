"""Chord symbols as voiced chords, and read back."""

import numpy as np
import pytest
from symusic import Note, Track

from musegen.music.chord_symbols import (
    NO_CHORD,
    QUALITIES,
    ChordSymbol,
    chord_symbols,
    parse_symbol,
    put_symbols,
)
from musegen.music.chord_track import (
    chord_track,
    chords_of_score,
    find_chord_track,
    symbols_of_track,
    voicing,
    with_chord_track,
    without_repeats,
)
from musegen.music.metre import bar_ticks
from tests.music.scores import TPQ, line, notes, score

BAR = 4 * TPQ
BARS = np.arange(9) * BAR


def chord(text: str) -> ChordSymbol:
    found = parse_symbol(text)
    assert found is not None
    return found


def blocks(*bars: list[int], length: int = BAR) -> Track:
    """A chord per bar."""
    track = Track("")
    for bar, pitches in enumerate(bars):
        track.notes.extend([Note(bar * BAR, length, pitch, 80) for pitch in pitches])
    return track


def test_every_chord_is_voiced_and_read_back() -> None:
    bass_and_all = [None, *range(12)]
    every = [
        ChordSymbol(root, quality, bass)
        for root in range(12)
        for quality in QUALITIES
        for bass in bass_and_all
        if bass != root
    ]
    symbols = [(number * TPQ, symbol) for number, symbol in enumerate(every)]
    bars = np.arange(len(every) // 4 + 1) * BAR
    assert symbols_of_track(chord_track(symbols, bars), bars) == symbols


def test_chords_are_struck_at_their_symbol_and_at_each_bar_line_and_last_to_the_next() -> None:
    track = chord_track([(0, chord("C")), (BAR + TPQ, chord("G7/B"))], BARS[:4])
    assert notes(track) == [
        *((0, BAR, pitch) for pitch in (36, 48, 52, 55)),
        *((BAR, TPQ, pitch) for pitch in (36, 48, 52, 55)),
        *((BAR + TPQ, 3 * TPQ, pitch) for pitch in (47, 55, 59, 62, 65)),
        *((2 * BAR, BAR, pitch) for pitch in (47, 55, 59, 62, 65)),
    ]


def test_rests_between_chords_are_kept_and_a_repeated_symbol_is_not() -> None:
    symbols = [(TPQ, chord("Am")), (BAR, chord("Am")), (BAR + TPQ, NO_CHORD), (2 * BAR, chord("F"))]
    back = symbols_of_track(chord_track(symbols, BARS), BARS)
    assert back == [symbols[0], *symbols[2:]] == without_repeats(symbols)


@pytest.mark.parametrize(
    ("pitches", "name"),
    [
        ([43, 47, 50], "G"),
        ([45, 48, 52], "Am"),
        ([38, 42, 45, 48], "D7"),
        ([40, 43, 48], "C/E"),
        ([36, 43, 52, 60], "C"),
        ([48, 52], "C"),
        ([47, 50, 53], "Bdim"),
        ([50, 55, 57], "Dsus4"),
    ],
)
def test_block_chords_of_others_are_the_nearest_chords(pitches: list[int], name: str) -> None:
    track = blocks([36, 40, 43], [36, 40, 43], pitches, pitches, [41, 45, 48], length=BAR - 60)
    found = symbols_of_track(track, BARS)
    assert (2 * BAR, chord(name)) in found or name == "C"
    assert (4 * BAR, chord("F")) in found
    assert NO_CHORD not in [symbol for _, symbol in found]  # played short, but held


def test_the_track_of_chords_is_found_beside_the_melody() -> None:
    tune, chords = line([60, 62, 64, 65] * 4, step=TPQ), blocks([43, 47, 50], [36, 40, 43])
    assert find_chord_track(score(tune, chords)) == 1
    assert find_chord_track(score(chords, tune), melody=0) is None
    assert chords_of_score(score(tune, chords), 0) == [(0, chord("G")), (BAR, chord("C"))]


def test_chords_stand_in_place_of_the_track_they_are_read_from_and_else_come_last() -> None:
    tune, chords = line([60, 62, 64, 65] * 4, step=TPQ), blocks([43, 47, 50], [36, 40, 43])
    replaced = with_chord_track(score(chords, tune, metres=[(0, 4, 4)]), 1)
    assert [track.name for track in replaced.tracks] == ["chords", ""]
    assert sorted({n.pitch for n in replaced.tracks[0].notes if n.time == 0}) == voicing(chord("G"))
    lead = score(tune, metres=[(0, 4, 4)])
    put_symbols(lead, [(0, chord("C")), (2 * BAR, chord("F"))])
    added = with_chord_track(lead, 0)
    assert [len(track.notes) for track in added.tracks] == [16, 4 * 4]
    assert with_chord_track(added, 0) == added  # once is enough
    assert chord_symbols(added) == chord_symbols(lead)
    put_symbols(lead, [(0, chord("C")), (TPQ, chord("C")), (2 * BAR, chord("F"))])  # nothing is struck for it
    assert notes(with_chord_track(lead, 0).tracks[1]) == notes(added.tracks[1])
    plain = score(tune)
    assert with_chord_track(plain, 0) is plain
    assert len(bar_ticks(added)) == 5
