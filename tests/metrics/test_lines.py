import numpy as np
import pytest
from symusic import Score

from musegen.data.corpora import corpus_files
from musegen.metrics.lines import (
    FIFTH,
    OCTAVE,
    RATIOS,
    SHUT,
    Line,
    crossed,
    motions,
    parallels,
    range_errors,
    readings,
    track_lines,
    voice_frames,
)
from musegen.music.notes import transpose
from musegen.music.reading.midi_file import parse_midi
from tests.music.scores import TPQ, line, score

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


RANGES = [(60, 81), (52, 74), (46, 69), (36, 66)]
"""Lowest and highest pitch of soprano, alto, tenor and bass in the 229 chorales of the training split."""


@pytest.fixture(scope="module")
def chorale() -> Score:
    """Bach's "Wie schön leuchtet der Morgenstern" (BWV 1.6)."""
    (file,) = corpus_files("bach-chorales", limit=1)
    return parse_midi(file.data)[0]


def frames(*voices: list[int]) -> np.ndarray:
    return np.array(voices).T


def test_parallel_fifths_and_octaves() -> None:
    assert parallels(frames([67, 69], [60, 62]), FIFTH) == 1
    assert parallels(frames([79, 81], [60, 62]), FIFTH) == 1  # a twelfth
    assert parallels(frames([72, 74], [60, 62]), OCTAVE) == 1
    assert parallels(frames([60, 62], [60, 62]), OCTAVE) == 1  # unisons
    assert parallels(frames([67, 69], [60, 62]), OCTAVE) == 0


def test_held_notes_contrary_motion_and_rests_make_no_parallels() -> None:
    assert parallels(frames([67, 67, 69], [60, 60, 62]), FIFTH) == 1  # a held chord counts once
    assert parallels(frames([67, 67], [60, 60]), FIFTH) == 0
    assert parallels(frames([79, 74], [60, 67]), FIFTH) == 0  # contrary: a twelfth to a fifth
    assert parallels(frames([67, -1, 69], [60, -1, 62]), FIFTH) == 0
    assert parallels(frames([67, 68, 69], [60, 60, 62]), FIFTH) == 0  # a sixth between them


def test_every_two_voices_count() -> None:
    moving = frames([72, 74], [67, 69], [60, 62])
    assert parallels(moving, OCTAVE) == 1
    assert parallels(moving, FIFTH) == 1


def test_crossing() -> None:
    voices = frames([60, 60, 60, -1], [55, 62, 60, 62], [48, 48, 62, 48])
    assert crossed(voices).tolist() == [False, True, True, False]


def test_frames_are_sixteenths_with_rests() -> None:
    found = voice_frames(score(line([60, 62], step=TPQ // 4), line([48], step=TPQ // 2, start=TPQ // 4)))
    assert found.T.tolist() == [[60, 62, -1], [-1, 48, 48]]
    assert voice_frames(score()).shape == (0, 0)


def test_bach_writes_as_he_teaches(chorale: Score) -> None:
    voices = voice_frames(chorale)
    assert voices.shape[1] == 4
    assert range_errors(chorale, RANGES) == 0
    assert parallels(voices, FIFTH) + parallels(voices, OCTAVE) == 0
    assert crossed(voices).mean() < 0.05
    worse = voices.copy()
    worse[:, 1] = np.where(worse[:, 0] >= 0, worse[:, 0] - 12, -1)  # the alto doubles the soprano
    assert parallels(worse, OCTAVE) > 20


def test_notes_out_of_range() -> None:
    bass = line([35, 36, 66, 67])  # the ends of the range are allowed
    assert range_errors(score(bass), [(36, 66)]) == 2
    with pytest.raises(ValueError, match="shorter"):
        range_errors(score(bass, bass), [(36, 66)])
