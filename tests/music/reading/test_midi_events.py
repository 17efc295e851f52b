import pytest

from musegen.music.reading.midi_file import parse_midi
from tests.music.scores import notes
from tests.music.smf_files import smf, track

ON, OFF = "903c40", "803c00"
"""Middle C; a quarter is 16 ticks."""


@pytest.mark.parametrize(
    ("body", "expected", "closed"),
    [
        (f"00{ON} 10{OFF}", [(0, 16)], 0),
        (f"00{ON} 10{ON} 08{OFF} 08{OFF}", [(0, 24), (16, 16)], 0),  # an overlap is no fault
        (f"00{ON} 10ff0100", [(0, 16)], 1),  # to the end of the track
        (f"00{ON}", [(0, 16)], 1),  # the track ends at once: a quarter
        (f"00{ON} 8100ff0100", [(0, 64)], 1),  # four quarters at most
        (f"00{ON} 10{ON} 08{OFF}", [(0, 16), (16, 8)], 1),  # where it starts again
        (f"00{ON} 00{ON} 08{OFF}", [(0, 8), (0, 8)], 1),  # twice at once
        (f"00{ON} 08b07b00 18ff0100", [(0, 8)], 1),  # all notes off
        (f"00{ON} 08b17b00 08ff0100", [(0, 16)], 1),  # of another channel
        (f"00{ON} 10903c00 08{ON} 08ff0100", [(0, 16), (24, 8)], 1),  # the last one only
    ],
)
def test_every_note_gets_an_end(body: str, expected: list[tuple[int, int]], closed: int) -> None:
    score, repairs = parse_midi(smf(track(body)))
    assert [(onset, length) for onset, length, _ in notes(score.tracks[0])] == expected
    assert repairs == ([f"{closed} hanging notes closed"] if closed else [])


def test_a_plain_track_beside_a_hanging_one_stays() -> None:
    score, repairs = parse_midi(smf(track(f"00{ON} 10{OFF}"), track(f"00{ON} 10ff0100")))
    assert [notes(t) for t in score.tracks] == [[(0, 16, 60)]] * 2
    assert repairs == ["1 hanging notes closed"]


def test_a_note_released_in_another_track_is_kept() -> None:
    score, repairs = parse_midi(smf(track(f"00{ON} 20ff0100"), track(f"10{OFF}")))
    assert notes(score.tracks[0]) == [(0, 32, 60)]
    assert repairs == ["1 hanging notes closed"]
