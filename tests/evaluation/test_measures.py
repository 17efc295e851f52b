import numpy as np
import pytest
from symusic import Score

from musegen.evaluation.measures import Standards, measure, standards
from tests.music.scores import TPQ, line, score

SOPRANO, ALTO, TENOR, BASS = [72, 74, 76, 77], [67, 69, 67, 69], [64, 65, 60, 60], [48, 50, 48, 53]
PARTS = ("Alto", "Tenor", "Bass")


def choir(**changed: list[int]) -> Score:
    """Four chords in quarters, a whole bar; the parts named have other notes."""
    voices = {"Soprano": SOPRANO, "Alto": ALTO, "Tenor": TENOR, "Bass": BASS} | changed
    tracks = [line(pitches, step=TPQ, name=name, program=52) for name, pitches in voices.items() if pitches]
    return score(*tracks, metres=[(0, 4, 4)])


def accompaniment(whole: Score) -> Score:
    rest = whole.copy()
    rest.tracks = whole.tracks[1:]
    return rest


KNOWN = standards([accompaniment(choir())], PARTS)


def test_the_human_accompaniment_is_like_itself() -> None:
    human = choir()
    values = measure(human, human, KNOWN)
    assert values["pitch_class_similarity"] == pytest.approx(1)
    assert values["groove_similarity"] == values["melody_preserved"] == values["copied_bars"] == 1
    assert values["log_density_ratio"] == values["range_errors"] == values["voice_crossing"] == 0
    assert values["chord_tone_rate"] == 1 / 2  # C over C, E, G; E over C and G
    assert values["parallel_fifths"] == 2  # alto 67-69-67 over bass 48-50-48
    assert values["parallel_octaves"] == 1  # soprano 72-74 over bass 48-50


def test_what_is_worse_is_seen() -> None:
    human = choir()
    worse = measure(choir(Alto=[79, 69, 67, 80], Soprano=[72, 74, 76, 79]), human, KNOWN)
    assert worse["voice_crossing"] == 2 / 4
    assert worse["range_errors"] == 2
    assert worse["melody_preserved"] == 0
    assert worse["copied_bars"] == 0
    thin = measure(choir(Alto=[67]), human, KNOWN)
    assert thin["log_density_ratio"] == pytest.approx(np.log(12 / 9))
    assert thin["groove_similarity"] == 1  # the other voices begin where the alto would


def test_ranges_are_those_of_the_training_pieces_part_by_part() -> None:
    assert KNOWN.ranges == {"alto": (67, 69), "tenor": (60, 65), "bass": (48, 53)}
    more = standards([accompaniment(choir()), accompaniment(choir(Bass=[40, 41, 42, 43]))], PARTS)
    assert more.ranges["bass"] == (40, 53)


def test_counterpoint_is_for_voices_alone() -> None:
    human = choir()
    names = set(measure(human, human, KNOWN))
    assert names - set(measure(human, human, standards([accompaniment(human)], ()))) == {
        "parallel_fifths", "parallel_octaves", "voice_crossing", "range_errors",
    }  # fmt: skip
    shouted = choir()
    shouted.tracks[3].name = " BASS"
    assert set(measure(shouted, human, KNOWN)) == names
    piano = choir()
    piano.tracks[1].name = "Chords"
    assert "voice_crossing" not in measure(piano, human, KNOWN)
    silent = measure(choir(Tenor=[]), human, KNOWN)  # a part that rests is a part all the same
    assert silent["voice_crossing"] == 0
    assert silent["parallel_fifths"] == 2


def test_what_the_training_pieces_do_not_say_is_not_measured() -> None:
    assert "copied_bars" not in measure(choir(), choir(), Standards(frozenset(), {}))
