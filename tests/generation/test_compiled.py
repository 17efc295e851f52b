"""Compiled steps draw what the steps themselves draw."""

import shutil
from dataclasses import replace

import pytest
import torch

from musegen.checkpoint.build import build_model
from musegen.config.options import SamplingOptions
from musegen.config.settings import LMConfig, TrainConfig
from musegen.errors import ConfigError
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.models.lm import LanguageModel
from musegen.tokenizers import GridTokenizer, RemiTokenizer, Tokenizer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's compiler itself
SAMPLING = SamplingOptions(temperature=0.9, top_k=40, top_p=0.95, min_p=0.01, min_p_new=0.1, diatonic=0.5)


def fresh(tokenizer: Tokenizer) -> LanguageModel:
    torch.manual_seed(0)
    model = build_model(TrainConfig(model=LMConfig(embedding_dim=16, hidden_size=24)), tokenizer).eval()
    assert isinstance(model, LanguageModel)
    return model


@pytest.mark.slow  # a minute or two of compiling
@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="no C++ compiler is here")
@pytest.mark.parametrize("kind", ["rich", "choir"])
def test_compiled_steps_draw_the_same(
    kind: str, rich: RemiTokenizer, choir: GridTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer: Tokenizer = rich if kind == "rich" else choir
    model = fresh(tokenizer)
    monkeypatch.setattr("musegen.generation.compiled.FIRST_WINDOW", 64)  # which the past outgrows
    for rows, bars in ((4, 3), (3, 2), (1, 2)):  # rows end at different times, and what is asked for changes
        plain, fast = (
            generate(model, tokenizer, Request(bars=bars), num=rows, sampling=each, seed=4)
            for each in (SAMPLING, replace(SAMPLING, compiled=True))
        )
        assert [result.ids for result in fast] == [result.ids for result in plain]
        scores = [result.log_likelihood for result in plain]
        assert [result.log_likelihood for result in fast] == pytest.approx(scores, abs=1e-3)


def test_without_a_compiler_one_line_says_so(rich: RemiTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ConfigError, match="needs a C\\+\\+ compiler"):
        generate(fresh(rich), rich, Request(bars=1), sampling=replace(SAMPLING, compiled=True))
