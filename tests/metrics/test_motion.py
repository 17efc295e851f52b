import numpy as np
import pytest
from symusic import Score

from musegen.metrics.lines import Line, track_lines
from musegen.metrics.motion import RATIOS, SHUT, motions, readings
from musegen.music.notes import transpose
from tests.music.scores import line, score

TIMES = np.array([0, 120, 240, 480, 1440, 1600, 1760, 1920, 1980, 2580])  # halves, dots, triplets, fifths
PITCHES = np.array([60, 64, 62, 62, 57, 69, 70, 58, 60, 60])


def test_a_motion_is_an_interval_and_a_ratio_of_times() -> None:
    codes = motions(Line(np.array([0, 240, 720, 960]), np.array([60, 67, 62, 62]))).astype(int)
    assert (codes // RATIOS - 127).tolist() == [7, -5, 0]
    assert (codes % RATIOS - RATIOS // 2)[:2].tolist() == [7, -7]  # twice, half
    assert codes[-1] % RATIOS == 0


@pytest.mark.parametrize("factor", [0.5, 0.51, 0.77, 1.0, 1.37, 2.0, 7.3])
def test_key_speed_and_place_do_not_matter(factor: float) -> None:
    stretched = Line(np.round(TIMES * factor).astype(np.int64) + 977, PITCHES - 11)
    assert motions(stretched).tolist() == motions(Line(TIMES, PITCHES)).tolist()


def test_note_values_are_told_apart() -> None:
    ratios = [1, 2, 3, 4, 6, 8, 3 / 2, 4 / 3, 1 / 2, 1 / 3, 2 / 3, 3 / 4, 5, 5 / 3]
    codes = [
        motions(Line(np.round([0, 960, 960 + 960 * ratio]).astype(int), PITCHES[:3]))[0] for ratio in ratios
    ]
    assert len(set(codes)) == len(ratios)


def test_the_end_of_a_line_is_marked() -> None:
    assert motions(Line(TIMES[:2], PITCHES[:2]), last=SHUT)[0] % RATIOS == SHUT
    assert len(motions(Line(TIMES[:1], PITCHES[:1]))) == 0


def test_music_of_several_tracks_is_also_read_as_one() -> None:
    music = score(line([60, 62]), line([70]), line([36, 36], drums=True))
    assert [each.pitches.tolist() for each in readings(music)[0]] == [[60, 62], [70, 62]]


def test_played_music_is_also_read_as_written() -> None:
    written = score(line([60, 62, 64, 65, 67, 69, 71, 72]), metres=[(0, 4, 4)])
    assert len(readings(written)) == 1
    played: Score = transpose(written, 3)
    for note, late in zip(played.tracks[0].notes, (13, 31, 7, 24, 17, 9, 28, 16), strict=True):
        note.time += late
    raw, snapped = readings(played)
    assert motions(snapped[0]).tolist() == motions(track_lines(written)[0]).tolist()
    assert motions(raw[0]).tolist() != motions(snapped[0]).tolist()
