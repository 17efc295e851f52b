"""The benchmark of what tokens keep of played music, on a few tunes with a simulated player."""

import json
from pathlib import Path

import pytest

from benchmarks.round_trip import by_mido, main
from musegen.data.dataset import Dataset
from musegen.music.writing.midi import write_score
from tests.played_fixtures import beat, play, record


@pytest.fixture
def folder(tunes: Dataset, tmp_path: Path) -> Path:
    """Three recordings, with the pedal."""
    for number, piece in enumerate(tunes.pieces[:3]):
        (tmp_path / f"{number}.mid").write_bytes(record(tunes.score(piece), number).dumps_midi())
    return tmp_path


def test_recordings_come_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main([str(folder), "--timing", "free", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["note_ons"] == found["notes"] + sum(found["reasons"].values()) > 100
    assert found["errors"]["onset"]["most"] <= 5.001
    assert found["errors"]["pedal"]["mean"] > 0
    assert found["presses_lost"] == 0
    assert code == bool(found["beyond"])


def test_beats_come_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(2):
        write_score(play(beat(number), number), tmp_path / f"{number}.mid")
    assert main([str(tmp_path), "--timing", "beats", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["note_ons"] == found["notes"] == 128
    assert found["errors"]["onset"]["most"] <= 60_000 / 100 / 96 / 2 + 0.7  # half a step at 100, and a tick
    assert found["errors"]["velocity"]["most"] <= 2


def test_presses_are_read_from_the_file(folder: Path) -> None:
    read = by_mido(folder / "0.mid")
    assert len(read.presses) > 3
    assert (read.presses[:, 1] > read.presses[:, 0]).all()
