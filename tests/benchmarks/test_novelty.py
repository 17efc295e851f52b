import json

import numpy as np
import pytest

from benchmarks.novelty import as_score, main, plant, shuffled
from musegen.data.dataset import Dataset
from musegen.metrics.lines import Line, motions


def test_a_run_is_planted_whole() -> None:
    rng = np.random.default_rng(0)
    host = Line(np.arange(0, 4800, 240), np.full(20, 60))
    run = Line(np.array([0, 480, 600, 720, 1440]), np.array([70, 72, 69, 65, 70]))
    for _ in range(20):
        mixed = plant(host, run, 480, rng)
        assert len(mixed.onsets) == 25
        assert (np.diff(mixed.onsets) > 0).all()
        first = int(np.flatnonzero(np.diff(mixed.onsets) >= 4 * 480)[0]) + 1
        found = Line(*(column[first : first + 5] for column in mixed))
        assert motions(found).tolist() == motions(run).tolist()
        assert len(as_score(mixed, 480).tracks[0].notes) == 25
    assert sorted(shuffled(run, rng).pitches) == sorted(run.pitches)


def test_what_is_planted_is_found(tunes: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tunes.path), "--files", "10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["right_piece"] == found["found"] == 10
    assert found["found_before_planting"] == 0
    assert found["threshold"] == found["held_out"]["threshold"] > 0
    assert found["seconds_a_file"]["most"] < 1


def test_no_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere"]) == 2
    assert "error: nowhere is not a prepared dataset" in capsys.readouterr().err
