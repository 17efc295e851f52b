import numpy as np
import pytest
from symusic import ControlChange, Note, Score, Track

from musegen.errors import DataError
from musegen.music.melody import best_line, how_found, melody_track, skyline
from musegen.music.tune_features import same_lines, says_tune, tune_odds
from tests.music.scores import line, score

HIGH = [72, 72, 74, 76, 76, 74, 72, 71]


def chords(name: str = "") -> Track:
    track = Track(name, 0, False)
    for i in range(8):
        for pitch in (48, 64, 79):
            track.notes.append(Note(i * 240, 240, pitch + i % 3, 80))
    return track


def band(names: tuple[str, str, str] = ("", "", "")) -> Score:
    return score(
        chords(names[0]),
        line(HIGH, name=names[1]),
        line([36] * 8, drums=True),
        line([40, 47] * 4, name=names[2]),
    )


def found(score: Score, requested: str | None = None) -> tuple[int, str]:
    return melody_track(score, requested)[:2]


def test_it_is_found_by_name_number_program_role_and_measure() -> None:
    assert found(score(line(HIGH))) == (0, "only track")
    assert found(band()) == (1, "inferred")
    assert found(band(("", "Vocals", ""))) == (1, "name")
    assert found(band(("", "", "Flute")), "flute") == (3, "name")
    assert found(band(), "4") == (3, "number")
    assert found(band(), "top") == (1, "role")
    mixed = band()
    mixed.tracks[3].program = 73
    assert found(mixed, "program:73") == (3, "program")
    assert found(mixed, "piano") == (1, "role")  # of two, the one like a tune
    with pytest.raises(DataError, match="numbered from 0 to 127"):
        melody_track(mixed, "program:128")


@pytest.mark.parametrize("name", ["LeadVocal_2", "Mélodie", "Gesang", "CANTO", "主旋律", "solo"])
def test_a_name_in_other_languages_and_spellings_is_evidence(name: str) -> None:
    assert says_tune(name) == 1
    assert found(score(line(HIGH, name=name), line(HIGH[::-1]))) == (0, "name")


@pytest.mark.parametrize(
    "name", ["Backing vocals", "Bass solo", "Lead 2 (sawtooth)", "Vocal harmony", "Piano"]
)
def test_names_that_are_none_of_a_tune(name: str) -> None:
    assert says_tune(name) == 0


@pytest.mark.parametrize(("name", "program"), [("", 33), ("bass2", 0), ("Electric Bass (finger)", 33)])
def test_a_bass_is_no_tune_beside_another_track(name: str, program: int) -> None:
    bass = line([40] * 8, name=name, program=program)
    assert melody_track(score(chords(), bass)).track == 0
    assert found(score(chords(), bass), "2") == (1, "number")
    assert found(score(bass, line([36], drums=True))) == (0, "only track")


@pytest.mark.parametrize("count", [1, 2, 4])
def test_an_effect_of_a_few_notes_does_not_win(count: int) -> None:
    """The fault that was: of 141 band files 59 had a melody of few notes."""
    effect = line([84] * count, program=81, step=480)
    guitar, bass = line(HIGH * 8, program=29), line([40, 43] * 32, program=33)
    assert found(score(effect, guitar, bass)) == (1, "inferred")


def test_few_notes_are_never_taken_without_a_word() -> None:
    named = line(HIGH[1:], name="Vocals", step=1920)
    music = score(named, line([48, 52, 55] * 20, program=24), line([36] * 60, program=33))
    taken = melody_track(music)
    assert (taken.track, taken.how) == (0, "sparse")
    words = how_found(music, taken)
    assert "track 1 'Vocals'" in words
    assert "7 notes" in words
    assert "⟨melody⟩" in words
    assert how_found(music, melody_track(music, "1")) == ""


def test_a_track_called_the_melody_is_it() -> None:
    slow = [48, 50, 52, 53] * 3
    busy = [pitch for pitch in HIGH for _ in range(4)]
    music = score(line(slow, name="Melody", step=1920), line(busy, step=480))
    assert found(music) == (0, "name")
    music.tracks[0].name = ""
    assert melody_track(music).track == 1  # by its notes alone


def test_two_tracks_about_as_likely_are_both_named() -> None:
    music = score(line(HIGH * 4), line(HIGH[::-1] * 4))
    taken = melody_track(music)
    assert taken.how == "uncertain"
    assert {taken.track, taken.rival} == {0, 1}
    assert "may be track" in how_found(music, taken)
    doubled = score(line(HIGH * 4), line([pitch - 12 for pitch in HIGH * 4]))
    assert melody_track(doubled).how == "inferred"  # one line on two tracks


def test_an_echo_or_a_double_is_no_rival() -> None:
    tune, other = HIGH[:7] * 4, [67, 69, 71, 72, 74, 72, 71] * 4
    echo = line([pitch + 12 for pitch in tune], start=960)
    music = score(line(tune), echo, line(other))
    assert same_lines(music, [0, 1, 2]).tolist() == [
        [True, True, False],
        [True, True, False],
        [False, False, True],
    ]
    odds = np.array([0.3, 0.3, 0.4])  # the echo does not split the odds of the tune
    row, sure, tracks = best_line(odds, same_lines(music, [0, 1, 2]))
    assert (row, round(sure, 6), tracks.tolist()) == (0, 0.6, [True, True, False])
    assert melody_track(score(line(tune), line(tune, start=960))).how == "inferred"


def test_the_louder_track_in_the_mix_is_more_likely() -> None:
    for quiet in (0, 1):
        music = score(line(HIGH * 4), line(HIGH[::-1] * 4))
        music.tracks[quiet].controls.append(ControlChange(0, 7, 40))
        assert tune_odds(music, [0, 1])[1 - quiet] > tune_odds(music, [0, 1])[quiet]
        assert melody_track(music).track == 1 - quiet


def test_backing_tracks_have_no_tune() -> None:
    music = score(
        chords("Chord-Piano"),
        line([40, 43] * 4, name="Bass", program=33),
        line([48, 52, 55, 60] * 2, name="Arpeggio"),
    )
    taken = melody_track(music)
    assert taken.how == "unlikely"
    assert "no track looks like a melody" in how_found(music, taken)
    music.tracks[taken.track].name = " "
    assert f"melody: track {taken.track + 1} is taken" in how_found(music, taken)


def test_a_wrong_track_names_those_there_are() -> None:
    with pytest.raises(DataError, match=r"no melody track 'tuba'.*1 \"keys\" \(piano\).*3 \(drums\)"):
        melody_track(band(("keys", "", "")), "tuba")
    with pytest.raises(DataError, match="no melody track '3'"):
        melody_track(band(), "3")  # drums
    with pytest.raises(DataError, match=r"there are the tracks 1 \(drums\):"):
        melody_track(score(line([36], drums=True)))


def test_a_skyline_leaves_its_score_as_it_is() -> None:
    given = score(chords())
    top = skyline(given)
    assert [note.pitch for note in top.tracks[0].notes] == [79 + i % 3 for i in range(8)]
    assert len(given.tracks[0].notes) == 24
