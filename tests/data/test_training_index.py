import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musegen.data.dataset import Dataset
from musegen.data.novelty import copied
from musegen.data.training_index import BaseRate, open_training_index
from musegen.errors import DataError


@pytest.fixture
def split(tunes: Dataset, tmp_path: Path) -> Dataset:
    """The tunes, the last six of them held out, in a folder of their own."""
    shutil.copytree(tunes.path, tmp_path / "split", ignore=shutil.ignore_patterns(".cache"))
    pieces = [
        replace(piece, split="test" if number >= len(tunes.pieces) - 6 else "train")
        for number, piece in enumerate(tunes.pieces)
    ]
    return replace(tunes, path=tmp_path / "split", pieces=pieces)


def test_only_training_pieces_are_learnt(split: Dataset) -> None:
    known, base = open_training_index(split)
    assert known.names == [piece.name for piece in split.split("train")]
    assert (base.split, base.pieces) == ("test", 6)
    found = [copied(split.score(piece), known) for piece in split.split("test")]
    assert base.longest.tolist() == [each.longest for each in found]
    assert base.shares(8) == pytest.approx([each.share(8) for each in found])


def test_it_is_made_once_and_anew_for_another_split(split: Dataset) -> None:
    first = open_training_index(split)
    (folder,) = (split.path / ".cache").iterdir()
    stamp = (folder / "text.npy").stat().st_mtime_ns
    again = open_training_index(split)
    assert (folder / "text.npy").stat().st_mtime_ns == stamp
    assert again.known.order.tolist() == first.known.order.tolist()
    assert again.base.runs.tolist() == first.base.runs.tolist()
    other = replace(split, pieces=[replace(piece, split="train") for piece in split.pieces])
    assert open_training_index(other).base.pieces == 0
    assert len(open_training_index(other).known.names) == len(split.pieces)


def test_what_was_broken_off_is_made_anew(split: Dataset) -> None:
    whole = open_training_index(split)
    (folder,) = (split.path / ".cache").iterdir()
    (folder / "novelty.json").unlink()  # written last
    (folder / "text.npy").unlink()
    assert open_training_index(split).known.text.tolist() == whole.known.text.tolist()
    assert json.loads((folder / "novelty.json").read_text())["names"] == whole.known.names


def test_a_dataset_without_training_pieces(split: Dataset) -> None:
    held_out = replace(split, pieces=[replace(piece, split="test") for piece in split.pieces])
    with pytest.raises(DataError, match="no training piece"):
        open_training_index(held_out)


def test_the_threshold_is_what_few_real_pieces_reach() -> None:
    longest = np.arange(1, 101)  # a hundred pieces of one note each
    base = BaseRate("test", longest.astype(np.int32), np.arange(101))
    assert base.threshold(0.05) == 96
    assert (base.longest >= 96).mean() == 0.05
    few = BaseRate("test", np.array([9, 4, 7], np.int32), np.array([0, 1, 2, 3]))
    assert few.threshold(0.05) == 10
    assert few.shares(7).tolist() == [1, 0, 1]
