"""The law of every decoder: all at once equals step by step, for any cutting of the stream."""

import numpy as np
import pytest
import torch
from torch import Tensor

from musegen.checkpoint.build import build_model
from musegen.config.settings import LMConfig, TrainConfig
from musegen.data.dataset import Dataset
from musegen.generation.states import fixed_window, forgetful, padded
from musegen.models.lm import LanguageModel
from musegen.tokenizers import RemiTokenizer, Tokenizer


def batch_of(dataset: Dataset, tokenizer: Tokenizer, count: int, length: int) -> Tensor:
    """Streams of real tunes, (count, length), padded with 0 where a tune is shorter."""
    ids = torch.zeros(count, length, dtype=torch.int64)
    for row, piece in enumerate(dataset.pieces[:count]):
        stream = torch.from_numpy(tokenizer.encode(dataset.score(piece)))[: length - 30 * row]
        ids[row, : len(stream)] = stream
        if isinstance(tokenizer, RemiTokenizer):
            ids[row, 0] = tokenizer.bos_of(20 + row)  # any length, where one can be told
    return ids


def model_of(
    tokenizer: Tokenizer, *, cell: str = "lstm", lookback: tuple[int, ...] = (1, 2, 4, 8)
) -> LanguageModel:
    torch.manual_seed(1)
    config = TrainConfig(
        model=LMConfig(cell=cell, embedding_dim=24, hidden_size=48, lookback=lookback)  # type: ignore[arg-type]
    )
    model = build_model(config, tokenizer)
    assert isinstance(model, LanguageModel)
    return model.eval()


def run_in_chunks(model: LanguageModel, ids: Tensor, cuts: list[int]) -> Tensor:
    state, parts = model.init_state(len(ids)), []
    for begin, end in zip([0, *cuts], [*cuts, ids.shape[1]], strict=True):
        logits, state = model(ids[:, begin:end], state)
        parts.append(logits)
    return torch.cat(parts, dim=1)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "transformer"])
@pytest.mark.parametrize("tokenizer_name", ["plain", "rich", "told", "line", "choir"])
def test_any_cutting_gives_the_same_logits(
    cell: str, tokenizer_name: str, tunes: Dataset, request: pytest.FixtureRequest
) -> None:
    tokenizer = request.getfixturevalue(tokenizer_name)
    model = model_of(tokenizer, cell=cell)
    music = request.getfixturevalue("chorales") if tokenizer_name == "choir" else tunes
    ids = batch_of(music, tokenizer, count=3, length=400)
    rng = np.random.default_rng(0)
    with torch.inference_mode():
        whole, _ = model(ids, model.init_state(len(ids)))
        for pieces in (2, 7, 60, 399):
            cuts = np.sort(rng.choice(np.arange(1, 400), pieces - 1, replace=False)).tolist()
            assert torch.allclose(run_in_chunks(model, ids, cuts), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("lookback", [(), (1, 2, 4, 8)])
@pytest.mark.parametrize("tokenizer_name", ["plain", "rich", "told", "line", "choir"])
def test_steps_of_sampling_give_the_same_logits(
    tokenizer_name: str, lookback: tuple[int, ...], tunes: Dataset, request: pytest.FixtureRequest
) -> None:
    """Long streams, of whose past much is dropped, with tables that are kept, from a start in the middle."""
    tokenizer = request.getfixturevalue(tokenizer_name)
    model = model_of(tokenizer, lookback=lookback)
    music = request.getfixturevalue("chorales") if tokenizer_name == "choir" else tunes
    ids = batch_of(music, tokenizer, count=3, length=700)
    with torch.inference_mode():
        whole, after = model(ids, model.init_state(3))
        _, state = model(ids[:, :50], model.init_state(3))
        parts = [whole[:, :50]]
        with model.decoder.keeping(model.decoder.tables()):
            for step in range(50, 700):
                state = forgetful(model, state) if step % 64 == 0 else state
                logits, state = model(ids[:, step : step + 1], state)
                parts.append(logits)
    assert state.place.ids.shape[1] < 700 or tokenizer_name == "line"  # eight of its bars are longer
    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=0)
    assert torch.allclose(state.rnn.cell, after.rnn.cell, atol=1e-5, rtol=0)


@pytest.mark.parametrize("tokenizer_name", ["rich", "line", "choir"])
def test_a_window_on_the_past_changes_nothing(
    tokenizer_name: str, tunes: Dataset, request: pytest.FixtureRequest
) -> None:
    tokenizer = request.getfixturevalue(tokenizer_name)
    model = model_of(tokenizer)
    music = request.getfixturevalue("chorales") if tokenizer_name == "choir" else tunes
    ids = batch_of(music, tokenizer, count=3, length=300)
    with torch.inference_mode():
        whole, _ = model(ids, model.init_state(3))
        _, state = model(ids[:, :20], model.init_state(3))
        parts = [whole[:, :20]]
        with fixed_window(model):
            for step in range(20, 300):
                if step in (20, 100):
                    state = padded(state, 100 if step == 20 else 300)
                logits, state = model(ids[:, step : step + 1], state)
                parts.append(logits)
    assert state.place.ids.shape == (3, 300)
    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=0)


def test_without_look_back_too(tunes: Dataset, plain: Tokenizer) -> None:
    model = model_of(plain, lookback=())
    ids = batch_of(tunes, plain, count=2, length=90)
    with torch.inference_mode():
        whole, _ = model(ids, model.init_state(2))
        assert torch.allclose(run_in_chunks(model, ids, list(range(1, 90))), whole, atol=1e-5, rtol=0)


def test_no_logit_sees_the_future(tunes: Dataset, plain: Tokenizer) -> None:
    model = model_of(plain)
    ids = batch_of(tunes, plain, count=2, length=300)
    changed = ids.clone()
    changed[:, 200:] = ids[:, 100:200]
    with torch.inference_mode():
        before, _ = model(ids, model.init_state(2))
        after, _ = model(changed, model.init_state(2))
    assert torch.equal(before[:, :200], after[:, :200])
    assert not torch.equal(before[:, 200:], after[:, 200:])
