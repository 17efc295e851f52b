"""The benchmark of a language model of drums, on beats in the form of the Groove MIDI Dataset."""

import json
from pathlib import Path

import pytest

from benchmarks.drums import BINS, hits_of, main, of_halves, overlaps
from tests.played_fixtures import beat, play


def test_hits_are_counted_by_bar_drum_and_place() -> None:
    hits = hits_of(play(beat(0), 0))
    assert hits.hits.tolist() == [8] * 7  # without the last bar
    assert set(hits.position.tolist()) == set(range(0, 48, 6))
    assert set(hits.drum.tolist()) == {36, 38, 42, 46}


def test_equal_pieces_overlap_wholly() -> None:
    same = [hits_of(play(beat(0), 3))] * 4
    assert overlaps(same, same) == pytest.approx(dict.fromkeys(BINS, 1.0))
    assert of_halves(same) == pytest.approx(dict.fromkeys(BINS, 1.0))
    assert overlaps(same, [hits_of(beat(1))])["shift"] < 0.5


def test_the_tables(groove: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = "--trainer.max-steps 4 --model.hidden-size 16 --trainer.accelerator cpu --optim.batch-tokens 2048"
    out = tmp_path / "out" / "drums"
    assert main([str(groove), "--out", str(out), "--num", "4", *flags.split(), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["outside"] == 0 < found["hits"]
    assert set(found["overlap"]) == set(BINS)
    bits = found["bits_per_hit"]["model"]
    assert bits["all"] == pytest.approx(sum(bits.values()) - bits["all"])
    assert main([str(groove), "--out", str(out), "--num", "4", "--checkpoint", str(out)]) == 1
    assert "0 of " in capsys.readouterr().out
    assert main([str(groove), "--checkpoint", str(out), "--model.hidden-size", "16"]) == 2
