import math

import numpy as np
import pytest
from symusic import Note, Score, Track

from musegen.metrics.harmony import chord_agreement, chord_tone_rate, pitch_class_similarity, profiles
from musegen.music.chord_symbols import NO_CHORD, ChordSymbol
from musegen.music.metre import bar_ticks
from tests.music.scores import TPQ, line, score

BAR = 4 * TPQ


def chords(*bars: list[int], length: int = BAR) -> Score:
    """A chord a bar."""
    track = Track("Chords")
    for bar, pitches in enumerate(bars):
        for pitch in pitches:
            track.notes.append(Note(bar * length, length, pitch, 64))
    return score(track, metres=[(0, 4, 4)] if length == BAR else [(0, 6, 8)])


def test_a_melody_of_chord_tones_on_the_strong_beats() -> None:
    # C D E F | G A B C over C and G: the 1st and 3rd of each bar are C, E, G, B
    melody = line([60, 62, 64, 65, 67, 69, 71, 72], step=TPQ)
    assert chord_tone_rate(melody, chords([48, 52, 55], [43, 47, 50])) == 1.0
    assert chord_tone_rate(melody, chords([50, 53, 57], [43, 47, 50])) == 0.5


def test_compound_metres_count_dotted_beats() -> None:
    melody = line([60, 61, 61, 61, 61, 61], step=TPQ // 2)  # one bar of 6/8: its second dotted beat is weak
    assert chord_tone_rate(melody, chords([48, 52, 55], length=3 * TPQ)) == 1.0


def test_no_note_is_a_tone_of_silence() -> None:
    melody = line([60] * 8, step=TPQ)
    assert chord_tone_rate(melody, chords([48, 52, 55])) == 0.5
    assert chord_tone_rate(melody, chords()) == 0.0
    assert math.isnan(chord_tone_rate(line([]), chords([48])))


def test_drums_are_no_harmony() -> None:
    drums = score(line([60] * 4, step=TPQ, drums=True))
    assert chord_tone_rate(line([60] * 4, step=TPQ), drums) == 0.0


def test_profiles_split_notes_at_bar_lines() -> None:
    held = score(Track())
    held.tracks[0].notes.append(Note(BAR // 2, BAR, 61, 64))
    found = profiles(held, np.array([0, BAR, 2 * BAR]))
    assert found[:, 1].tolist() == [BAR // 2, BAR // 2]
    assert found.sum() == BAR


def test_similarity_knows_no_octaves_and_counts_lonely_bars_as_0() -> None:
    human = chords([48, 52, 55], [43, 47, 50], [], [48, 52, 55])
    bars = bar_ticks(human)
    assert pitch_class_similarity(human, human, bars) == pytest.approx(1.0)
    assert pitch_class_similarity(chords([60, 64, 67], [55, 59, 62], [], [60, 64, 67]), human, bars) == (
        pytest.approx(1.0)
    )
    half = pitch_class_similarity(chords([48, 52, 55], [43, 47, 50]), human, bars)
    assert half == pytest.approx(2 / 3)  # the third bar is silent in both, the last in one
    # C major and A minor share two of three tones
    related = pitch_class_similarity(chords([45, 48, 52]), chords([48, 52, 55]), bars[:2])
    assert related == pytest.approx(2 / 3)


def test_other_ticks_are_refused() -> None:
    human = chords([48, 52, 55])
    with pytest.raises(ValueError, match="480 ticks"):
        pitch_class_similarity(human.resample(96), human, bar_ticks(human))


def test_chords_agree_by_beat_in_root_and_triad() -> None:
    c, am, a7, a_minor_7_on_g = (ChordSymbol(*each) for each in ((0, ""), (9, "m"), (9, "7"), (9, "m7", 7)))
    beats = np.arange(8) * TPQ
    human = [(0, c), (BAR, am)]
    assert chord_agreement(human, human, beats) == (1, 1)
    assert chord_agreement([(0, c), (BAR, a7)], human, beats) == (1, 0.5)
    assert chord_agreement([(TPQ, c), (BAR, a_minor_7_on_g)], human, beats) == (7 / 8, 7 / 8)
    assert chord_agreement([(0, am)], [(0, c), (TPQ, NO_CHORD), (BAR, am)], beats) == (4 / 5, 4 / 5)
    assert np.isnan(chord_agreement(human, [], beats)).all()
