"""The plan of a stream: chords and how many notes, half a bar at a time."""

import numpy as np
import pytest
from symusic import Note, Score, TimeSignature, Track

from musegen.tokenizers import Kind, RemiTokenizer
from musegen.tokenizers.chord_plan import CHORDS, stream_plan

C, A_MINOR, G, SILENCE = 1, 2 + 2 * 9, 1 + 2 * 7, 0
HALF = 960


def piece(*notes: tuple[int, int, int], metres: tuple[tuple[int, int, int], ...] = ((0, 4, 4),)) -> Score:
    """A score of notes (time, duration, pitch)."""
    score = Score(480)
    score.time_signatures.extend([TimeSignature(*metre) for metre in metres])
    score.tracks.append(Track("", 0))
    score.tracks[0].notes.extend([Note(time, duration, pitch, 64) for time, duration, pitch in notes])
    return score


def test_chords_and_counts_of_halves(plain: RemiTokenizer) -> None:
    first = [(0, HALF, 60), (0, HALF, 64), (0, HALF, 67)]
    second = [(HALF + 120 * i, 120, 69 + step) for i, step in enumerate((0, 3, 7, 12, 7, 3))]
    ids = plain.encode(piece(*first, *second))
    assert stream_plan(ids, plain.tables).tolist() == [[C, 3], [A_MINOR, 5]]  # 3 notes; 6 or 7


def test_what_rings_on_counts_for_the_chord_and_not_as_a_note(plain: RemiTokenizer) -> None:
    held = [(0, 4 * HALF, 55), (0, 4 * HALF, 59), (0, 4 * HALF, 62), (3 * HALF, HALF, 67)]
    plan = stream_plan(plain.encode(piece(*held)), plain.tables)
    assert plan.tolist() == [[G, 3], [G, 0], [G, 0], [G, 1]]


def test_silence_and_another_metre(plain: RemiTokenizer) -> None:
    notes = [(0, 480, 60), (0, 480, 64), (1920 + 720, 720, 67), (1920 + 720, 720, 71), (1920 + 720, 720, 74)]
    score = piece(*notes, metres=((0, 4, 4), (1920, 3, 4)))
    assert stream_plan(plain.encode(score), plain.tables).tolist() == [
        [C, 2],
        [SILENCE, 0],
        [SILENCE, 0],
        [G, 3],
    ]


def test_a_bar_line_at_the_end_opens_no_bar(plain: RemiTokenizer) -> None:
    ids = plain.encode(piece((0, HALF, 60), (1920, HALF, 67)))
    lines = np.flatnonzero(plain.tables.kind[ids] == Kind.BAR)
    assert len(stream_plan(ids[: lines[1] + 1], plain.tables)) == 2
    assert len(stream_plan(ids[lines[1] :], plain.tables)) == 2
    assert stream_plan(ids[:1], plain.tables).shape == (0, 2)


@pytest.mark.parametrize("shift", [1, 5, 11])
def test_transposed_notes_have_transposed_chords(plain: RemiTokenizer, shift: int) -> None:
    rng = np.random.default_rng(shift)
    notes = [(240 * i, 480, int(p)) for i, p in enumerate(rng.integers(50, 70, 64))]
    here = stream_plan(plain.encode(piece(*notes)), plain.tables)
    moved = piece(*[(t, d, p + shift) for t, d, p in notes])
    there = stream_plan(plain.encode(moved), plain.tables)
    assert (there[:, 1] == here[:, 1]).all()
    assert ((here[:, 0] - 1 + 2 * shift) % (CHORDS - 1) + 1 == there[:, 0]).all()
