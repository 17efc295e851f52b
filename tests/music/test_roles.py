import pytest
from symusic import Track

from musegen.music.roles import ROLES, fits, listed, program_role, track_role
from tests.music.scores import line


@pytest.mark.parametrize(
    ("track", "role"),
    [
        (line([60, 64], program=0), "piano"),
        (line([30, 33], program=0), "bass"),  # by its range
        (line([40, 38], program=30), "guitar"),  # deep, but a guitar
        (line([60, 64], program=0, name="Double_Bass"), "bass"),
        (line([60, 64], program=33), "bass"),
        (line([60], program=48), "strings"),
        (line([60], program=40), "strings"),
        (line([60], program=53), "voice"),
        (line([36], drums=True, name="Bass drum"), "drums"),
    ],
)
def test_roles(track: Track, role: str) -> None:
    assert track_role(track) == role
    assert fits(track, role.upper())


def test_every_program_has_a_role() -> None:
    assert {program_role(program) for program in range(-1, 128)} == set(ROLES)


def test_a_track_is_chosen_by_name_or_program_too() -> None:
    track = line([60], program=73, name="Solo ")
    assert fits(track, "solo")
    assert fits(track, "program:73")
    assert not fits(track, "program:74")
    assert not fits(line([36], drums=True), "program:0")
    assert listed(["bass, piano", "Strings"]) == ["bass", "piano", "Strings"]
