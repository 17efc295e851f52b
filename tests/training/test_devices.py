"""What is trained on a GPU plays on a CPU, and the other way round."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from musegen.checkpoint.folder import load_checkpoint
from musegen.config.options import SamplingOptions
from musegen.data.dataset import Dataset
from musegen.generation.backends import machine_of
from musegen.generation.pieces import generate
from musegen.generation.request import Request
from musegen.training.train import train
from tests.music_fixtures import TINY

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is here")


def greedy(checkpoint: Path, device: str) -> list[int]:
    """The likeliest ids, step by step."""
    loaded = load_checkpoint(checkpoint, device=device)
    assert next(loaded.model.parameters()).device.type == device
    coldest = SamplingOptions(temperature=0.0)
    return generate(machine_of(loaded), loaded.tokenizer, Request(bars=16), sampling=coldest)[0].ids


@pytest.mark.parametrize("accelerator", ["cuda", "cpu"])
def test_what_one_trains_the_other_plays(accelerator: str, tunes: Dataset, tmp_path: Path) -> None:
    trainer = replace(TINY.trainer, accelerator=accelerator, max_steps=60, val_check_interval=60)
    out = train(replace(TINY, trainer=trainer), tunes, tmp_path / "ck", say=lambda _: None)
    here, there = greedy(out, "cpu"), greedy(out, "cuda")
    assert len(here) >= 64
    assert here[:64] == there[:64]


class CutError(Exception):
    """Ends a run from within."""


def cut(line: str) -> None:
    if line.startswith("step 6/"):
        raise CutError


def test_a_run_begun_on_a_gpu_goes_on_without_one(tunes: Dataset, tmp_path: Path) -> None:
    trainer = replace(TINY.trainer, accelerator="auto", max_steps=9, val_check_interval=3)
    with pytest.raises(CutError):
        train(replace(TINY, trainer=trainer), tunes, tmp_path / "ck", say=cut)
    words = ["train", "lm", str(tunes.path), "--out", str(tmp_path / "ck"), "--resume"]
    subprocess.run(
        [sys.executable, "-m", "musegen", *words], check=True, env=os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    )
    assert load_checkpoint(tmp_path / "ck").metrics["step"] > 0
