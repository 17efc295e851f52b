"""The benchmark of models of frames, on rolls of real chorales in a file as published."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import frames, piano_rolls
from musegen.data.dataset import Dataset
from musegen.music.rolls import roll_of

SMALL = ["--model.hidden-size", "16", "--trainer.max-steps", "4", "--trainer.val-check-interval", "4"]


@pytest.fixture(scope="module")
def rolls(chorales: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    io = pytest.importorskip("scipy.io")
    path = tmp_path_factory.mktemp("rolls") / "Chorales.mat"
    pieces = [roll_of(chorales.score(piece), 1)[:24].astype(np.uint8) for piece in chorales.pieces]
    splits = {"traindata": pieces[:4], "validdata": pieces[4:5], "testdata": pieces[5:]}
    content = {}
    for key, own in splits.items():
        content[key] = np.empty((1, len(own)), object)
        content[key][0] = own if len(own) > 1 else [own[0]]
        for number, roll in enumerate(own):
            content[key][0, number] = roll
    io.savemat(path, content)
    return path


def test_a_roll_comes_through_the_dataset_unchanged(rolls: Path, tmp_path: Path) -> None:
    pieces = piano_rolls.read_rolls(rolls)
    dataset = frames.build_dataset(pieces, tmp_path)
    [entry] = dataset.split("test")
    [roll] = piano_rolls.rolls_of(pieces, "test")
    found = roll_of(dataset.score(entry), 1)
    assert np.array_equal(found, roll[: len(found)])
    assert not roll[len(found) :].any()


def test_a_row_per_run_and_the_floor(rolls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", str(rolls), "--out", str(tmp_path), "--chains", "4", "--steps", "10", *SMALL]
    assert frames.main([*words, "--seeds", "2", "--model.output", "rbm", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["system"] for row in rows] == ["frames-0", "frames-1", "mean of 2 seeds", "independent keys"]
    assert all(row["error"] > 0 for row in rows[:2])
    assert rows[3]["error"] is None
    own = tmp_path / "Chorales" / "frames-0"
    again = ["--data", str(rolls), "--chains", "4", "--steps", "10", "--checkpoint", str(own)]
    assert frames.main(again) == 0
    assert "frames-0" in capsys.readouterr().out
