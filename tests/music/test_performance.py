"""The score of what was played, and what lies beside it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musegen.data.dataset import Dataset
from musegen.music.notes import note_arrays
from musegen.music.performance import (
    DRUMS,
    SIXTEENTH,
    SIZES,
    UNITS,
    Frame,
    Notes,
    frame_of,
    nearest,
    notes_of,
    played_beside,
    sheet_of,
    written_score,
)
from musegen.music.writing.midi import midi_bytes
from tests.music.scores import line, score
from tests.played_fixtures import beat, play

NAMES = list(SIZES)


@pytest.mark.parametrize("positions", [4, 12])
def test_score_and_shift_are_the_performance(tunes: Dataset, positions: int) -> None:
    for number, piece in enumerate(tunes.pieces[:6]):
        music = play(tunes.score(piece), number)
        notes = notes_of(music)
        sheet = sheet_of(notes, frame_of(music), positions)
        played = played_beside(notes, sheet, positions)
        onset = (sheet.position + played.shift * SIXTEENTH) / UNITS
        assert np.allclose(onset, notes.onset[sheet.order])
        assert (played.velocity == notes.velocity[sheet.order]).all()
        assert (np.abs(played.shift) <= (0.5 if positions == 4 else 2 / 3) + 1e-9).all()
        for column, size in zip(sheet.features.T, SIZES.values(), strict=True):
            assert 0 <= column.min() <= column.max() < size


def test_a_written_score_is_its_own_score(tunes: Dataset) -> None:
    written = written_score(play(tunes.score(tunes.pieces[0]), 1), 4)
    assert midi_bytes(written_score(written, 4)) == midi_bytes(written)
    sheet = sheet_of(notes_of(written), frame_of(written), 4)
    played = played_beside(notes_of(written), sheet, 4)
    assert np.abs(played.shift).max() == 0
    assert np.abs(played.stretch).max() == 0
    assert set(played.velocity.tolist()) == {80}


def test_features_of_a_beat() -> None:
    sheet = sheet_of(notes_of(beat(0)), frame_of(beat(0)), 4)
    features = dict(zip(NAMES, sheet.features.T.tolist(), strict=True))
    assert features["pitch"][:4] == [128 + 36, 128 + 42, 128 + 38, 128 + 42]
    assert set(features["instrument"]) == {DRUMS}
    assert features["position"][:9] == [0, 6, 12, 18, 24, 30, 36, 42, 0]
    assert set(features["bar"]) == {8}
    assert features["before"][1:] == [6] * 63
    assert features["same_after"][1] == 12
    assert set(features["interval"]) == {0}
    assert sheet.tempo.tolist() == [100.0] * 64


def test_two_hits_in_a_sixteenth_are_told_apart_by_their_order() -> None:
    drums = line([38, 38, 36, 38], step=60, drums=True)
    sheet = sheet_of(notes_of(score(drums)), frame_of(score(drums)), 4)
    features = dict(zip(NAMES, sheet.features.T.tolist(), strict=True))
    assert sheet.position.tolist() == [0, 0, 3, 3]  # the second of two 32nds is in the 16th of the first
    assert [each // 5 for each in features["repeat"]] == [0, 1, 0, 0]
    assert [each % 5 for each in features["repeat"]] == [2, 2, 1, 1]


def test_chords_know_their_upper_notes() -> None:
    music = score(line([60], step=480), line([64], step=480), line([67], step=480))
    sheet = sheet_of(notes_of(music), frame_of(music), 4)
    features = dict(zip(NAMES, sheet.features.T.tolist(), strict=True))
    assert features["chord"] == [3, 3, 3]
    assert features["above"] == [2, 1, 0]
    assert features["interval"] == [0, 29, 28]


def test_beats_in_triplets_are_found() -> None:
    beats = np.array([0, 1 / 3, 2 / 3, 1, 1.25, 1.5, 1.75, 2, 2 + 2 / 3])
    late = beats + np.random.default_rng(0).normal(0, 0.02, len(beats))
    assert (nearest(late, 12) == np.round(beats * 12)).all()
    assert set((nearest(late, 4) % 3).tolist()) == {0}


@given(st.lists(st.floats(0, 100), max_size=50))
def test_the_nearest_position_is_near(onsets: list[float]) -> None:
    times = np.array(onsets)
    assert (np.abs(nearest(times, 4) / UNITS - times) <= 1 / 8 + 1e-9).all()
    assert (np.abs(nearest(times, 12) / UNITS - times) <= 1 / 6 + 1e-9).all()


def test_a_late_last_note_stands_on_the_last_bar_line() -> None:
    frame = Frame(np.array([0.0, 4.0, 8.0]), np.zeros(1), np.full(1, 120.0))
    one = np.array([1])
    notes = Notes(np.array([3.95]), np.array([0.5]), 60 * one, 80 * one, 0 * one)
    features = dict(zip(NAMES, sheet_of(notes, frame, 4).features.T.tolist(), strict=True))
    assert features["position"] == [0]


def test_lengths_are_relative_to_the_score() -> None:
    music = play(score(line([60, 62, 64, 65], step=480)), 0)
    notes = notes_of(music)
    sheet = sheet_of(notes, frame_of(music), 4)
    assert (note_arrays(music.tracks[0])[1] == 360).all()
    assert played_beside(notes, sheet, 4).stretch.tolist() == [0.0] * 4  # a dotted eighth, exactly
