"""Piano rolls of scores, and scores of piano rolls."""

import numpy as np
from symusic import Track

from musegen.data.dataset import Dataset
from musegen.music.rolls import KEYS, LOWEST, outside_keys, put_roll, roll_of
from tests.music.scores import TPQ, line, notes, score


def test_keys_sound_from_onset_to_end() -> None:
    roll = roll_of(score(line([60, 62], step=480), line([48], step=960)), 2)
    assert roll.shape == (4, KEYS)
    assert [(np.flatnonzero(frame) + LOWEST).tolist() for frame in roll] == [[48, 60]] * 2 + [[48, 62]] * 2


def test_a_short_note_has_a_frame_and_drums_and_extreme_pitches_have_none() -> None:
    short = score(line([60], step=10), line([36, 38], drums=True), line([20, 109], step=480))
    assert np.argwhere(roll_of(short, 1)).tolist() == [[0, 60 - LOWEST]]
    assert outside_keys(short) == 2
    assert roll_of(score(line([36], drums=True)), 4).shape == (0, KEYS)


def test_a_roll_is_the_roll_of_its_score(chorales: Dataset) -> None:
    for piece in chorales.pieces:
        roll = roll_of(chorales.score(piece), 4)
        back, track = score(), Track("Piano")
        put_roll(track, roll, 4, TPQ)
        back.tracks.append(track)
        assert np.array_equal(roll_of(back, 4), roll)


def test_frames_in_turn_are_one_note() -> None:
    roll = np.zeros((5, KEYS), np.bool_)
    roll[[0, 1, 3, 4], 39] = True
    roll[1, 43] = True
    track = line([72], step=TPQ)
    put_roll(track, roll, 2, TPQ, start=TPQ)
    assert notes(track) == [(0, 480, 72), (480, 480, 60), (720, 240, 64), (1200, 480, 60)]
