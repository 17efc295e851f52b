from pathlib import Path

import pytest

from benchmarks.controls import gaps_of, main
from musegen.data.dataset import Dataset
from musegen.music.metre import bar_ticks


def test_gaps_are_within_the_tunes(tunes: Dataset) -> None:
    found = gaps_of(tunes, "train", 5, 0)
    assert len(found) == 5
    assert all(1 < first <= len(bar_ticks(score)) - 1 - 4 for score, first in found)


def test_a_small_model(trained: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    """Too few fills for a correlation, but every direction is as before, and not with the rhythm alone."""
    assert main([str(trained), str(tunes.path), "--fills", "2", "--rank", "2", "--json"]) in (0, 1)
    shown = capsys.readouterr().out
    assert '"fills": 2' in shown
    figures = dict(line.strip().rstrip(",").split(": ") for line in shown.splitlines() if ": " in line)
    assert figures['"same"'] == figures['"directions"']
    assert int(figures['"same_with_rhythm"']) < int(figures['"same"'])
