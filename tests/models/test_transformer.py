"""The transformer: its bounded context, the two parts of its cache, and decoders without features."""

from typing import Any

import numpy as np
import pytest
import torch

from musegen.checkpoint.build import build_model
from musegen.config.settings import DataConfig, LMConfig, TrainConfig
from musegen.data.dataset import Dataset
from musegen.generation.states import choose_rows, fixed_window, forgetful, padded
from musegen.models.lm import LanguageModel
from musegen.models.transformer import Transformer
from musegen.tokenizers import Tokenizer
from tests.models.test_law import batch_of, run_in_chunks

TOKENIZERS = ["plain", "rich", "told", "line", "choir"]
CONTEXT = 48


def model_of(tokenizer: Tokenizer, **settings: Any) -> LanguageModel:
    torch.manual_seed(1)
    config = TrainConfig(model=LMConfig(embedding_dim=24, hidden_size=48, **settings))
    model = build_model(config, tokenizer)
    assert isinstance(model, LanguageModel)
    return model.eval()


def transformer_of(tokenizer: Tokenizer) -> LanguageModel:
    """With a context that is shorter than the streams."""
    return model_of(tokenizer, cell="transformer", context=CONTEXT)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_streams_longer_than_the_context_may_be_cut_anywhere(
    name: str, tunes: Dataset, request: pytest.FixtureRequest
) -> None:
    tokenizer = request.getfixturevalue(name)
    model = transformer_of(tokenizer)
    ids = batch_of(request.getfixturevalue("chorales") if name == "choir" else tunes, tokenizer, 3, 300)
    rng = np.random.default_rng(0)
    with torch.inference_mode():
        whole, _ = model(ids, model.init_state(3))
        for pieces in (2, 7, 60, 299):
            cuts = np.sort(rng.choice(np.arange(1, 300), pieces - 1, replace=False)).tolist()
            assert torch.allclose(run_in_chunks(model, ids, cuts), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["rich", "choir"])
def test_steps_of_sampling_with_a_bounded_cache(
    name: str, tunes: Dataset, request: pytest.FixtureRequest
) -> None:
    """What is out of reach is dropped, the rest settles in the past, and rows leave the batch."""
    tokenizer = request.getfixturevalue(name)
    model = transformer_of(tokenizer)
    ids = batch_of(request.getfixturevalue("chorales") if name == "choir" else tunes, tokenizer, 3, 300)
    with torch.inference_mode():
        whole, _ = model(ids, model.init_state(3))
        _, state = model(ids[:, :50], model.init_state(3))
        for step in range(50, 300):
            state = forgetful(model, state) if step % 16 == 0 else state
            if step == 200:
                ids, whole = ids[[2, 0]], whole[[2, 0]]
                state = choose_rows(state, torch.tensor([2, 0]))
            logits, state = model(ids[:, step : step + 1], state)
            torch.testing.assert_close(logits[:, 0], whole[:, step], atol=1e-5, rtol=0)
            [cache, *_] = state.rnn.layers
            assert cache.past_keys.shape[2] < CONTEXT
            assert cache.keys.shape[2] <= CONTEXT


def test_a_window_with_a_settled_past_changes_nothing(tunes: Dataset, rich: Tokenizer) -> None:
    """As in exported steps: padding before the past and before the ids since then."""
    model = transformer_of(rich)
    ids = batch_of(tunes, rich, 3, 200)
    with torch.inference_mode():
        whole, _ = model(ids, model.init_state(3))
        _, state = model(ids[:, :20], model.init_state(3))
        with fixed_window(model):
            for step in range(20, 200):
                if step % 16 == 4:
                    state = padded(forgetful(model, state), 256, settled=64)
                logits, state = model(ids[:, step : step + 1], state)
                torch.testing.assert_close(logits[:, 0], whole[:, step], atol=1e-5, rtol=0)
        assert state.rnn.layers[0].keys.shape[2] == 256
    assert not model.decoder.rnn.is_windowed  # type: ignore[attr-defined]


def test_nothing_beyond_the_context_is_seen() -> None:
    """Of one layer; two see as far again."""
    torch.manual_seed(0)
    layers = Transformer(input_size=8, hidden_size=8, num_layers=1, heads=2, context=16, dropout=0.0)
    inputs = torch.randn(1, 40, 8)
    changed = inputs.clone()
    changed[:, 10, 0] += 1.0  # the same in all would be normalised away
    with torch.inference_mode():
        before, after = (layers(each, layers.init_state(1))[0] for each in (inputs, changed))
    differs = (before - after).abs().amax(dim=2)[0] > 1e-6
    assert torch.nonzero(differs).flatten().tolist() == list(range(10, 26))


def test_only_distances_count() -> None:
    """Rotary positions: the same inputs later in a stream have the same outputs, as far as they see."""
    torch.manual_seed(0)
    layers = Transformer(input_size=8, hidden_size=8, num_layers=2, heads=2, context=16, dropout=0.0)
    inputs = torch.randn(1, 20, 8)
    first = layers.init_state(1)
    later = first._replace(total=first.total + 500, settled=first.settled + 500)
    with torch.inference_mode():
        torch.testing.assert_close(layers(inputs, first)[0], layers(inputs, later)[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("cell", ["lstm", "transformer"])
@pytest.mark.parametrize("name", ["rich", "choir"])
def test_without_features_the_law_holds_too(
    cell: str, name: str, tunes: Dataset, request: pytest.FixtureRequest
) -> None:
    tokenizer = request.getfixturevalue(name)
    model = model_of(tokenizer, cell=cell, features=False)
    weights = {weight.partition(".")[0] for weight, _ in model.decoder.named_parameters()}
    assert weights == {"embedding", "input", "rnn", "logits"}
    ids = batch_of(request.getfixturevalue("chorales") if name == "choir" else tunes, tokenizer, 3, 200)
    with torch.inference_mode():
        whole, _ = model(ids, model.init_state(3))
        stepped = run_in_chunks(model, ids, list(range(1, 200)))
        assert torch.allclose(stepped, whole, atol=1e-5, rtol=0)


def test_the_context_is_that_of_the_training_windows_by_default() -> None:
    config = TrainConfig(data=DataConfig(window=256), model=LMConfig(cell="transformer"))
    assert config.settled().model.context == 256
    assert TrainConfig().settled().model.context is None
    assert config.settled().optim.lr != TrainConfig().settled().optim.lr
