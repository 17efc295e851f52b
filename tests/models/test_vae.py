"""The autoencoder: the law, flat and hierarchical, what z is told by, and the shapes of what it keeps."""

import numpy as np
import pytest
import torch
from torch import Tensor

from musegen.checkpoint.build import build_model
from musegen.config.autoencoder import VAEConfig, VAETrainConfig
from musegen.config.latent import LatentConfig
from musegen.config.settings import DataConfig, TokenizerConfig
from musegen.config.trainer import OptimConfig
from musegen.data.clips import cut_clips
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.views import token_view
from musegen.models.vae import VAE

KINDS = ["remi", "grid", "line"]


def made(dataset: Dataset, kind: str, *, hierarchical: bool, cell: str = "lstm") -> tuple[VAE, Tensor]:
    """A fresh model of four bars, and eight clips, (8, T)."""
    model_config = VAEConfig(
        clip_bars=4,
        embedding_dim=16,
        hidden_size=32,
        latent_dim=24,
        hierarchical=hierarchical,
        cell=cell,  # type: ignore[arg-type]
    )
    config = VAETrainConfig(tokenizer=TokenizerConfig(kind=kind), model=model_config)  # type: ignore[arg-type]
    data = DataConfig(tracks="melody")
    tokenizer = fit_tokenizer(dataset, config.tokenizer, data)
    clips = cut_clips(token_view(dataset, tokenizer, data), tokenizer, bars=4, split="train")
    torch.manual_seed(0)
    model = build_model(config, tokenizer).eval()
    assert isinstance(model, VAE)
    return model, torch.from_numpy(clips.rows(clips.spread(8)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hierarchical", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "transformer"])
def test_any_cutting_gives_the_same_logits(kind: str, hierarchical: bool, cell: str, tunes: Dataset) -> None:
    model, ids = made(tunes, kind, hierarchical=hierarchical, cell=cell)
    rng = np.random.default_rng(0)
    with torch.inference_mode():
        begin = model.init_state(model.posterior(ids).mean)
        whole, _ = model(ids, begin)
        for pieces in (2, 7, ids.shape[1]):
            cuts = np.sort(rng.choice(np.arange(1, ids.shape[1]), pieces - 1, replace=False)).tolist()
            state, parts = begin, []
            for start, stop in zip([0, *cuts], [*cuts, ids.shape[1]], strict=True):
                logits, state = model(ids[:, start:stop], state)
                parts.append(logits)
            assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hierarchical", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "transformer"])
def test_padding_changes_nothing(kind: str, hierarchical: bool, cell: str, tunes: Dataset) -> None:
    model, ids = made(tunes, kind, hierarchical=hierarchical, cell=cell)
    with torch.inference_mode():
        together = model.posterior(ids)
        for row in range(len(ids)):
            alone = model.posterior(ids[row : row + 1, : int((ids[row] != 0).sum())])
            assert torch.allclose(alone.mean[0], together.mean[row], atol=1e-5)
            assert torch.allclose(alone.stddev[0], together.stddev[row], atol=1e-5)


@pytest.mark.parametrize("hierarchical", [False, True])
def test_each_bar_of_a_clip_reaches_z_and_z_each_bar(hierarchical: bool, tunes: Dataset) -> None:
    model, ids = made(tunes, "remi", hierarchical=hierarchical)
    row = ids[:1, : int((ids[0] != 0).sum())]
    pitches = torch.nonzero(model.decoder.tracker.pitch[row[0]] >= 0).flatten().tolist()
    means = []
    for at in (pitches[0], pitches[len(pitches) // 2], pitches[-1]):
        other = row.clone()
        other[0, at] += 1
        means.append(model.posterior(other).mean)
    here = model.posterior(row).mean
    assert all(not torch.allclose(here, mean, atol=1e-3) for mean in means)
    z = here.detach().requires_grad_()
    logits, _ = model(row, model.init_state(z))
    for at in (pitches[0], pitches[-1]):
        [slope] = torch.autograd.grad(logits[0, at].square().sum(), z, retain_graph=True)
        assert slope.abs().max() > 1e-6


def test_dropped_inputs_still_tell_the_place(tunes: Dataset) -> None:
    """With every id hidden, what is left of two clips of one rhythm is their places alone."""
    model, ids = made(tunes, "remi", hierarchical=False)
    row = ids[:1, : int((ids[0] != 0).sum())]
    moved = torch.where(model.decoder.tracker.pitch[row] >= 0, row + 2, row)
    model.decoder.input_dropout = 1.0
    z = torch.zeros(1, model.latent_dim)

    def inside(clip: Tensor) -> Tensor:
        place, _ = model.decoder.tracker(clip, model.init_state(z).decoder.place)
        return model.decoder.run(place, model.init_state(z).decoder.rnn)[0]

    assert not torch.allclose(inside(row), inside(moved), atol=1e-5)
    model.train()
    assert torch.allclose(inside(row), inside(moved), atol=1e-6)


def test_what_is_unset_follows_from_how_long_clips_are() -> None:
    short = VAETrainConfig(model=VAEConfig(clip_bars=2)).settled()
    assert (short.model.hierarchical, short.model.latent_dim, short.model.input_dropout) == (False, 256, 0.0)
    assert short.latent.free_bits == 48.0
    long = VAETrainConfig(model=VAEConfig(clip_bars=16)).settled()
    assert (long.model.hierarchical, long.model.latent_dim, long.model.input_dropout) == (True, 512, 0.5)
    assert long.latent.free_bits == 256.0
    asked = VAETrainConfig(
        model=VAEConfig(clip_bars=16, latent_dim=64, input_dropout=0.0, hierarchical=False),
        latent=LatentConfig(free_bits=8.0),
        optim=OptimConfig(lr=1e-3),
    )
    assert asked.settled() == asked
    assert long.settled() == long
