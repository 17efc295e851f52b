"""The example of the guide "add an architecture" is run as it stands, with a little music."""

import re
import runpy
import sys
from pathlib import Path

import pytest
import torch

import musegen
from musegen.data.dataset import Dataset
from musegen.families import FAMILIES
from musegen.music.reading.read import read_score
from musegen.music.writing.midi import write_score

PAGE = (Path(__file__).parent.parent / "docs" / "add-an-architecture.md").read_text("utf-8")


@pytest.fixture
def blocks(tunes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The two files of the guide, in a folder with music, while there is such a family."""
    for number, piece in enumerate(tunes.pieces[:12]):
        write_score(tunes.score(piece), tmp_path / "my_midis" / f"{number}.mid")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(FAMILIES, "small", FAMILIES["lm"])  # so that it is gone afterwards
    monkeypatch.delitem(sys.modules, "small", raising=False)
    network, use = re.findall(r"^```py\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    Path("small.py").write_text(network)
    Path("use.py").write_text(use)
    return [network, use]


@pytest.mark.slow
def test_the_example_trains_and_writes_music(blocks: list[str]) -> None:
    names = runpy.run_path("use.py")
    assert names["model"].family == "small"
    assert read_score(Path("tune-of-a-small-model.mid"))[0].note_num() > 0
    assert musegen.load("checkpoints/small").generate(bars=4, seed=1).score == names["tune"].score
    model, ids = names["model"].checkpoint.model, torch.tensor([[1, 3, 5, 7, 9]])
    with torch.no_grad():
        whole, _ = model(ids, model.init_state(1))
        first, state = model(ids[:, :2], model.init_state(1))
        rest, _ = model(ids[:, 2:], state)
    assert torch.allclose(whole, torch.cat([first, rest], dim=1), atol=1e-5)
    del sys.modules["small"]
