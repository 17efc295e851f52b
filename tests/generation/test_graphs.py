"""Steps captured on a GPU draw what the steps themselves draw."""

import pytest
import torch

from musegen.checkpoint.build import build_model
from musegen.config.options import SamplingOptions
from musegen.config.settings import LMConfig, TrainConfig
from musegen.generation import eager, graphs
from musegen.generation.eager import Eager
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.tokenizers import GridTokenizer, RemiTokenizer, Tokenizer


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is here")
@pytest.mark.parametrize("kind", ["rich", "choir"])
def test_captured_steps_draw_the_same(
    kind: str, rich: RemiTokenizer, choir: GridTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer: Tokenizer = rich if kind == "rich" else choir
    torch.manual_seed(0)
    model = build_model(TrainConfig(model=LMConfig(embedding_dim=16, hidden_size=24)), tokenizer).eval()
    machine = Eager(model.cuda(), tokenizer.tables)
    monkeypatch.setattr(graphs, "FIRST_WINDOW", 64)  # so that it has to be captured anew
    sampling = SamplingOptions(temperature=0.9, top_k=40, top_p=0.95, min_p=0.01, min_p_new=0.1, diatonic=0.5)
    written = []
    for is_graphed in (True, False):
        monkeypatch.setattr(eager, "GRAPHS", is_graphed)
        results = generate(machine, tokenizer, Request(bars=3), num=3, sampling=sampling, seed=4)
        written.append([result.ids for result in results])
    assert written[0] == written[1]
