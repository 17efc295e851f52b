from pathlib import Path

import pytest

from benchmarks.tunes import main, measure, verdicts
from musegen.checkpoint.folder import load_checkpoint
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError
from musegen.metrics.features import FEATURES


def test_every_feature_and_verdict(trained: Path, tunes: Dataset) -> None:
    """A model of a few steps is told apart from real tunes, and writes whole ones all the same."""
    found = measure(load_checkpoint(trained), tunes, num=3, bars=4, split="train", seed=0)
    # Of four bars there is none to compare with so far before.
    assert set(found["features"]) == set(FEATURES) - {"similarity_middle", "similarity_long"}
    assert found["overlap"] < 0.9 * found["halves_overlap"]
    assert (found["empty"], found["over the last bar"]) == (0, 0)
    said = verdicts(found)
    assert said["features"].startswith("NOT MET: ")
    assert said["none empty, all end in time"] == "met"
    itself = {name: row | {"own": row.get("real"), "share": 1.0} for name, row in found["features"].items()}
    like = found | {"features": itself, "copied": {"real": {"mean": 9.0}, "own": {"mean": 8.0}}}
    assert set(verdicts(like).values()) == {"met"}


def test_only_language_models(autoencoder: Path, tunes: Dataset) -> None:
    with pytest.raises(ConfigError, match="of family vae, not lm"):
        measure(load_checkpoint(autoencoder), tunes, num=2, bars=4, split="train", seed=0)
    assert main([str(autoencoder), str(tunes.path)]) == 2
