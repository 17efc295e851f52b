import pytest
from symusic import Score

from musegen.music.fingerprint import fingerprint, off_grid_share
from musegen.music.notes import transpose
from tests.music.scores import line, score

TUNE = [60, 62, 64, 65, 67, 65, 64, 62, 60]


def test_it_survives_key_tempo_resolution_note_values_names_and_a_rest_before() -> None:
    first = fingerprint(score(line(TUNE)))
    assert fingerprint(transpose(score(line(TUNE)), 5)) == first
    assert fingerprint(score(line(TUNE), tempo=60)) == first
    assert fingerprint(score(line(TUNE)).resample(96)) == first
    assert fingerprint(score(line(TUNE, step=120))) == first
    assert fingerprint(score(line(TUNE, name="fiddle", program=40))) == first
    assert fingerprint(score(line(TUNE, start=960))) == first


def test_triplets_survive_a_resolution_that_rounds_them() -> None:
    triplets = score(line(TUNE, step=160), line([48, 50], step=480))
    rounded = Score(256)
    for pitches, ticks in ((TUNE, [round(i * 256 / 3) for i in range(9)]), ([48, 50], [0, 256])):
        track = line(pitches)
        for note, tick in zip(track.notes, ticks, strict=True):
            note.time = tick
        rounded.tracks.append(track)
    assert fingerprint(rounded) == fingerprint(triplets)


def test_other_music_differs() -> None:
    first = fingerprint(score(line(TUNE)))
    assert fingerprint(score(line([*TUNE[:-1], 59]))) != first
    assert fingerprint(score(line(TUNE, drums=True))) != first
    assert fingerprint(score(line([36, 38], drums=True))) != fingerprint(score(line([36, 40], drums=True)))


@pytest.mark.parametrize(("step", "share"), [(20, 0.0), (80, 0.0), (60, 0.0), (484, 0.0)])
def test_notated_onsets_lie_on_the_grid(step: int, share: float) -> None:
    assert off_grid_share(score(line([60, 62], step=step))) == share


def test_played_onsets_do_not() -> None:
    assert off_grid_share(score(line([60] * 100, step=487))) > 0.3
    assert off_grid_share(score()) == 0.0
