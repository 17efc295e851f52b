"""Sets of music compared: real music beside itself, and beside what is worse and worse."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from symusic import Score

from musegen.cli.compare import print_comparison
from musegen.data.dataset import Dataset
from musegen.display.distributions import distributions
from musegen.errors import DataError
from musegen.evaluation.comparison import MusicSet, Unreadable, compare, measure_dataset, measure_files
from musegen.metrics.features import FEATURES, features
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays, put_notes
from musegen.music.writing.midi import write_score


def music_set(name: str, scores: list[Score]) -> MusicSet:
    rows = [features(score) for score in scores]
    return MusicSet(name, {feature: np.stack([row[feature] for row in rows]) for feature in FEATURES}, [])


def shuffled_in_bars(score: Score, seed: int) -> Score:
    """Each track's pitches drawn anew in their bars: every bar keeps its notes and its rhythm."""
    rng, bars, mixed = np.random.default_rng(seed), bar_ticks(score), score.copy()
    for track in mixed.tracks:
        onsets, durations, pitches, velocities = note_arrays(track)
        bar = np.searchsorted(bars, onsets, side="right")
        order = np.lexsort((rng.random(len(bar)), bar))
        put_notes(track, onsets, durations, pitches[order], velocities)
    return mixed


def random_notes(score: Score, seed: int) -> Score:
    rng, noise = np.random.default_rng(seed), score.copy()
    for track in noise.tracks:
        onsets, durations, pitches, velocities = note_arrays(track)
        put_notes(track, onsets, durations, rng.integers(36, 90, len(pitches)), velocities)
    return noise


@pytest.fixture(scope="module")
def scores(tunes: Dataset) -> list[Score]:
    return [tunes.score(piece) for piece in tunes.pieces]


def test_real_music_ranks_above_shuffled_and_that_above_noise(scores: list[Score]) -> None:
    real, others = music_set("real", scores[::2]), scores[1::2]

    def overlap(of: Callable[[Score, int], Score]) -> float:
        made = music_set("made", [of(score, seed) for seed, score in enumerate(others)])
        return float(compare(real, made)["overlap"])

    found = [overlap(of) for of in (lambda score, _: score, shuffled_in_bars, random_notes)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[1] + 0.02
    assert found[1] > found[2] + 0.1


def test_what_shuffling_changes_is_seen_where_it_changes(scores: list[Score]) -> None:
    mixed = [shuffled_in_bars(score, seed) for seed, score in enumerate(scores)]
    found = compare(music_set("real", scores), music_set("mixed", mixed))["features"]
    for same in ("pitch_range", "pitch_class_entropy", "groove_consistency", "note_density"):
        assert found[same]["overlap"]["mean"] > 0.95
    for other in ("intervals", "repeated_bars", "similarity_long"):
        assert found[other]["overlap"]["mean"] < 0.9
    assert found["mean_interval"]["generated"]["low"] > found["mean_interval"]["real"]["mean"]


def test_a_comparison_is_plain_data_with_halves_beside(scores: list[Score]) -> None:
    music = music_set("real", scores)
    found = compare(music, music)
    assert json.loads(json.dumps(found)) == found
    assert found["overlap"] > found["halves_overlap"] > 0.5
    assert found["features"].keys() == FEATURES.keys()
    for each in found["features"].values():
        assert each.keys() == {"real", "generated", "overlap", "kl", "intra_inter", "halves"}
        assert each["halves"].keys() == {"first", "second", "overlap", "kl", "intra_inter"}
    assert compare(music, music) == found


def test_halves_share_no_piece(scores: list[Score]) -> None:
    found = compare(music_set("real", scores), music_set("real", scores))["features"]["pitch_range"]
    whole = np.mean([features(score)["pitch_range"] for score in scores])
    first, second = (found["halves"][half]["mean"] for half in ("first", "second"))
    assert (first + second) / 2 == pytest.approx(whole)  # of equal size
    assert first != second


def test_a_measure_that_a_piece_lacks_leaves_it_out(scores: list[Score]) -> None:
    drums = scores[0].copy()
    drums.tracks[0].is_drum = True
    found = compare(music_set("real", scores), music_set("made", [drums, *scores[:5]]))
    assert found["features"].keys() == FEATURES.keys()
    own = found["features"]["pitch_range"]["generated"]["mean"]
    assert own == pytest.approx(np.mean([features(score)["pitch_range"] for score in scores[:5]]))


def test_what_the_real_music_lacks_is_left_out(scores: list[Score]) -> None:
    drums = [score.copy() for score in scores]
    for score in drums:
        for track in score.tracks:
            track.is_drum = True
    beats = music_set("beats", drums)
    found = compare(beats, music_set("made", drums[:3]))
    assert list(found["features"]) == ["note_density", "empty_beat_rate", "groove_consistency"]
    assert 0 < found["overlap"] <= 1
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    panels = [axes.get_title(loc="left") for axes in distributions(beats, beats).axes if axes.axison]
    assert panels == ["notes per quarter", "empty beats", "groove consistency"]


def test_what_only_the_generated_music_lacks_is_none(
    scores: list[Score], capsys: pytest.CaptureFixture[str]
) -> None:
    silent = [score.copy() for score in scores[:2]]
    for score in silent:
        score.tracks[0].is_drum = True
    found = compare(music_set("real", scores), music_set("made", silent))
    row = found["features"]["pitch_range"]
    assert row["real"]["mean"] > 0
    assert row["generated"]["mean"] is row["overlap"]["mean"] is None
    print_comparison(found)
    out = capsys.readouterr().out
    assert "nan" not in out.split()
    assert "–" in out


def test_files_that_cannot_be_read_are_listed(scores: list[Score], tmp_path: Path) -> None:
    for number, score in enumerate(scores[:9]):
        write_score(score, tmp_path / "some" / f"{number}.mid")
    (tmp_path / "some" / "broken.mid").write_bytes((tmp_path / "some" / "3.mid").read_bytes()[:12])
    found = measure_files(tmp_path, workers=2)
    assert found.pieces == 9
    assert [Path(each.path).name for each in found.unreadable] == ["broken.mid"]
    assert "ends within" in found.unreadable[0].reason
    expected = music_set("", scores[:9]).values
    for name in FEATURES:
        np.testing.assert_allclose(found.values[name], expected[name], atol=1e-9, err_msg=name)


def test_too_little_music(scores: list[Score], tunes: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="real: a comparison needs 4 pieces or more, here: 3"):
        compare(music_set("real", scores[:3]), music_set("made", scores))
    with pytest.raises(DataError, match=r"made: .* 2 pieces or more, here: 1"):
        compare(music_set("real", scores), music_set("made", scores[:1]))
    lost = [Unreadable("a.mid", "no notes"), Unreadable("b.mid", "no tracks")]
    with pytest.raises(DataError, match=r"here: 3; a.mid cannot be read \(no notes\), nor can 1 more"):
        compare(music_set("real", scores[:3])._replace(unreadable=lost), music_set("made", scores))
    (tmp_path / "bad.mid").write_bytes(b"no music")
    with pytest.raises(DataError, match="none of its 1 files"):
        measure_files(tmp_path)
    assert measure_dataset(tunes).pieces == len(tunes.pieces)


def test_the_picture_has_a_panel_a_feature(scores: list[Score]) -> None:
    figure = distributions(music_set("a $ name", scores), music_set("b", scores[:4]))
    drawn = [axes for axes in figure.axes if axes.patches]
    titles = {axes.get_title(loc="left") for axes in drawn}
    values = features(scores[0])
    assert titles == {each.label for name, each in FEATURES.items() if len(values[name]) == 1 or each.bins}
    for axes in drawn:
        shares = [sum(bar.get_height() for bar in bars) for bars in axes.containers]
        assert shares == pytest.approx([1, 1])
