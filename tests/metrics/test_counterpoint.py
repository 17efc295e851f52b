import numpy as np
import pytest
from symusic import Score

from musegen.data.corpora import corpus_files
from musegen.metrics.counterpoint import (
    FIFTH,
    OCTAVE,
    crossed,
    parallels,
    range_errors,
    voice_frames,
)
from musegen.music.reading.midi import parse_midi
from tests.music.scores import TPQ, line, score

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
