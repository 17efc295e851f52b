"""Autoencoders of every kind, really trained, from their settings to their checkpoints."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from musegen.checkpoint.folder import load_checkpoint
from musegen.config.autoencoder import VAEConfig, VAETrainConfig
from musegen.config.latent import LatentConfig
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError
from musegen.evaluation.clip_sets import ClipSet
from musegen.generation.latent import latent_of
from musegen.models.vae import VAE, keep_largest
from musegen.training.train import train
from musegen.training.vae_module import with_wrong_notes
from tests.music_fixtures import TINY

KINDS = ("autoencoder", "sparse", "denoising")


def config_of(kind: str, **latent: object) -> VAETrainConfig:
    """Settings of a tiny run."""
    return VAETrainConfig(
        model=VAEConfig(embedding_dim=16, hidden_size=32, latent_dim=16, clip_bars=2),
        latent=LatentConfig(kind=kind, **latent),  # type: ignore[arg-type]
        optim=TINY.optim,
        trainer=TINY.trainer,
    )


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    latent = {"active": 4} if request.param == "sparse" else {}
    out = tmp_path_factory.mktemp("kinds") / request.param
    return train(config_of(request.param, **latent), tunes, out, say=lambda _: None)


def test_a_run_leaves_a_checkpoint_of_its_kind(folder: Path, tunes: Dataset) -> None:
    checkpoint = load_checkpoint(folder)
    assert isinstance(checkpoint.config, VAETrainConfig)
    assert checkpoint.config.latent.kind == folder.name
    assert checkpoint.config.latent.free_bits is None
    assert not [name for name in checkpoint.model.state_dict() if "encoder.scale" in name]
    valid = checkpoint.metrics["valid"]
    assert len(valid["variance_per_dimension"]) == 16
    assert "kl" not in valid
    clips = ClipSet(checkpoint, tunes, "train")
    codes = np.stack([latent_of(clips.machine, clips.ids(index)) for index in range(8)])
    assert codes.std(axis=0).max() > 0
    if folder.name == "sparse":
        assert (codes >= 0).all()
        assert ((codes > 0).sum(axis=1) <= 4).all()
    fitted = checkpoint.model.state_dict()["mixture_means"]
    assert fitted.isfinite().all()
    assert fitted.std() > 0


def test_fine_tuning_keeps_the_kind(folder: Path, tunes: Dataset, tmp_path: Path) -> None:
    config = replace(config_of("variational"), trainer=replace(TINY.trainer, max_steps=2))
    tuned = load_checkpoint(train(config, tunes, tmp_path / "tuned", init=folder, say=lambda _: None))
    assert isinstance(tuned.config, VAETrainConfig)
    assert tuned.config.latent.kind == folder.name
    fixed = frozenset({"latent.kind"})
    with pytest.raises(ConfigError, match=f"latent.kind variational: .* stays {folder.name}"):
        train(config, tunes, tmp_path / "other", init=folder, fixed=fixed, say=lambda _: None)


def test_a_sparse_code_has_the_largest_values_above_zero() -> None:
    code = torch.tensor([[3.0, -1.0, 2.0, 0.5], [-1.0, -2.0, 0.1, -3.0]])
    assert keep_largest(code, 2).tolist() == [[3.0, 0.0, 2.0, 0.0], [0.0, 0.0, pytest.approx(0.1), 0.0]]
    assert torch.equal(keep_largest(keep_largest(code, 2), 2), keep_largest(code, 2))


def test_a_decoder_sees_only_the_sparse_part_of_any_point(tunes: Dataset, folder: Path) -> None:
    model = load_checkpoint(folder).model
    assert isinstance(model, VAE)
    del tunes
    z = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    same = torch.equal(model.init_state(z).code, model.init_state(keep_largest(z, 4)).code)
    assert same == (folder.name == "sparse")


def test_wrong_notes_are_pitches_of_the_batch_and_nothing_else_changes() -> None:
    is_note = torch.tensor([0, 0, 0, 1, 1, 1, 1])
    ids = torch.tensor([[1, 3, 2, 4, 2], [1, 5, 2, 3, 0]])
    torch.manual_seed(0)
    assert torch.equal(with_wrong_notes(ids, is_note, 0.0), ids)
    seen = torch.stack([with_wrong_notes(ids, is_note, 1.0) for _ in range(50)])
    assert torch.equal(seen[:, ids < 3], ids[ids < 3].expand(50, -1))
    assert set(seen[:, ids >= 3].flatten().tolist()) == {3, 4, 5}
    silent = torch.tensor([[1, 2, 2]])
    assert torch.equal(with_wrong_notes(silent, is_note, 1.0), silent)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"kind": "autoencoder", "beta": 0.5},
            "latent.beta is for latent.kind variational, and it is auto",
        ),
        ({"kind": "sparse", "sliders": 1.0}, "latent.sliders is for latent.kind variational"),
        ({"kind": "denoising", "active": 3}, "latent.active is for latent.kind sparse"),
        (
            {"noise": 0.5},
            "latent.noise is for latent.kind denoising, and it is variational: leave it out",
        ),
    ],
)
def test_settings_of_another_kind_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LatentConfig(**settings)  # type: ignore[arg-type]


def test_no_more_units_can_be_active_than_there_are() -> None:
    with pytest.raises(ConfigError, match=r"latent\.active is 17: of 16 units"):
        config_of("sparse", active=17).settled()
