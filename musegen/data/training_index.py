"""An index of the training pieces of a dataset, and how much of them other real music copies.

Made once per dataset, cached in its folder, and keyed by its music and split, so that a stale one is never
read.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from musegen.console import progress
from musegen.data.dataset import Dataset, IndexEntry
from musegen.data.novelty import NoveltyIndex, build_index, copied
from musegen.errors import DataError
from musegen.files import write_array, write_json
from musegen.music.notes import Ints

VERSION = 1
"""Of the cached files; part of their key."""
HELD_OUT = ("test", "valid")
"""The base rate is measured on the first of these splits that has pieces."""


class BaseRate(NamedTuple):
    """How much held-out real pieces copy from the training pieces."""

    split: str
    """Of the held-out pieces; "" if there are none."""
    runs: NDArray[np.int32]
    """(notes,) of all pieces, see `Copied`."""
    begins: Ints
    """(pieces + 1,) start of each in `runs`."""

    @property
    def pieces(self) -> int:
        """Number of held-out pieces."""
        return len(self.begins) - 1

    @property
    def longest(self) -> Ints:
        """The longest copied run of each piece, (pieces,) in notes; 0 for a piece without notes."""
        return np.array([runs.max(initial=0) for runs in self._pieces()], np.int64)

    def shares(self, least: int) -> NDArray[np.float64]:
        """The share of the notes of each piece in copied runs of at least `least` notes, (pieces,)."""
        return np.array([(runs >= least).mean() if len(runs) else 0.0 for runs in self._pieces()], np.float64)

    def threshold(self, share: float = 0.05) -> int:
        """The shortest run length that less than this share of the real pieces reaches."""
        longest = np.sort(self.longest)[::-1]
        return int(longest[int(share * len(longest))]) + 1 if len(longest) else 0

    def _pieces(self) -> list[NDArray[np.int32]]:
        return np.split(self.runs, self.begins[1:-1]) if self.pieces else []


class TrainingIndex(NamedTuple):
    """The training pieces, and the base rate."""

    known: NoveltyIndex
    base: BaseRate


def open_training_index(dataset: Dataset) -> TrainingIndex:
    """The index of the training pieces of a dataset, built on first use and then cached.

    Raises:
        DataError: there is no training piece with a melody.
        OSError: it cannot be written.
    """
    train = dataset.split("train")
    held_out = next((split for split in HELD_OUT if dataset.split(split)), "")
    names = [[p.name for p in split] for split in (train, dataset.split(held_out))]
    folder = dataset.cache("novelty", [VERSION, dataset.sha256, names])
    if not (folder / "novelty.json").is_file():
        _build(folder, dataset, train, held_out)
    names = json.loads((folder / "novelty.json").read_text("utf-8"))["names"]
    if not names:
        raise DataError(f"dataset {dataset.name} has no training piece with a melody to compare with")
    text, order = (np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in ("text", "order"))
    runs, begins, base = (np.load(folder / f"{name}.npy") for name in ("runs", "begins", "base_begins"))
    return TrainingIndex(NoveltyIndex(text, order, begins, names), BaseRate(held_out, runs, base))


def _build(folder: Path, dataset: Dataset, train: list[IndexEntry], held_out: str) -> None:
    scores = map(dataset.score, progress(train, len(train), "Indexing training pieces"))
    index = build_index(scores, [piece.name for piece in train])
    pieces = dataset.split(held_out) if index.names else []
    real = progress(pieces, len(pieces), f"Measuring the {held_out} pieces")
    runs = [copied(dataset.score(piece), index).runs.astype(np.int32) for piece in real]
    runs = [np.zeros(0, np.int32), *runs]
    for name in ("text", "order", "begins"):
        write_array(folder / f"{name}.npy", getattr(index, name))
    write_array(folder / "runs.npy", np.concatenate(runs))
    write_array(folder / "base_begins.npy", np.cumsum([*map(len, runs)]))
    write_json(folder / "novelty.json", {"names": index.names})  # last: marks the cache as complete
