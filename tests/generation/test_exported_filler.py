"""Exported steps of models that fill: the ids of torch, on a grid, of events and of single lines."""

from pathlib import Path

import pytest

from musegen.checkpoint.folder import load_checkpoint
from musegen.data.dataset import Dataset
from musegen.generation.backends import machine_of
from musegen.generation.exported import Exported
from musegen.generation.fill import Filled
from musegen.generation.fill_holes import fill_holes
from musegen.generation.machine import Machine
from musegen.generation.request import TrainingDefaults
from musegen.music.excerpt import excerpt
from musegen.music.gaps import Gap, Gapped
from musegen.tokenizers import whole_tokenizer
from tests.generation.test_exported import in_torch


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MUSEGEN_EXPORT", "1")


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", ["filler", "band", "gapper"])
def test_the_ids_are_those_of_torch(
    name: str, chorales: Dataset, tunes: Dataset, request: pytest.FixtureRequest
) -> None:
    checkpoint = load_checkpoint(request.getfixturevalue(name))
    machine = machine_of(checkpoint)
    assert isinstance(machine, Exported)
    dataset = tunes if name == "gapper" else chorales
    score = excerpt(dataset.score(dataset.pieces[0]), 0, 12)
    every = range(len(score.tracks))
    requests = [Gapped(score, [Gap(3, 4), Gap(7, 8)], every)]
    if len(score.tracks) > 1:
        requests.append(Gapped(score, [Gap(1, 12)], [1, 2], read=[0, 3]))

    def filled(side: Machine, gapped: Gapped) -> list[Filled]:
        tokenizer, defaults = whole_tokenizer(checkpoint.tokenizer), TrainingDefaults.of(checkpoint.data)
        return fill_holes(side, tokenizer, gapped, num=3, seed=4, defaults=defaults)

    for gapped in requests:
        ours, theirs = (filled(side, gapped) for side in (machine, in_torch(checkpoint)))
        assert [each.ids for each in ours] == [each.ids for each in theirs]
        nats = [[each.log_likelihood for each in side] for side in (ours, theirs)]
        assert nats[0] == pytest.approx(nats[1], abs=1e-2)
