"""Real training, tiny."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from musegen.checkpoint import load_checkpoint
from musegen.config import OptimConfig, TrainerConfig
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.errors import ConfigError, DataError, MusegenError
from musegen.music.read import read_score
from musegen.music.write import write_score
from musegen.training.module import lr_factor
from musegen.training.setup import parts
from musegen.training.train import train
from tests.music_fixtures import TINY


def quiet(_: str) -> None:
    pass


def validations(checkpoint: Path) -> list[float]:
    """Bits a note at each validation of a run."""
    with (checkpoint / "logs" / "csv" / "metrics.csv").open() as file:
        return [
            float(row["val_bits_per_note"]) for row in csv.DictReader(file) if row.get("val_bits_per_note")
        ]


def test_it_learns_and_leaves_a_whole_checkpoint(trained: Path, tunes: Dataset) -> None:
    bits = validations(trained)
    assert len(bits) == 2
    assert bits[-1] < bits[0]
    checkpoint = load_checkpoint(trained)
    assert checkpoint.metrics["valid"]["bits_per_note"] == pytest.approx(min(bits), abs=1e-4)
    assert {entry["name"] for entry in checkpoint.data["train"]} == {p.name for p in tunes.split("train")}
    for sample in (trained / "samples").iterdir():
        score, repairs = read_score(sample)
        assert score.note_num() > 0
        assert not repairs
    assert list((trained / "logs" / "tensorboard").iterdir())


def test_nothing_in_a_checkpoint_names_a_path(trained: Path, tunes: Dataset) -> None:
    for name in ("config.json", "tokenizer.json", "data.json", "metrics.json", "README.md"):
        text = (trained / name).read_text("utf-8")
        assert str(trained.parent) not in text
        assert str(tunes.path.parent) not in text


def test_the_same_seed_gives_the_same_weights(tunes: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, trainer=replace(TINY.trainer, max_steps=3, val_check_interval=3))
    hashes = [load_checkpoint(train(config, tunes, tmp_path / name, say=quiet)).sha256 for name in ("a", "b")]
    other = load_checkpoint(train(replace(config, seed=1), tunes, tmp_path / "c", say=quiet)).sha256
    assert hashes[0] == hashes[1] != other


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "adagrad"])
def test_every_optimizer_steps(optimizer: str, tunes: Dataset, tmp_path: Path) -> None:
    config = replace(
        TINY,
        optim=OptimConfig(optimizer=optimizer, lr=1e-2, batch_tokens=2048),  # type: ignore[arg-type]
        trainer=replace(TINY.trainer, max_steps=4, val_check_interval=2),
    )
    bits = validations(train(config, tunes, tmp_path / "out", say=quiet))
    assert bits[-1] < bits[0]


def test_fine_tuning_starts_where_the_other_ended(trained: Path, tunes: Dataset, tmp_path: Path) -> None:
    config = replace(
        TINY,
        optim=replace(TINY.optim, lr=1e-9),
        trainer=replace(TINY.trainer, max_steps=1, val_check_interval=1),
    )
    tuned = load_checkpoint(train(config, tunes, tmp_path / "tuned", init=trained, say=quiet))
    before = load_checkpoint(trained)
    assert tuned.metrics["valid"]["bits_per_note"] == pytest.approx(
        before.metrics["valid"]["bits_per_note"], abs=0.01
    )
    assert tuned.tokenizer.vocab == before.tokenizer.vocab


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_files_is_enough(count: int, tunes: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "midis"
    folder.mkdir()
    for index, piece in enumerate(tunes.pieces[:count]):
        write_score(tunes.score(piece), folder / f"{index}.mid")
    few = prepare(str(folder), tmp_path / "few", workers=1)
    config = replace(TINY, trainer=replace(TINY.trainer, max_steps=2, val_check_interval=None))
    assert (
        load_checkpoint(train(config, few, tmp_path / "out", say=quiet)).metrics["valid"]["bits_per_note"] > 0
    )


def test_diverging_stops_at_once_and_says_so(tunes: Dataset, tmp_path: Path) -> None:
    config = replace(
        TINY, optim=OptimConfig(optimizer="sgd", lr=1e30, clip=1e30, warmup=0.0, batch_tokens=2048)
    )
    with pytest.raises(MusegenError, match="lower --optim"):
        train(config, tunes, tmp_path / "out", say=quiet)


def test_a_taken_folder_is_left_alone(trained: Path, tunes: Dataset) -> None:
    before = {p.name: p.stat().st_mtime_ns for p in trained.iterdir()}
    with pytest.raises(ConfigError, match="--force"):
        train(TINY, tunes, trained, say=quiet)
    assert {p.name: p.stat().st_mtime_ns for p in trained.iterdir()} == before


def test_no_training_piece_is_an_error(tunes: Dataset, tmp_path: Path) -> None:
    only_test = replace(tunes, pieces=[replace(p, split="test") for p in tunes.pieces])
    with pytest.raises(DataError, match="no training piece"):
        train(TINY, only_test, tmp_path / "out", say=quiet)
    assert not (tmp_path / "out").exists()


def test_bad_trainer_settings_are_one_line(tunes: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, trainer=replace(TINY.trainer, strategy="abacus"))
    with pytest.raises(ConfigError, match="abacus"):
        train(config, tunes, tmp_path / "out", say=quiet)


def test_two_ranks_share_the_batches(tunes: Dataset, tmp_path: Path) -> None:
    """One epoch's batches are dealt to ranks without overlap; the shares are equal."""
    from musegen.data.fitting import fit_tokenizer
    from musegen.data.views import token_view
    from musegen.training.datamodule import TokenDataModule
    from musegen.training.order import cut_to_share

    tokenizer = fit_tokenizer(tunes, TINY.tokenizer)
    data = TokenDataModule(token_view(tunes, tokenizer), tokenizer.tables, TINY, 2048)
    whole = data.train_batches(0).plan
    shares = []
    for rank in range(2):
        batches = data.train_batches(0)
        cut_to_share(batches, rank, 2)
        assert len(batches.shifts) == len(batches.plan)
        shares.append(batches.plan)
    assert len(shares[0]) == len(shares[1]) == len(whole) // 2
    assert all(batch in whole for share in shares for batch in share)
    assert not any(batch in shares[1] for batch in shares[0])


def test_the_learning_rate_rises_and_falls() -> None:
    factor = lr_factor(100, 0.1)
    rates = [factor(step) for step in range(101)]
    assert rates[9] == max(rates) == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.02)


def test_config_json_repeats_the_run(trained: Path, tunes: Dataset, tmp_path: Path) -> None:
    from musegen.checkpoint import parse_checkpoint_config

    config, name = parse_checkpoint_config(json.loads((trained / "config.json").read_text("utf-8")))
    assert name == tunes.name
    again = train(config, tunes, tmp_path / "again", say=quiet)
    assert load_checkpoint(again).sha256 == load_checkpoint(trained).sha256


def test_trainer_config_reaches_lightning(tunes: Dataset, tmp_path: Path) -> None:
    config = replace(
        TINY, trainer=TrainerConfig(max_steps=4, limit_val_batches=1, accelerator="cpu", devices="1")
    )
    out = train(config, tunes, tmp_path / "out", say=quiet)
    saved = json.loads((out / "config.json").read_text("utf-8"))
    assert saved["trainer"]["max_steps"] == 4
    assert torch.isfinite(torch.tensor(load_checkpoint(out).metrics["valid"]["bits_per_note"]))


def test_fine_tuning_trains_with_dropout(trained: Path, tunes: Dataset) -> None:
    start = load_checkpoint(trained)
    assert not start.model.training
    *_, model, _ = parts(TINY, tunes, start)
    assert model.training


def test_the_last_steps_are_not_thrown_away(tunes: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, trainer=replace(TINY.trainer, max_steps=7, val_check_interval=4))
    out = train(config, tunes, tmp_path / "out", say=quiet)
    assert load_checkpoint(out).metrics["step"] == 7
