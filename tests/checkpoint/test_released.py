"""Checkpoints written by musegen 0.1.0, those that come with musegen, load and train again as they are."""

import json
from pathlib import Path
from typing import Any

import pytest

from musegen.checkpoint.folder import WEIGHTS, load_checkpoint, parse_checkpoint_config
from musegen.checkpoint.names import checkpoint_facts
from musegen.checkpoint.sizes import expected_sizes
from musegen.checkpoint.weights import count_parameters
from musegen.cli import main
from musegen.families import family_of

RELEASED = sorted((Path(__file__).parent.parent.parent / "checkpoints").glob("*/config.json"))


def test_there_are_four() -> None:
    assert {path.parent.name for path in RELEASED} == {"folk", "chorale", "folk-vae", "folk-vae-16"}


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.parent.name)
class TestVersion010:
    def test_loads(self, path: Path) -> None:
        config = json.loads(path.read_text("utf-8"))
        assert config["musegen_version"] == "0.1.0"
        checkpoint = load_checkpoint(path.parent)
        assert checkpoint.config.family == config["family"]
        assert checkpoint.dataset == config["dataset"]

    def test_its_parameters_are_counted_without_the_model(self, path: Path) -> None:
        checkpoint = load_checkpoint(path.parent)
        sizes = expected_sizes(checkpoint.config, checkpoint.tokenizer)
        parameters = {name: weights.numel() for name, weights in checkpoint.model.named_parameters()}
        assert sizes.buffers == set(checkpoint.model.state_dict()) - set(parameters)
        assert count_parameters(path.parent / WEIGHTS, sizes) == sum(parameters.values())
        assert checkpoint_facts(path.parent)["parameters"] == sum(parameters.values())

    def test_its_settings_can_be_trained_with(
        self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        raw = json.loads(path.read_text("utf-8"))
        config, dataset = parse_checkpoint_config(raw)
        assert isinstance(config, family_of(raw["family"]).config)
        found: list[Any] = []
        monkeypatch.setattr("musegen.cli.train._train", lambda arguments, _fixed: found.append(arguments))
        for words in ([], [raw["family"]]):
            assert main(["train", *words, "--config", str(path), "--out", str(tmp_path / "again")]) == 0
        assert [(each.run, each.data) for each in found] == [(config, dataset)] * 2
