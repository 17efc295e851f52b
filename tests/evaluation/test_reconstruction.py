"""How true a VAE is to clips, beside systems that know nothing; and that training makes it truer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musegen.checkpoint.folder import Checkpoint, load_checkpoint, save_checkpoint
from musegen.config.autoencoder import VAEConfig, VAETrainConfig
from musegen.config.trainer import OptimConfig
from musegen.data.clips import clip_notes, cut_clips
from musegen.data.dataset import Dataset
from musegen.evaluation.likelihood import model_view
from musegen.evaluation.reconstruction import choose, measure_reconstruction
from musegen.metrics.note_f1 import Notes, found_again, positions
from musegen.models.vae import VAE
from musegen.training.train import train
from tests.music_fixtures import TINY


def notes(*rows: tuple[int, int, int, int]) -> Notes:
    """Clip, onset, duration and pitch of each."""
    return Notes(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


def test_f1_by_hand() -> None:
    wanted = notes((0, 0, 4, 60), (0, 4, 4, 62), (0, 8, 4, 64), (1, 0, 4, 60))
    found = notes((0, 0, 4, 60), (0, 4, 2, 62), (0, 9, 4, 64), (0, 12, 4, 65))
    plain = found_again(wanted, found, 3)
    assert plain[0].tolist() == pytest.approx([2 / 4, 2 / 3, 4 / 7])
    assert plain[1].tolist() == plain[2].tolist() == [0, 0, 0]
    assert found_again(wanted, found, 1, with_durations=True)[0, 2] == pytest.approx(2 / 7)


def test_positions_strike_hold_and_rest() -> None:
    hold, rest = 128, 129
    line = positions(notes((0, 0, 3, 60), (0, 4, 2, 62)), length=8, step=1)
    assert line.tolist() == [60, hold, hold, rest, 62, hold, rest, rest]
    assert positions(notes((0, 0, 3, 60), (0, 4, 2, 62)), length=8, step=2).tolist() == [60, hold, 62, rest]
    assert positions(notes((0, -1, 9, 0)), length=8, step=2).tolist() == [hold] * 4


@pytest.fixture(scope="module")
def trained(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    config = VAETrainConfig(
        model=VAEConfig(embedding_dim=32, hidden_size=64, latent_dim=64, clip_bars=1),
        optim=OptimConfig(batch_tokens=2048, lr=1e-2),
        trainer=replace(TINY.trainer, max_steps=80, val_check_interval=40),
    )
    folder = tmp_path_factory.mktemp("checkpoints") / "one-bar"
    return load_checkpoint(train(config, tunes, folder, say=lambda _: None))


@pytest.fixture(scope="module")
def untrained(trained: Checkpoint, tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    from musegen.checkpoint.build import build_model

    folder = tmp_path_factory.mktemp("checkpoints") / "fresh"
    fresh = build_model(trained.config, trained.tokenizer)
    kept = {"config": trained.config, "tokenizer": trained.tokenizer, "data": trained.data}
    save_checkpoint(folder, dataset=tunes.name, model=fresh, metrics={}, **kept)  # type: ignore[arg-type]
    return load_checkpoint(folder)


def test_training_makes_clips_come_back(trained: Checkpoint, untrained: Checkpoint, tunes: Dataset) -> None:
    figures = measure_reconstruction(trained, tunes, limit=60)
    before = measure_reconstruction(untrained, tunes, limit=60)
    f1, fresh_f1 = (found["systems"]["model"]["note_f1"]["mean"] for found in (figures, before))
    assert f1 > fresh_f1 + 0.15
    assert figures["reconstruction_nats"] < before["reconstruction_nats"] / 2
    assert figures["measured"] <= 60 < figures["clips"]
    assert 0 < figures["active_units"] <= figures["latent_dim"] == 64
    holds = figures["systems"]["all_holds"]
    assert holds["note_f1"]["mean"] == 0.0
    assert holds["positions_24"]["mean"] > holds["positions_16ths"]["mean"] > 0.1


def test_the_nearest_training_clip_of_a_training_clip_is_itself(trained: Checkpoint, tunes: Dataset) -> None:
    figures = measure_reconstruction(trained, tunes, "train", limit=20)
    assert figures["known_share"] == 1.0
    assert figures["systems"]["nearest_training_clip"]["whole"]["mean"] == 1.0


def test_clips_known_from_training_are_left_out(trained: Checkpoint, tunes: Dataset) -> None:
    tables = trained.tokenizer.tables
    view = model_view(trained, tunes)
    training, clips = (cut_clips(view, trained.tokenizer, bars=1, split=split) for split in ("train", "test"))

    def shapes(of_clips: object) -> list[bytes]:
        heard = clip_notes(of_clips.ids, of_clips.offsets, tables)  # type: ignore[attr-defined]
        each = [heard.of(i) for i in range(len(of_clips.piece))]  # type: ignore[attr-defined]
        return [np.stack([n.onset, n.duration, n.pitch - n.pitch[0]]).tobytes() for n in each]

    known = set(shapes(training))
    is_new = [shape not in known for shape in shapes(clips)]
    chosen = choose(clips, training, tables, limit=10**6, is_training=False)
    assert chosen.which.tolist() == np.flatnonzero(is_new).tolist()
    assert chosen.known == pytest.approx(1 - np.mean(is_new))
    assert 0 < len(chosen.which) < len(clips.piece)


def test_a_checkpoint_keeps_its_latent_space(trained: Checkpoint) -> None:
    assert isinstance(trained.model, VAE)
    weights = trained.model.mixture_log_weights
    assert weights.exp().sum().item() == pytest.approx(1.0, abs=1e-4)
    assert trained.model.mixture_means.abs().max() > 0.1
    assert len(trained.metrics["valid"]["kl_per_dimension"]) == 64
    assert trained.data["metres"]
    assert Path(trained.path / "README.md").read_text("utf-8").startswith("# one-bar")
