"""Batches of clips, the watch over the latent space, and training with sliders."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from musegen.checkpoint.folder import load_checkpoint
from musegen.config.autoencoder import VAEConfig, VAETrainConfig
from musegen.config.latent import LatentConfig
from musegen.config.settings import DataConfig, TokenizerConfig
from musegen.config.trainer import OptimConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.views import token_view
from musegen.errors import ConfigError
from musegen.models.vae import VAE
from musegen.tokenizers import Tokenizer
from musegen.training.callbacks import WatchCollapse
from musegen.training.clip_batches import ClipDataModule
from musegen.training.train import train
from tests.music_fixtures import TINY

SLIDERS = VAETrainConfig(
    model=VAEConfig(embedding_dim=16, hidden_size=32, latent_dim=32, clip_bars=1),
    latent=LatentConfig(sliders=5.0),
    optim=OptimConfig(batch_tokens=2048, lr=1e-2),
    trainer=replace(TINY.trainer, max_steps=12, val_check_interval=12),
)


@pytest.fixture(scope="module")
def tokenizer(tunes: Dataset) -> Tokenizer:
    return fit_tokenizer(tunes, TokenizerConfig(kind="remi"), SLIDERS.data)


@pytest.fixture(scope="module")
def module(tunes: Dataset, tokenizer: Tokenizer) -> ClipDataModule:
    view = token_view(tunes, tokenizer, SLIDERS.data)
    return ClipDataModule(view, tokenizer, SLIDERS, 2048)


def test_an_epoch_has_every_clip_once_in_batches_that_fit(module: ClipDataModule) -> None:
    batches = module.train_batches(0)
    dealt = np.concatenate(batches.plan)
    assert np.array_equal(np.sort(dealt), np.arange(len(module.train_clips.piece)))
    sizes = [batches[i]["ids"].shape for i in range(len(batches))]
    assert all(rows * width <= 2048 for rows, width in sizes)
    assert sum(rows * width for rows, width in sizes) < 1.2 * len(module.train_clips.ids)  # little padding
    again, later = module.train_batches(0), module.train_batches(1)
    assert all(np.array_equal(a, b) for a, b in zip(batches.plan, again.plan, strict=True))
    assert not np.array_equal(dealt, np.concatenate(later.plan))
    assert torch.equal(batches[3]["changed"], again[3]["changed"])


def test_transposition_moves_every_pitch_alike(module: ClipDataModule, tokenizer: Tokenizer) -> None:
    batches = module.train_batches(0)
    pitch = tokenizer.tables.pitch
    for index in range(3):
        own = module.train_clips.rows(batches.plan[index])
        batch = batches[index]
        moved = pitch[batch["ids"].numpy()] - pitch[own]
        shifts = batches.shifts[index]
        assert np.array_equal(moved, np.where(pitch[own] >= 0, shifts[:, None], 0))
        apart = batch["attributes"].numpy() - module.attributes[batches.plan[index]]
        assert apart[:, 3] == pytest.approx(shifts, abs=1e-4)
        assert apart[:, :3] == pytest.approx(0, abs=1e-5)
    assert set(np.concatenate(batches.shifts)) == set(range(-5, 6))


def test_sliders_are_calibrated_in_the_checkpoint(tunes: Dataset, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(train(SLIDERS, tunes, tmp_path / "out", say=lambda _: None))
    assert isinstance(checkpoint.model, VAE)
    slope, offset = checkpoint.model.slider_slope, checkpoint.model.slider_offset
    assert (slope != 0).all()
    assert offset.isfinite().all()
    # At the mean of z a slider stands at the mean of its attribute: pitches of tunes, notes a bar.
    assert 60 < offset[3] + slope[3] * checkpoint.model.mixture_means[:, 3].mean() < 90


@pytest.mark.parametrize(
    ("data", "tokenizer"),
    [
        (DataConfig(tracks="all"), TokenizerConfig()),
        (DataConfig(tracks="melody"), TokenizerConfig(kind="grid")),
        (DataConfig(tracks="melody"), TokenizerConfig(velocity=True)),
    ],
)
def test_sliders_of_anything_but_a_line_are_refused(data: DataConfig, tokenizer: TokenizerConfig) -> None:
    with pytest.raises(ConfigError, match="monophonic clips"):
        replace(SLIDERS, data=data, tokenizer=tokenizer)


def test_a_collapse_is_said_once_and_late() -> None:
    said: list[str] = []
    watch = WatchCollapse(said.append)

    def validate(step: int, kl: float) -> None:
        figures = {"val_kl": torch.tensor(kl), "val_active_units": torch.tensor(3.0)}
        trainer = SimpleNamespace(callback_metrics=figures, global_step=step, max_steps=100)
        watch.on_validation_end(trainer, None)  # type: ignore[arg-type]

    validate(10, 0.1)
    validate(50, 20.0)
    assert not said
    validate(75, 0.1)
    validate(100, 0.1)
    assert len(said) == 1
    assert "3 dimensions" in said[0]
    assert "⟨latent.beta⟩" in said[0]
