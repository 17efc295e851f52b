import pytest
from symusic import Note, Score, Track

from musegen.errors import DataError
from musegen.music.melody import melody_track, skyline
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


def test_it_is_found_by_name_number_program_and_measure() -> None:
    assert melody_track(score(line(HIGH)), None) == (0, "only track")
    assert melody_track(band(), None) == (1, "inferred")
    assert melody_track(band(("Vocals", "", ""))) == (0, "name")
    assert melody_track(band(("", "", "Flute")), "flute") == (3, "name")
    assert melody_track(band(), "4") == (3, "number")
    sung = band()
    sung.tracks[3].program = 52
    assert melody_track(sung) == (3, "program")


@pytest.mark.parametrize(("name", "program"), [("", 33), ("bass2", 0), ("Electric Bass (finger)", 33)])
def test_a_bass_is_no_tune_beside_another_track(name: str, program: int) -> None:
    bass = line([40] * 8, name=name)
    assert melody_track(score(chords(), line([40] * 8))) == (1, "inferred")  # by its line alone it would be
    bass.program = program
    assert melody_track(score(chords(), bass)) == (0, "inferred")
    assert melody_track(score(chords(), bass), "2") == (1, "number")
    assert melody_track(score(bass, line([36], drums=True))) == (0, "only track")
    assert melody_track(score(bass, bass.copy()))[1] == "inferred"


def test_a_wrong_track_names_those_there_are() -> None:
    with pytest.raises(DataError, match=r"no melody track 'tuba'.*1 \"piano\".*3 \"\" \(drums\)"):
        melody_track(band(("piano", "", "")), "tuba")
    with pytest.raises(DataError, match="no melody track '3'"):
        melody_track(band(), "3")  # drums
    with pytest.raises(DataError, match="no pitched track"):
        melody_track(score(line([36], drums=True)))


def test_a_skyline_leaves_its_score_as_it_is() -> None:
    given = score(chords())
    top = skyline(given)
    assert [note.pitch for note in top.tracks[0].notes] == [79 + i % 3 for i in range(8)]
    assert len(given.tracks[0].notes) == 24
