"""Training of classifiers: it learns, the same again, and resumes; windows are whole bars."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musegen.checkpoint.folder import load_checkpoint
from musegen.checkpoint.sizes import expected_sizes
from musegen.checkpoint.weights import check_sizes, count_parameters
from musegen.config.classifier import ClassifierConfig, ClassifierTrainConfig
from musegen.data.dataset import Dataset
from musegen.data.views import token_view
from musegen.data.windows import bar_lines, random_window
from musegen.errors import CheckpointError, ConfigError, DataError
from musegen.training.piece_batches import LabelledData
from musegen.training.train import train
from tests.music_fixtures import SMALL


class CutError(Exception):
    """Ends a run from within, as a fault would."""


def with_encoder(encoder: str, **settings: Any) -> ClassifierTrainConfig:
    model = ClassifierConfig(encoder=encoder, hidden_size=16, embedding_dim=8, **settings)
    return replace(SMALL, model=model)


def test_it_learns_to_tell_chorales_from_tunes(labeller: Path) -> None:
    checkpoint = load_checkpoint(labeller)
    assert checkpoint.metrics["valid"]["accuracy"] == 1
    assert checkpoint.config.model.classes == ("bach", "fiddle")  # type: ignore[attr-defined]
    assert len(checkpoint.data["labels"]) == 18
    assert not (labeller / "samples").exists()  # it writes no music
    assert "musegen classifier trained on" in (labeller / "README.md").read_text("utf-8")


@pytest.mark.parametrize("encoder", ["lstm", "conv1d", "conv2d", "crnn", "transformer"])
def test_every_encoder_trains_and_loads(encoder: str, two_kinds: Dataset, tmp_path: Path) -> None:
    config = replace(with_encoder(encoder), trainer=replace(SMALL.trainer, max_steps=2))
    path = train(config, two_kinds, tmp_path / "out", say=lambda _: None)
    checkpoint = load_checkpoint(path)
    weights = sum(weight.numel() for weight in checkpoint.model.parameters())
    sizes = expected_sizes(checkpoint.config, checkpoint.tokenizer)
    assert count_parameters(path / "model.safetensors", sizes) == weights
    for change in ({"hidden_size": 1 << 20}, {"num_layers": 1 << 20}, {"classes": ("a", "b", "c")}):
        other = replace(checkpoint.config, model=replace(checkpoint.config.model, **change))
        with pytest.raises(CheckpointError, match="do not fit config"):
            check_sizes(path / "model.safetensors", expected_sizes(other, checkpoint.tokenizer))


def test_the_same_seed_gives_the_same_weights(labeller: Path, two_kinds: Dataset, tmp_path: Path) -> None:
    again = train(SMALL, two_kinds, tmp_path / "again", say=lambda _: None)
    assert (again / "model.safetensors").read_bytes() == (labeller / "model.safetensors").read_bytes()


def test_an_interrupted_run_ends_with_the_same_weights(two_kinds: Dataset, tmp_path: Path) -> None:
    def cut(line: str) -> None:
        if line.startswith("step 6/"):
            raise CutError

    config = with_encoder("conv1d")
    whole = train(config, two_kinds, tmp_path / "whole", say=lambda _: None)
    with pytest.raises(CutError):
        train(config, two_kinds, tmp_path / "cut", say=cut)
    resumed = train(ClassifierTrainConfig(), two_kinds, tmp_path / "cut", resume=True, say=lambda _: None)
    assert (resumed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_windows_are_whole_bars_anywhere_in_a_piece(two_kinds: Dataset, labeller: Path) -> None:
    checkpoint = load_checkpoint(labeller)
    view, kind = token_view(two_kinds, checkpoint.tokenizer), checkpoint.tokenizer.tables.kind
    rng = np.random.default_rng(0)
    for index in range(len(view.pieces)):
        lines = bar_lines(view.ids, view.offsets, index, kind)
        longest = int(lines[-1] - lines[0]) // 3
        windows = [random_window(view, kind, index, longest, rng) for _ in range(1000)]
        assert {edge for w in windows for edge in (w.start, w.stop)} <= set(lines.tolist())
        assert all(w.stop - w.start <= longest for w in windows)
        assert min(w.start for w in windows) == lines[0]
        assert max(w.stop for w in windows) == lines[-1]
        whole = random_window(view, kind, index, int(lines[-1] - lines[0]), rng)
        assert (whole.start, whole.stop) == (lines[0], lines[-1])


def test_classes_weigh_the_same_however_many_pieces_they_have(two_kinds: Dataset, labeller: Path) -> None:
    checkpoint = load_checkpoint(labeller)
    config = checkpoint.config
    assert isinstance(config, ClassifierTrainConfig)
    view = token_view(two_kinds, checkpoint.tokenizer)
    batches = LabelledData(view, checkpoint.tokenizer, config, 1 << 20).train_batches(0)
    assert len(batches) == 1
    batch = batches[0]
    total = [float(batch["weight"][batch["label"] == label].sum()) for label in range(2)]
    assert total[0] == pytest.approx(total[1])
    plain = replace(config, model=replace(config.model, balanced=False))
    assert set(LabelledData(view, checkpoint.tokenizer, plain, 1 << 20).class_weights) == {1.0}


def test_a_label_without_training_pieces_is_refused(two_kinds: Dataset, tmp_path: Path) -> None:
    pieces = [
        replace(piece, split="test") if piece.labels["folders"] == "bach" else piece
        for piece in two_kinds.pieces
    ]
    moved = Dataset(two_kinds.path, two_kinds.info, pieces)
    with pytest.raises(DataError, match="no training piece has the label bach: add pieces"):
        train(SMALL, moved, tmp_path / "out", say=lambda _: None)
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "conv1d", "heads": 2}, "model.heads is for transformers, and model.encoder is conv1d"),
        (
            {"encoder": "lstm", "hidden_size": 9},
            "model.hidden_size is 9: model.encoder lstm needs a multiple",
        ),
        ({"classes": ("a",)}, "model.classes is a: it must be two labels or more"),
        ({"classes": ("a", "a")}, "model.classes is a a: it must be two labels or more"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ClassifierConfig(**settings)


def test_fine_tuning_keeps_the_classes(labeller: Path, two_kinds: Dataset, tmp_path: Path) -> None:
    config = ClassifierTrainConfig(data=SMALL.data, optim=SMALL.optim, trainer=SMALL.trainer)
    path = train(config, two_kinds, tmp_path / "tuned", init=labeller, say=lambda _: None)
    kept = json.loads((path / "config.json").read_text("utf-8"))
    assert kept["model"] == json.loads((labeller / "config.json").read_text("utf-8"))["model"]
