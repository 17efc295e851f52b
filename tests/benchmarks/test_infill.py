from pathlib import Path

import numpy as np
import pytest

from benchmarks.infill import BARS, Passages, cases, figures, main, nearest, passages, with_gap
from musegen.data.dataset import Dataset


@pytest.fixture(scope="module")
def known(tunes: Dataset) -> Passages:
    return passages(tunes)


def test_the_real_gap_and_none_at_all(tunes: Dataset) -> None:
    for case in cases(tunes, "train", 6, seed=0):
        found = figures(case.score, case.score)
        assert {found[name] for name in ("position F1", "pitch accuracy", "rhythm accuracy")} == {1.0}
        nothing = np.zeros(0, np.int64)
        empty = figures(with_gap(case.score, nothing, nothing, nothing), case.score)
        assert empty["position F1"] == 0
        assert np.isnan(empty["pitch accuracy"])
        assert empty["silence"] > 0.5 > found["silence"]


def test_the_nearest_passage_is_the_same_tune(tunes: Dataset, known: Passages) -> None:
    """In training itself; and as well if it is in another key."""
    metre = len(known.metre)
    assert known.pitches.shape == (metre, BARS * 24)
    one = next(case for case in cases(tunes, "train", 24, seed=1) if len(case.score.time_signatures) == 1)
    higher = one.score.copy()
    higher.tracks[0].notes = [note.shift_pitch(2) for note in one.score.tracks[0].notes]
    for score in (one.score, higher):
        found = nearest(one._replace(score=score), known, tunes)
        assert figures(found, score)["pitch accuracy"] == 1


def test_only_models_of_lines(trained: Path, gapper: Path, autoencoder: Path, tunes: Dataset) -> None:
    assert main([str(autoencoder), str(gapper), str(tunes.path)]) == 2
    assert main([str(trained), str(trained), str(tunes.path)]) == 2


def test_all_systems(trained: Path, gapper: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main([str(trained), str(gapper), str(tunes.path), "--gaps", "2", "--rank", "3", "--split", "valid"])
        == 0
    )
    shown = capsys.readouterr().out
    assert "nearest in training" in shown
    assert "LM, best of 3" in shown
    assert "filler, first sample" in shown
    assert "all gaps, bits per note of 2: language model" in shown
