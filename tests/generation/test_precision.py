"""Rounded weights: nearly the model, row by row, and how far off is known."""

import pytest
import torch
from musegen.models.stepping import fused_model, to_fused_state

from musegen.checkpoint.build import build_model
from musegen.config.options import SamplingOptions
from musegen.config.settings import LMConfig, TrainConfig
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.models.lm import LanguageModel
from musegen.models.losses import token_nats
from musegen.tokenizers import RemiTokenizer

TOLERANCE = {"float32": 1e-5, "bfloat16": 0.03, "int8": 0.05}


@pytest.fixture(scope="module")
def model(plain: RemiTokenizer) -> LanguageModel:
    torch.manual_seed(0)
    made = build_model(TrainConfig(model=LMConfig(embedding_dim=32, hidden_size=64)), plain).eval()
    assert isinstance(made, LanguageModel)
    return made


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("precision", TOLERANCE)
def test_steps_compute_what_the_model_does(cell: str, precision: str, plain: RemiTokenizer) -> None:
    torch.manual_seed(0)
    config = TrainConfig(model=LMConfig(cell=cell, embedding_dim=32, hidden_size=64))  # type: ignore[arg-type]
    model = build_model(config, plain).eval()
    assert isinstance(model, LanguageModel)
    ids = torch.randint(3, plain.vocab_size, (3, 12))
    with torch.inference_mode():
        whole, _ = model(ids, model.init_state(3))
        ready, parts = fused_model(model, precision), []
        state = to_fused_state(ready, model.init_state(3))
        for step in range(ids.shape[1]):
            logits, state = ready(ids[:, step : step + 1], state)
            parts.append(logits)
    apart = (torch.cat(parts, dim=1) - whole).abs().max()
    assert apart < TOLERANCE[precision]
    assert precision == "float32" or apart > 0


def test_the_copy_leaves_the_model_alone(model: LanguageModel) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fused_model(model, "int8")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.decoder.prepared is None


def test_what_is_laid_out_is_kept_until_a_weight_changes(plain: RemiTokenizer) -> None:
    model = build_model(TrainConfig(model=LMConfig(embedding_dim=8, hidden_size=16)), plain).eval()
    ready = fused_model(model)
    assert fused_model(model) is ready
    assert fused_model(model, "int8") is not ready
    ready = fused_model(model)
    model.train().eval()
    assert fused_model(model) is ready
    optimizer = torch.optim.AdamW(model.parameters())
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    assert fused_model(model) is not ready
    ready = fused_model(model)
    model.load_state_dict({name: value + 1 for name, value in model.state_dict().items()})
    assert fused_model(model) is not ready


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_a_row_does_not_depend_on_the_others(
    precision: str, model: LanguageModel, plain: RemiTokenizer
) -> None:
    sampling = SamplingOptions(precision=precision)  # type: ignore[arg-type]
    alone = [generate(model, plain, Request(bars=2), num=1, sampling=sampling, seed=s)[0] for s in range(3)]
    first = [generate(model, plain, Request(bars=2), num=3, sampling=sampling, seed=s)[0] for s in range(3)]
    assert [each.ids for each in alone] == [each.ids for each in first]


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_likelihood_is_the_models_own(precision: str, model: LanguageModel, plain: RemiTokenizer) -> None:
    sampling = SamplingOptions(precision=precision)  # type: ignore[arg-type]
    for result in generate(model, plain, Request(bars=2), num=3, sampling=sampling, seed=3):
        ids = torch.tensor([[*result.ids, plain.eos_id]])
        with torch.inference_mode():
            logits, _ = model(ids[:, :-1], model.init_state(1))
        assert result.log_likelihood == pytest.approx(-float(token_nats(logits, ids[:, 1:]).sum()), abs=1e-3)
        assert (result.precision_gap != 0) == (precision == "int8")
        assert abs(result.precision_gap) < 0.05


def test_rows_that_have_ended_leave_and_nothing_changes(
    model: LanguageModel, plain: RemiTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from musegen.generation import engine

    left_early = generate(model, plain, Request(bars=2), num=20, seed=1)
    monkeypatch.setattr(engine, "KEEP_BELOW", 0.0)
    stayed = generate(model, plain, Request(bars=2), num=20, seed=1)
    assert [each.ids for each in left_early] == [each.ids for each in stayed]
    assert len({len(each.ids) for each in stayed}) > 5
