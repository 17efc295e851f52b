"""The benchmark of performers, on beats in the form of the Groove MIDI Dataset."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.performer import beats_of, main, of_medians


def test_the_simple_systems_are_what_they_are_called(groove: Path) -> None:
    before, beats = beats_of(groove, "train"), beats_of(groove, "test")
    assert (len(before), len(beats)) == (6, 2)
    found = of_medians(before, beats)
    shift = np.concatenate([beat.piece.real.shift for beat in beats])
    velocity = np.concatenate([beat.piece.real.velocity for beat in beats])
    usual = np.median(np.concatenate([beat.piece.real.velocity for beat in before]))
    grid = found["on the grid, one velocity"]
    assert grid["timing_error_ms"] == pytest.approx(np.abs(shift).mean() * 150)  # a 16th at 100 BPM
    assert grid["velocity_error"] == pytest.approx(np.abs(velocity - usual).mean())
    assert found["median by drum and 16th"]["timing_error_ms"] < 0.5 * grid["timing_error_ms"]


def test_the_table(groove: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = "--trainer.max-steps 4 --model.hidden-size 16 --trainer.accelerator cpu --optim.batch-tokens 2048"
    out = tmp_path / "out" / "run"
    assert main([str(groove), "--out", str(out), "--seeds", "2", *flags.split(), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["beats"] == 2
    assert found["notes"] == 128
    rows = found["errors"]
    assert [each for each in rows if "performer" in each] == [
        "performer run-performer-0", "performer run-performer-1", "performers, mean"
    ]  # fmt: skip
    assert set(found["overlap"]) == {"shift", "velocity"}
    again = [str(groove), "--split", "test", "--checkpoints", f"{out}-performer-0"]
    assert main(again) == 1
    assert "median by drum and 16th" in capsys.readouterr().out
    assert main([*again, "--model.hidden-size", "16"]) == 2
    assert main([str(tmp_path)]) == 2
    assert "has no info.csv" in capsys.readouterr().err
