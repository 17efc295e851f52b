"""The loop: what it reports of its streams, and rows that leave it."""

import pytest
import torch

from musegen.checkpoint.build import build_model
from musegen.config.settings import LMConfig, TrainConfig
from musegen.generation import engine
from musegen.generation.eager import Eager
from musegen.generation.engine import stream_nats
from musegen.generation.machine import Machine
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.models.lm import LanguageModel
from musegen.models.losses import token_nats
from musegen.tokenizers import RemiTokenizer


@pytest.fixture(scope="module")
def model(plain: RemiTokenizer) -> LanguageModel:
    torch.manual_seed(0)
    made = build_model(TrainConfig(model=LMConfig(embedding_dim=32, hidden_size=64)), plain).eval()
    assert isinstance(made, LanguageModel)
    return made


@pytest.fixture(scope="module")
def machine(model: LanguageModel, plain: RemiTokenizer) -> Machine:
    return Eager(model, plain.tables)


def test_the_likelihood_is_the_models_own(
    model: LanguageModel, machine: Machine, plain: RemiTokenizer
) -> None:
    results = generate(machine, plain, Request(bars=2), num=3, seed=3)
    streams = [[*result.ids, plain.eos_id] for result in results]
    for stream, result, nats in zip(streams, results, stream_nats(machine, streams, []), strict=True):
        ids = torch.tensor([stream])
        with torch.inference_mode():
            logits, _ = model(ids[:, :-1], model.init_state(1))
        wanted = token_nats(logits, ids[:, 1:])[0]
        assert nats == pytest.approx(wanted.numpy(), abs=1e-4)
        assert result.log_likelihood == pytest.approx(-float(wanted.sum()), abs=1e-3)
        assert result.precision_gap == 0


def test_the_likelihood_is_that_of_the_new_bars_alone(
    model: LanguageModel, machine: Machine, plain: RemiTokenizer
) -> None:
    [prompt] = generate(machine, plain, Request(bars=2, ends=False), seed=3)
    [result] = generate(machine, plain, Request(bars=2), prompt=prompt.score, seed=4)
    ids = torch.tensor([[*result.ids, plain.eos_id]])
    lines = [at for at, id_ in enumerate(result.ids) if plain.vocab[id_] == "Bar_None"]
    with torch.inference_mode():
        logits, _ = model(ids[:, :-1], model.init_state(1))
    new = token_nats(logits, ids[:, 1:])[0, lines[2] :]
    assert result.log_likelihood == pytest.approx(-float(new.sum()), abs=1e-3)


def test_rows_that_have_ended_leave_and_nothing_changes(
    machine: Machine, plain: RemiTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_early = generate(machine, plain, Request(bars=2), num=20, seed=1)
    monkeypatch.setattr(engine, "KEEP_BELOW", 0.0)
    stayed = generate(machine, plain, Request(bars=2), num=20, seed=1)
    assert [each.ids for each in left_early] == [each.ids for each in stayed]
    assert len({len(each.ids) for each in stayed}) > 5
