"""Exported steps of transformers: the ids of torch, in every family, within and beyond the context."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musegen.checkpoint.folder import load_checkpoint
from musegen.config.autoencoder import VAEConfig, VAETrainConfig
from musegen.config.settings import Seq2SeqTrainConfig, TrainConfig
from musegen.data.dataset import Dataset
from musegen.generation.backends import machine_of
from musegen.generation.exported import Exported
from musegen.training.train import train
from tests.generation.test_exported import ids, in_torch, written
from tests.music_fixtures import TINY

CELL: dict[str, Any] = {"cell": "transformer", "context": 64}


def trained_on(dataset: Dataset, config: TrainConfig, out: Path) -> Path:
    return train(config, dataset, out, say=lambda _: None)


def compare(folder: Path) -> Exported:
    """The ids of both machines, for rows that end at different times, and of a row alone."""
    checkpoint = load_checkpoint(folder)
    machine = machine_of(checkpoint)
    assert isinstance(machine, Exported)
    for seed in (1, 2):
        together = ids(written(checkpoint, machine, num=3, seed=seed))
        assert together == ids(written(checkpoint, in_torch(checkpoint), num=3, seed=seed))
        assert max(map(len, together)) > 2
    [alone] = ids(written(checkpoint, machine, num=1, seed=2))
    assert alone in together
    return machine


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MUSEGEN_EXPORT", "1")


@pytest.mark.usefixtures("cache")
def test_language_models(tunes: Dataset, tmp_path: Path) -> None:
    """Their pieces are longer than the context, so what the steps keep of the past is bounded."""
    folder = trained_on(tunes, replace(TINY, model=replace(TINY.model, **CELL)), tmp_path / "lm")
    machine = compare(folder)
    checkpoint = load_checkpoint(folder)
    assert max(len(each) for each in ids(written(checkpoint, machine, num=3, seed=1))) > 64
    assert "2 transformer layers of 32" in (folder / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("kind", ["accompaniment", "clips", "without features"])
def test_other_models(kind: str, tunes: Dataset, chorales: Dataset, tmp_path: Path) -> None:
    shared = {"data": TINY.data, "optim": TINY.optim, "trainer": TINY.trainer}
    if kind == "accompaniment":
        config: TrainConfig = Seq2SeqTrainConfig(model=replace(TINY.model, **CELL), **shared)  # type: ignore[arg-type]
        compare(trained_on(chorales, config, tmp_path / "choir"))
    elif kind == "clips":
        model = VAEConfig(embedding_dim=16, hidden_size=32, latent_dim=16, clip_bars=2, **CELL)
        config = VAETrainConfig(model=model, optim=TINY.optim, trainer=TINY.trainer)
        compare(trained_on(tunes, config, tmp_path / "clips"))
    else:
        for cell in ("transformer", "gru"):
            config = replace(TINY, model=replace(TINY.model, cell=cell, features=False))
            machine = compare(trained_on(tunes, config, tmp_path / cell))
            stream = np.array([[1] + [5] * 99])
            torch = in_torch(load_checkpoint(tmp_path / cell))
            [exported], [own] = (each.call("nats", stream) for each in (machine, torch))
            np.testing.assert_allclose(exported, own, atol=1e-4)
