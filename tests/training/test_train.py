"""Real training, tiny."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from musegen.checkpoint.build import build_model
from musegen.checkpoint.folder import load_checkpoint
from musegen.checkpoint.names import find_checkpoint
from musegen.config.settings import TokenizerConfig, TrainConfig
from musegen.config.trainer import OptimConfig, TrainerConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.prepare import prepare
from musegen.data.views import token_view
from musegen.errors import ConfigError, DataError, MusegenError
from musegen.evaluation.likelihood import model_view
from musegen.families import family_of
from musegen.music.reading.read import read_score
from musegen.music.writing.midi import write_score
from musegen.training.decoder_module import DecoderModule
from musegen.training.learner import lr_factor
from musegen.training.setup import set_up
from musegen.training.train import check, train
from musegen.training.windows import TokenDataModule
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


@pytest.mark.parametrize("name", ["folk-vae", "chorale"])
def test_models_of_each_family_are_fine_tuned(
    name: str, tmp_path: Path, chorales: Dataset, tunes: Dataset
) -> None:
    start = load_checkpoint(find_checkpoint(name))
    trainer = replace(TINY.trainer, max_steps=1, val_check_interval=1)
    config = replace(family_of(start.config.family).config(), trainer=trainer)
    dataset = tunes if start.config.family == "vae" else chorales
    said: list[str] = []
    tuned = load_checkpoint(train(config, dataset, tmp_path / "out", init=start.path, say=said.append))
    assert tuned.tokenizer.vocab == start.tokenizer.vocab
    assert name in said[-1]


def test_a_model_of_one_line_learns_the_melody_of_several_tracks(
    trained: Path, chorales: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start, said = load_checkpoint(trained), list[str]()
    trainer = replace(TINY.trainer, max_steps=1, val_check_interval=1)
    config = replace(TrainConfig(), trainer=trainer)
    tuned = load_checkpoint(train(config, chorales, tmp_path / "out", init=trained, say=said.append))
    assert tuned.config.data.tracks == "melody"
    assert tuned.data["notes_per_onset"] == 1.0
    assert "of 6 pieces with several tracks the melody is used" in said
    # What it is measured on is the same before and after.
    notes = [int(model_view(each, chorales).notes.sum()) for each in (start, tuned)]
    assert notes[0] == notes[1]
    assert "writes one line: of 6 pieces" in capsys.readouterr().err


def test_settings_that_the_first_model_does_not_have_are_refused(
    trained: Path, tunes: Dataset, tmp_path: Path
) -> None:
    grid = replace(TINY, tokenizer=TokenizerConfig(kind="grid"))
    with pytest.raises(ConfigError, match=r"tokenizer.kind grid: with init .* it stays remi"):
        train(grid, tunes, tmp_path / "out", init=trained, say=quiet)
    default = type(TINY)()
    with pytest.raises(ConfigError, match=r"model.hidden_size 384: with init"):
        check(default, tmp_path / "out", init=trained, fixed=frozenset({"model.hidden_size"}))
    assert not (tmp_path / "out").exists()


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
    with pytest.raises(MusegenError, match="lower optim") as caught:
        train(config, tunes, tmp_path / "out", say=quiet)
    named = str(caught.value).partition(", on ")[2].partition(";")[0]
    assert 1 <= len(named.split(", ")) <= 8  # and how many more there are
    known = {piece.name for piece in tunes.split("train")}
    assert all(name.partition(" and ")[0] in known for name in named.split(", "))


def test_a_taken_folder_is_left_alone(trained: Path, tunes: Dataset) -> None:
    before = {p.name: p.stat().st_mtime_ns for p in trained.iterdir()}
    with pytest.raises(ConfigError, match="add force"):
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


@pytest.mark.skipif(
    torch.ops.mkldnn._is_mkldnn_bf16_supported() or torch.cuda.is_available(),
    reason="bfloat16 can be computed here",
)
def test_bfloat16_where_it_cannot_be_computed_is_one_line(tunes: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, trainer=replace(TINY.trainer, precision="bf16-mixed"))
    with pytest.raises(ConfigError, match="does not compute in bfloat16"):
        train(config, tunes, tmp_path / "out", say=quiet)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("ranks", [2, 3, 40])
def test_ranks_share_each_batch(ranks: int, tunes: Dataset) -> None:
    """Whatever their number, the mean of their losses is the loss of the batch."""
    tokenizer = fit_tokenizer(tunes, TINY.tokenizer)
    data = TokenDataModule(token_view(tunes, tokenizer), tokenizer.tables, TINY, 2048)
    model = build_model(TINY, tokenizer).eval()
    is_note = torch.from_numpy((tokenizer.tables.pitch >= 0).astype("int64"))
    module = DecoderModule(model, optim=TINY.optim, steps=1, is_note=is_note)
    whole = data.train_batches(0)[0]
    losses, rows = [], 0
    for rank in range(ranks):
        batches = data.train_batches(0)
        assert len(batches) == len(data.train_batches(0))
        batches.share = rank, ranks
        share = batches[0]
        assert torch.equal(share["piece"], whole["piece"][rank::ranks]) or rank >= len(whole["piece"])
        rows += len(share["piece"]) * int(torch.isfinite(share["tokens"]))
        losses.append(module.loss(share).item())
    assert rows == len(whole["piece"])
    assert np.mean(losses) == pytest.approx(module.loss(whole).item(), rel=1e-5)


@pytest.mark.slow
def test_two_processes_give_the_weights_of_one(tunes: Dataset, tmp_path: Path) -> None:
    """The same global batch, divided; only the order of the sums differs."""
    flags = ["--model.hidden-size", "32", "--model.embedding-dim", "16", "--model.dropout", "0"]
    flags += ["--trainer.max-steps", "8", "--optim.batch-tokens", "2048", "--trainer.accelerator", "cpu"]
    # Adam makes much of the least gradients, and half precision of the order of sums.
    flags += ["--optim.optimizer", "sgd", "--optim.lr", "0.1", "--trainer.precision", "32-true"]
    weights = []
    for ranks in (1, 2):
        strategy = ["--trainer.devices", str(ranks), "--trainer.strategy", "ddp" if ranks > 1 else "auto"]
        out = ["--out", str(tmp_path / str(ranks))]
        command = [sys.executable, "-m", "musegen", "train", "lm", str(tunes.path), *out, *flags, *strategy]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        weights.append(load_file(tmp_path / str(ranks) / "model.safetensors"))
    one, two = weights
    assert one.keys() == two.keys()
    for name in one:
        assert torch.allclose(one[name], two[name], atol=1e-6), name


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_which_then_goes_on(tunes: Dataset, tmp_path: Path) -> None:
    flags = ["--model.hidden-size", "32", "--model.embedding-dim", "16", "--optim.batch-tokens", "2048"]
    flags += ["--trainer.max-steps", "4000", "--trainer.val-check-interval", "4"]
    flags += ["--trainer.accelerator", "cpu", "--trainer.devices", "2", "--trainer.strategy", "ddp"]
    out = tmp_path / "out"
    command = [sys.executable, "-m", "musegen", "train", "lm", str(tunes.path), "--out", str(out)]
    with subprocess.Popen([*command, *flags], stderr=subprocess.PIPE, text=True) as run:
        while not (out / "model.safetensors").exists():
            assert run.poll() is None
            time.sleep(0.5)
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text("ascii").split()
        ranks = [pid for pid in map(int, children) if b"musegen" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(ranks[-1], signal.SIGKILL)
        _, said = run.communicate(timeout=60)
        assert run.returncode != 0
    assert "another process of this run has died" in said, said
    assert "--resume" in said
    load_checkpoint(out)
    with subprocess.Popen([*command, "--resume"], stderr=subprocess.PIPE, text=True) as run:
        before = (out / "model.safetensors").stat().st_mtime_ns
        while (out / "model.safetensors").stat().st_mtime_ns == before:
            assert run.poll() is None
            time.sleep(0.5)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [lr_factor(step, 100, OptimConfig(warmup=0.1)) for step in range(101)]
    assert rates[9] == max(rates) == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.02)

    late = [lr_factor(step, 100, OptimConfig(warmup=0.1, decay=0.25)) for step in range(101)]
    assert late[:10] == rates[:10]
    assert set(late[9:76]) == {1.0}
    assert late[75:] == sorted(late[75:], reverse=True)
    assert late[-1] == rates[-1]


def test_config_json_repeats_the_run(trained: Path, tunes: Dataset, tmp_path: Path) -> None:
    from musegen.checkpoint.folder import parse_checkpoint_config

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
    assert set_up(TINY, tunes, start, quiet).model.training


def test_the_last_steps_are_not_thrown_away(tunes: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, trainer=replace(TINY.trainer, max_steps=7, val_check_interval=4))
    out = train(config, tunes, tmp_path / "out", say=quiet)
    assert load_checkpoint(out).metrics["step"] == 7
