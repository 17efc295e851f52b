"""The distributions of a performer, and the noise of its takes."""

import numpy as np
import pytest
import torch

from musegen.checkpoint.build import build_model
from musegen.checkpoint.sizes import CLASSES
from musegen.config.performer import PerformerConfig, PerformerTrainConfig
from musegen.errors import ConfigError
from musegen.models.noise import fit_noise, sample_noise
from musegen.models.performer import QUANTITIES, SCALES, Performer, classes_of, normal_scores, quantiles
from musegen.music.performance import frame_of, notes_of, sheet_of
from musegen.tokenizers import RemiTokenizer
from tests.played_fixtures import beat


@pytest.mark.parametrize("name", QUANTITIES)
def test_quantiles_are_the_inverse_of_the_distribution(name: str) -> None:
    rng = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(SCALES[name].classes, generator=rng, dtype=torch.float64)
    shares = torch.rand(200_000, generator=rng, dtype=torch.float64)
    values = quantiles(name, logits.expand(len(shares), -1), shares)
    found = torch.bincount(classes_of(name, values), minlength=SCALES[name].classes).double()
    found = found / len(shares)
    assert torch.allclose(found, logits.softmax(0), atol=0.005)
    own = values[:1000]
    assert (own.sort().values == own[shares[:1000].argsort()]).all()


@pytest.mark.parametrize("name", QUANTITIES)
def test_scores_of_values_from_the_distribution_are_normal(name: str) -> None:
    rng = torch.Generator().manual_seed(1)
    logits = torch.randn(SCALES[name].classes, generator=rng, dtype=torch.float64).expand(20_000, -1)
    values = quantiles(name, logits, torch.rand(20_000, generator=rng, dtype=torch.float64))
    scores = normal_scores(name, logits, values)
    assert abs(float(scores.mean())) < 0.03
    assert abs(float(scores.std()) - 1) < 0.03


def test_every_velocity_is_kept() -> None:
    velocity = torch.arange(1, 128)
    classes = classes_of("velocity", velocity)
    logits = 100.0 * torch.nn.functional.one_hot(classes, SCALES["velocity"].classes)
    assert (quantiles("velocity", logits, 0.5) - velocity).abs().max() <= 0.5 + 1e-6


def test_sizes_that_are_checked_are_those_of_the_model() -> None:
    assert {name: scale.classes for name, scale in SCALES.items()} == CLASSES


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "transformer"])
def test_padding_changes_nothing(cell: str, plain: RemiTokenizer) -> None:
    torch.manual_seed(0)
    model_config = PerformerConfig(cell=cell, embedding_dim=8, hidden_size=32)  # type: ignore[arg-type]
    model = build_model(PerformerTrainConfig(model=model_config), plain).eval()
    assert isinstance(model, Performer)
    sheets = [sheet_of(notes_of(beat(n)), frame_of(beat(n)), 4) for n in (0, 1)]
    features = torch.stack([torch.from_numpy(each.features) for each in sheets])
    tempo = torch.full(features.shape[:2], 100.0)
    lengths = torch.tensor([64, 40])
    with torch.inference_mode():
        both = model(features, tempo, lengths)
        alone = model(features[1:, :40], tempo[1:, :40], lengths[1:])
        forwards = model(features[:, :41], tempo[:, :41], torch.tensor([41, 41]))
    for name in QUANTITIES:
        assert torch.allclose(both[name][1, :40], alone[name][0], atol=1e-5)
        # what follows is read as well
        assert not torch.allclose(forwards[name][0, :40], both[name][0, :40], atol=1e-5)


def test_settings_of_other_families_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.features is for models that write token by token"):
        PerformerConfig(features=False)
    with pytest.raises(ConfigError, match="it must be even"):
        PerformerConfig(hidden_size=33)


def test_noise_is_fitted_to_what_it_made() -> None:
    noise = np.array([[0.2, 0.3, 0.25, 4.0], [0.0, 0.6, 0.0, 2.0], [0.0, 0.0, 0.0, 1.0]])
    rng = np.random.default_rng(0)
    beats = [np.repeat(np.arange(400) / 4, 2) for _ in range(60)]
    scores = [sample_noise(noise, when, rng) for when in beats]
    whole = np.concatenate(scores)
    assert np.allclose(whole.std(axis=0), 1, atol=0.06)
    found = fit_noise(scores, beats)
    assert np.allclose(found[:, :3], noise[:, :3], atol=0.08)
    assert found[0, 3] == pytest.approx(4.0, rel=0.5)
    assert found[1, 3] == pytest.approx(2.0, rel=0.5)


def test_notes_that_lack_a_quantity_do_not_count() -> None:
    noise = np.array([[0.0, 0.6, 0.0, 2.0], [0.0, 0.6, 0.0, 2.0]])
    rng = np.random.default_rng(0)
    beats = [np.arange(800) / 4 for _ in range(40)]
    scores = [sample_noise(noise, when, rng) for when in beats]
    for each in scores:
        each[rng.random(800) < 0.5, 1] = np.nan
    assert np.allclose(*fit_noise(scores, beats)[:, :3], atol=0.08)


def test_noise_of_too_few_notes_is_white() -> None:
    found = fit_noise([np.ones((5, 3))], [np.arange(5.0)])
    assert (found[:, :3] == 0).all()
    taken = sample_noise(found, np.arange(1000.0), np.random.default_rng(0))
    assert abs(np.corrcoef(taken[:-1, 0], taken[1:, 0])[0, 1]) < 0.1
