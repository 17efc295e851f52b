import json
from pathlib import Path

import pytest

from benchmarks.typical import main
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare


def test_a_small_model(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With several candidates fewer pieces are outside of what training pieces are."""
    more = prepare("ryans-mammoth", tmp_path / "more", limit=60, workers=1)
    words = [str(trained), str(more.path), "--num", "12", "--bars", "8", "--candidates", "4", "--json"]
    assert main(words) in (0, 1)
    rows = json.loads(capsys.readouterr().out)["rows"]
    one, several = rows["candidates: 1"], rows["candidates: 4"]
    assert one["pieces"] == several["pieces"] == 12
    assert rows["training"]["outside"] < 0.1
    assert several["outside"] < one["outside"]


def test_too_few_pieces_are_one_line(
    trained: Path, tunes: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(trained), str(tunes.path), "--bars", "8"]) == 2
    assert "too few training pieces" in capsys.readouterr().err
