"""Exported steps of models of played music: the ids of torch."""

from pathlib import Path

import pytest

from musegen.checkpoint.folder import load_checkpoint
from musegen.config.options import SamplingOptions
from musegen.generation.backends import machine_of
from musegen.generation.exported import Exported
from tests.generation.test_exported import ids, in_torch, written


@pytest.mark.slow
@pytest.mark.parametrize("name", ["drummer", "recitalist"])
def test_the_ids_are_those_of_torch(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    checkpoint = load_checkpoint(request.getfixturevalue(name))
    monkeypatch.setenv("MUSEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MUSEGEN_EXPORT", "1")
    machine = machine_of(checkpoint)
    assert isinstance(machine, Exported)
    for sampling in (SamplingOptions(), SamplingOptions(temperature=0.8, top_k=20, min_p=0.01)):
        ours, theirs = (
            written(checkpoint, each, num=3, seed=1, sampling=sampling)
            for each in (machine, in_torch(checkpoint))
        )
        assert ids(ours) == ids(theirs)
