"""MiniBach: what it sees and what it does not, on real chorales."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from musegen.checkpoint.build import build_model
from musegen.checkpoint.folder import load_checkpoint
from musegen.config.encoder import EncoderConfig
from musegen.config.settings import DataConfig, LMConfig, Seq2SeqTrainConfig, TokenizerConfig, TrainConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.views import TokenView, config_view
from musegen.errors import ConfigError
from musegen.evaluation.likelihood import model_view, padded, split_likelihood
from musegen.models.losses import token_nats
from musegen.models.minibach import EXCERPT, MiniBach
from musegen.tokenizers import Kind, Tokenizer
from musegen.training.train import train
from tests.music_fixtures import TINY

CONFIG = Seq2SeqTrainConfig(
    model=LMConfig(cell="mlp", hidden_size=16, dropout=0.0), optim=TINY.optim, trainer=TINY.trainer
)


@pytest.fixture(scope="module")
def tokenizer(chorales: Dataset) -> Tokenizer:
    return fit_tokenizer(chorales, CONFIG.settled_tokenizer, CONFIG.data, pairs=True)


@pytest.fixture(scope="module")
def view(chorales: Dataset, tokenizer: Tokenizer) -> TokenView:
    return config_view(CONFIG, chorales, tokenizer)


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> MiniBach:
    torch.manual_seed(0)
    found = build_model(CONFIG, tokenizer)
    assert isinstance(found, MiniBach)
    return found.eval()


@pytest.fixture(scope="module")
def batch(view: TokenView) -> tuple[Tensor, Tensor]:
    """The melodies and the accompaniments of two chorales."""
    source, ids = padded(view, [0, 1], torch.device("cpu"))
    assert source is not None
    return source, ids


def test_any_cutting_gives_the_same_logits(model: MiniBach, batch: tuple[Tensor, Tensor]) -> None:
    source, ids = batch
    rng = np.random.default_rng(0)
    with torch.inference_mode():
        begin = model.init_state(source)
        whole, _ = model(ids, begin)
        for pieces in (2, 7, 60):
            cuts = np.sort(rng.choice(np.arange(1, ids.shape[1]), pieces - 1, replace=False)).tolist()
            state, parts = begin, []
            for start, stop in zip([0, *cuts], [*cuts, ids.shape[1]], strict=True):
                logits, state = model(ids[:, start:stop], state)
                parts.append(logits)
            assert torch.equal(torch.cat(parts, dim=1), whole)


def bars_of(model: MiniBach, ids: Tensor) -> Tensor:
    """The bar of each id, from 0."""
    return (model.kind[ids] == Kind.BAR.value).cumsum(0) - 1


def test_an_excerpt_of_the_melody_decides_its_own_bars_and_no_others(
    model: MiniBach, batch: tuple[Tensor, Tensor]
) -> None:
    source, ids = (each[:1] for each in batch)
    pitches = torch.nonzero((model.kind[source[0]] == Kind.PITCH.value) & (bars_of(model, source[0]) == 5))
    other = source.clone()
    other[0, pitches[0]] += 1
    with torch.inference_mode():
        logits, _ = model(ids, model.init_state(source))
        changed, _ = model(ids, model.init_state(other))
    differs = (logits != changed).any(dim=2)[0]
    assert set((bars_of(model, ids[0])[differs] // EXCERPT).tolist()) == {1}
    is_symbol = model.kind[ids[0]] >= Kind.PITCH.value
    assert differs.sum() == (is_symbol & (bars_of(model, ids[0]) // EXCERPT == 1)).sum()  # all voices of all


def test_nothing_written_is_an_input(model: MiniBach, batch: tuple[Tensor, Tensor]) -> None:
    source, ids = batch
    other = torch.where(model.kind[ids] == Kind.PITCH.value, model.first + 60, ids)
    with torch.inference_mode():
        assert torch.equal(model(ids, model.init_state(source))[0], model(other, model.init_state(source))[0])


def test_bar_lines_and_metres_follow_from_the_melody(model: MiniBach, batch: tuple[Tensor, Tensor]) -> None:
    source, ids = batch
    with torch.inference_mode():
        nats = token_nats(model(ids[:, :-1], model.init_state(source))[0], ids[:, 1:])
    kind = model.kind[ids[:, 1:]]
    is_mark = (kind == Kind.BAR.value) | (kind == Kind.TIME_SIGNATURE.value)
    assert nats[is_mark].max() < 1e-4
    assert nats[kind == Kind.EOS.value] == pytest.approx(np.log(2))
    sounds = nats[kind >= Kind.PITCH.value]
    assert 0 < sounds.min() < sounds.max() < 20


def test_in_training_the_bars_of_a_piece_change_their_places(
    model: MiniBach, batch: tuple[Tensor, Tensor]
) -> None:
    source, _ = batch
    model.train()
    torch.manual_seed(0)
    with torch.inference_mode():
        found = {float(model.init_state(source).memory.symbols.sum()) for _ in range(20)}
    model.eval()
    assert len(found) == EXCERPT


def test_it_learns(chorales: Dataset, tmp_path: Path) -> None:
    settings = replace(CONFIG, trainer=replace(TINY.trainer, max_steps=60, val_check_interval=30))
    checkpoint = load_checkpoint(train(settings, chorales, tmp_path / "mini", say=lambda _: None))
    assert checkpoint.config.model.num_layers == 1
    fitted = split_likelihood(checkpoint, chorales, model_view(checkpoint, chorales), "train")
    fresh = replace(checkpoint, module=build_model(CONFIG, checkpoint.tokenizer).eval())
    before = split_likelihood(fresh, chorales, model_view(checkpoint, chorales), "train")
    assert fitted.nats.sum() < 0.5 * before.nats.sum()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": DataConfig(holes="tracks")}, "data.holes tracks does not go with model.cell mlp"),
        ({"tokenizer": TokenizerConfig(kind="remi")}, "tokenizer remi does not go with model.cell mlp"),
        ({"encoder": EncoderConfig(reach=3)}, "encoder.reach 3 does not go with"),
        ({"model": replace(CONFIG.model, num_layers=3)}, "model.num_layers 3 does not go with"),
    ],
)
def test_settings_of_other_cells_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(CONFIG, **settings)  # type: ignore[arg-type]


def test_it_is_for_accompaniments_of_three_voices(chorales: Dataset) -> None:
    with pytest.raises(ConfigError, match="is for family seq2seq, and this is family lm"):
        TrainConfig(model=LMConfig(cell="mlp"))
    two = replace(CONFIG, data=DataConfig(accompaniment=("alto", "bass")))
    tokenizer = fit_tokenizer(chorales, two.settled_tokenizer, two.data, pairs=True)
    with pytest.raises(ConfigError, match="music of four voices, and here the melody is accompanied by 2"):
        build_model(two, tokenizer)


def test_a_setting_is_as_the_configuration_of_a_checkpoint_has_it() -> None:
    assert CONFIG.settled().settled() == CONFIG.settled()
    assert CONFIG.settled_tokenizer == TokenizerConfig(kind="grid", positions=4, lengths=False)
