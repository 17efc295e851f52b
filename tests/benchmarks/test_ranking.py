from pathlib import Path

import numpy as np
import pytest

from benchmarks.ranking import ORDER, is_ranked, main, random_pitches, shuffled_in_bars, table
from musegen.data.dataset import Dataset
from musegen.metrics.features import FEATURES
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays


def test_shuffling_keeps_the_notes_of_each_bar(tunes: Dataset) -> None:
    score = tunes.score(tunes.pieces[0])
    bars, mixed = bar_ticks(score), shuffled_in_bars(score, np.random.default_rng(0))
    before, after = (note_arrays(each.tracks[0]) for each in (score, mixed))
    assert before[0].tolist() == after[0].tolist()
    assert before[2].tolist() != after[2].tolist()
    bar = np.searchsorted(bars, before[0], side="right")
    for number in np.unique(bar):
        assert sorted(before[2][bar == number]) == sorted(after[2][bar == number])
    noise = note_arrays(random_pitches(score, np.random.default_rng(0)).tracks[0])[2]
    assert before[2].min() <= noise.min() <= noise.max() <= before[2].max()


def compared(*overlaps: float) -> dict[str, dict]:
    each = {"overlap": {"mean": 0.5}, "halves": {"overlap": {"mean": 0.9}}}
    return {
        name: {"overlap": overlap, "halves_overlap": 0.95, "features": dict.fromkeys(FEATURES, each)}
        for name, overlap in zip(ORDER, overlaps, strict=True)
    }


@pytest.mark.parametrize(
    ("overlaps", "ranked"),
    [
        ((0.9, 0.8, 0.1, 0.5, 0.2), True),
        ((0.9, 0.8, 0.1, 0.85, 0.2), False),
        ((0.7, 0.8, 0.1, 0.2, 0.2), False),
    ],
)
def test_the_order_that_is_wanted(overlaps: tuple[float, ...], ranked: bool) -> None:
    assert is_ranked(compared(*overlaps)) == ranked
    assert ("NOT ranked" in table(compared(*overlaps))) != ranked


def test_a_model_that_learnt_next_to_nothing(
    trained: Path, tunes: Dataset, accompanist: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(trained), str(tunes.path), "--bars", "4"]) in (0, 1)
    head, *rows, mean, _ = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "halves"
    assert len(rows) == len(FEATURES) - 2  # pieces of four bars have no bars 4 or 8 apart
    assert all(0 <= float(value) <= 1 for value in mean.split()[2:])
    assert main([str(accompanist), str(tunes.path)]) == 2
    assert "a language model is wanted" in capsys.readouterr().err
