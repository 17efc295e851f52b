import numpy as np
import pytest
from symusic import Score

from musegen.data.dataset import Dataset
from musegen.evaluation.baselines import MelodyAndScore, block_chords, crossfade, random_retrieval
from musegen.metrics.note_f1 import melody_preserved
from musegen.metrics.smoothness import note_edit_distance, smoothness
from musegen.music.metre import bar_ticks
from musegen.music.notes import last_end, note_arrays
from tests.music.scores import TPQ, line, notes, score

BAR = 4 * TPQ
TUNE = [60, 64, 67, 64, 65, 69, 72, 69, 67, 71, 74, 71, 72, 67, 64, 60]  # I, IV, V, I, a bar each
PIECE = MelodyAndScore(score(line(TUNE, step=TPQ, name="Tune", program=73), metres=[(0, 4, 4)]), 0)


def other(shift: int, metre: tuple[int, int] = (4, 4), bars: int = 2) -> MelodyAndScore:
    """A tune in C moved by `shift`, over whole notes that name their bar and drums."""
    length = 4 * TPQ * metre[0] // metre[1]
    bass = line([36 + shift + bar for bar in range(bars)], step=length, name="Bass")
    tune = line([p + shift for p in TUNE], step=length * bars // len(TUNE))
    return MelodyAndScore(score(bass, tune, line([38], drums=True), metres=[(0, *metre)]), 1)


def chords_at(made: Score) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for onset, _, pitch in notes(made.tracks[1]):
        found.setdefault(onset, []).append(pitch % 12)
    return found


def test_the_rule_hears_the_harmony() -> None:
    made = block_chords(PIECE)
    assert [(t.name, t.program) for t in made.tracks] == [("Tune", 73), ("Chords", 73)]
    found = chords_at(made)
    assert sorted(found) == [half * BAR // 2 for half in range(8)]
    assert [sorted(found[bar * BAR]) for bar in range(4)] == [[0, 4, 7], [0, 5, 9], [2, 7, 11], [0, 4, 7]]


def test_chords_in_root_position_lie_below_the_melody() -> None:
    for shift in (-30, -7, 0, 11, 40):
        made = block_chords(MelodyAndScore(score(line([p + shift for p in TUNE], step=TPQ)), 0))
        for onset, _, pitch in notes(made.tracks[1]):
            low = min(p for o, d, p in notes(made.tracks[0]) if o < onset + BAR // 2 and o + d > onset)
            assert pitch < low
    root, third, fifth = (p for o, _, p in notes(block_chords(PIECE).tracks[1]) if o == 0)
    assert (third - root, fifth - root) == (4, 7)


def test_chords_on_three_tracks() -> None:
    made = block_chords(PIECE, ("Alto", "Tenor", "Bass"))
    assert [t.name for t in made.tracks] == ["Tune", "Alto", "Tenor", "Bass"]
    together = sorted(n for t in made.tracks[1:] for n in notes(t))
    assert together == sorted(notes(block_chords(PIECE).tracks[1]))


def test_real_tunes_with_pickups_in_any_metre(tunes: Dataset) -> None:
    assert any(piece.pickup for piece in tunes.pieces)
    for piece in tunes.pieces:
        tune = tunes.score(piece)
        made = block_chords(MelodyAndScore(tune, piece.melody))
        assert melody_preserved(tune.tracks[piece.melody], made.tracks[0])
        begin, end = note_arrays(made.tracks[1])[0].min(), last_end(made)
        assert begin >= note_arrays(tune.tracks[piece.melody])[0].min()
        assert end == bar_ticks(tune)[-1]


def test_an_intro_is_accompanied_and_a_rest_keeps_its_chord() -> None:
    tune = line(TUNE[:8], step=TPQ, start=BAR)  # a bar of intro, a bar of rest
    for note in line(TUNE[8:], step=TPQ, start=4 * BAR).notes:
        tune.notes.append(note)
    found = chords_at(block_chords(MelodyAndScore(score(tune), 0)))
    assert sorted(found) == [half * BAR // 2 for half in range(12)]
    assert sorted(found[0]) == [0, 4, 7]
    assert found[3 * BAR] == found[3 * BAR - BAR // 2] == [5, 9, 0]


def test_retrieval_is_transposed_and_looped() -> None:
    made = random_retrieval(PIECE, [other(2)], np.random.default_rng(0))
    assert melody_preserved(PIECE.score.tracks[0], made.tracks[0])
    assert [t.name for t in made.tracks] == ["Tune", "Bass"]  # neither the other melody nor drums
    assert notes(made.tracks[1]) == [(bar * BAR, BAR, 36 + bar % 2) for bar in range(4)]
    up = random_retrieval(PIECE, [other(7)], np.random.default_rng(0))
    assert notes(up.tracks[1])[0][2] == 36 + 12  # a fifth down is a fourth up: at most 6 semitones


def test_retrieval_prefers_the_metre_and_cuts_what_does_not_fit() -> None:
    rng = np.random.default_rng(0)
    for _ in range(8):
        assert notes(random_retrieval(PIECE, [other(0, (3, 4)), other(0)], rng).tracks[1])[0][1] == BAR
    eighths = line([40] * 24, step=TPQ // 2, name="Bass")
    long = MelodyAndScore(score(eighths, other(0, (6, 4)).score.tracks[1], metres=[(0, 6, 4)]), 1)
    cut = random_retrieval(PIECE, [long], rng)
    assert len(cut.tracks[1].notes) == 4 * 8
    assert last_end(cut) == 4 * BAR
    with pytest.raises(ValueError, match="no other pieces"):
        random_retrieval(PIECE, [], rng)


def test_retrieval_is_drawn_by_the_generator() -> None:
    others = [other(0, bars=n) for n in (1, 2, 3, 4)]
    drawn = [
        [notes(random_retrieval(PIECE, others, rng).tracks[1]) for _ in range(6)]
        for rng in (np.random.default_rng(5), np.random.default_rng(5))
    ]
    assert drawn[0] == drawn[1]
    assert len({str(d) for d in drawn[0]}) > 1


FIRST = score(line([60, 62, 64, 65, 67, 69, 71, 72]))
SECOND = score(line([50, 52, 54, 55], step=480))


def test_the_ends_are_the_clips_and_no_step_goes_back() -> None:
    clips = crossfade(FIRST, SECOND, 9, seed=1)
    assert len(clips) == 9
    assert notes(clips[0].tracks[0]) == notes(FIRST.tracks[0])
    assert notes(clips[-1].tracks[0]) == notes(SECOND.tracks[0])
    away = [note_edit_distance(FIRST, clip) for clip in clips]
    assert away == sorted(away)
    assert smoothness(clips).away > 0.9


def test_each_note_is_one_of_theirs() -> None:
    known = set(notes(FIRST.tracks[0])) | set(notes(SECOND.tracks[0]))
    for clip in crossfade(FIRST, SECOND, 5):
        assert set(notes(clip.tracks[0])) <= known
        onsets = {note[0] for note in notes(clip.tracks[0])}
        assert onsets <= {note[0] for note in known}


def test_a_clip_into_itself() -> None:
    assert all(notes(clip.tracks[0]) == notes(FIRST.tracks[0]) for clip in crossfade(FIRST, FIRST, 4))
