from pathlib import Path

import pytest

from benchmarks.bit_flips import flip, main


def test_a_flip_is_one_bit_and_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(bytes(4))
    flip(path, 19)
    assert path.read_bytes() == bytes([0, 0, 8, 0])
    flip(path, 19)
    assert path.read_bytes() == bytes(4)


def test_every_flip_is_counted(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(trained), "--flips", "12"]) == 0
    assert capsys.readouterr().out.endswith("12 of 12 detected\n")
