from pathlib import Path

import pytest
import torch

from benchmarks.release import halve, main
from musegen.checkpoint.folder import load_checkpoint
from musegen.errors import ConfigError


def test_half_the_bytes_and_the_same_model_within_their_rounding(trained: Path, tmp_path: Path) -> None:
    halve(trained, tmp_path / "small")
    before, after = load_checkpoint(trained), load_checkpoint(tmp_path / "small")
    name = "model.safetensors"
    assert (tmp_path / "small" / name).stat().st_size < 0.6 * (trained / name).stat().st_size
    assert (after.config, after.data, after.dataset) == (before.config, before.data, before.dataset)
    for old, new in zip(before.model.parameters(), after.model.parameters(), strict=True):
        assert new.dtype == torch.float32
        assert torch.equal(new, old.half().float())
    with pytest.raises(ConfigError, match="exists already"):
        halve(trained, tmp_path / "small")


def test_mistakes_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "CKPT DATASET OUT" in capsys.readouterr().err
    assert main([str(tmp_path / "none"), "folk", str(tmp_path / "out")]) == 2
    assert "there is no checkpoint folder" in capsys.readouterr().err
