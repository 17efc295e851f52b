from musegen.metrics.smoothness import note_edit_distance, smoothness
from musegen.music.crossfade import crossfade
from tests.music.scores import line, notes, score

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
