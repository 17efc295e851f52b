"""What a dataset's training pieces hold, ready to be asked, and how much of it other real music copies.

Made once a dataset, kept in its folder, and keyed by its music and its split, so that a stale one is never
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
"""Of what is kept; another is another recipe for it."""
HELD_OUT = ("test", "valid")
"""The split that is asked how much real music copies: the first that has pieces."""


class BaseRate(NamedTuple):
    """How much of the training pieces stands in real pieces that are not among them."""

    split: str
    """Of these; "" where there are none."""
    runs: NDArray[np.int32]
    """(notes,) of all of them, as in `Copied`."""
    begins: Ints
    """(pieces + 1,) where each begins in `runs`."""

    @property
    def pieces(self) -> int:
        """How many there are."""
        return len(self.begins) - 1

    @property
    def longest(self) -> Ints:
        """The longest copied run of each, (pieces,) in notes; 0 of a piece without notes."""
        return np.array([own.max(initial=0) for own in self._pieces()], np.int64)

    def shares(self, least: int) -> NDArray[np.float64]:
        """The share of the notes of each that lies in copied runs of at least so many, (pieces,)."""
        return np.array([(own >= least).mean() if len(own) else 0.0 for own in self._pieces()], np.float64)

    def threshold(self, share: float = 0.05) -> int:
        """The shortest run so long that less than this share of the real pieces copies as much."""
        longest = np.sort(self.longest)[::-1]
        return int(longest[int(share * len(longest))]) + 1 if len(longest) else 0

    def _pieces(self) -> list[NDArray[np.int32]]:
        return np.split(self.runs, self.begins[1:-1]) if self.pieces else []


class TrainingIndex(NamedTuple):
    """The training pieces, and the base rate."""

    known: NoveltyIndex
    base: BaseRate


def open_training_index(dataset: Dataset) -> TrainingIndex:
    """The index of a dataset's training pieces, made now or opened as it was made before.

    Raises:
        DataError: there is no training piece with a melody.
        OSError: it cannot be written.
    """
    train = dataset.split("train")
    held_out = next((split for split in HELD_OUT if dataset.split(split)), "")
    names = [[p.name for p in split] for split in (train, dataset.split(held_out))]
    folder = dataset.cache("novelty", [VERSION, dataset.sha256, names])
    if not (folder / "novelty.json").is_file():
        _make(folder, dataset, train, held_out)
    names = json.loads((folder / "novelty.json").read_text("utf-8"))["names"]
    if not names:
        raise DataError(f"dataset {dataset.name} has no training piece with a melody to compare with")
    text, order = (np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in ("text", "order"))
    runs, begins, base = (np.load(folder / f"{name}.npy") for name in ("runs", "begins", "base_begins"))
    return TrainingIndex(NoveltyIndex(text, order, begins, names), BaseRate(held_out, runs, base))


def _make(folder: Path, dataset: Dataset, train: list[IndexEntry], held_out: str) -> None:
    scores = map(dataset.score, progress(train, len(train), "Indexing training pieces"))
    index = build_index(scores, [piece.name for piece in train])
    pieces = dataset.split(held_out) if index.names else []
    real = progress(pieces, len(pieces), f"Asking the {held_out} pieces")
    runs = [copied(dataset.score(piece), index).runs.astype(np.int32) for piece in real]
    runs = [np.zeros(0, np.int32), *runs]
    for name in ("text", "order", "begins"):
        write_array(folder / f"{name}.npy", getattr(index, name))
    write_array(folder / "runs.npy", np.concatenate(runs))
    write_array(folder / "base_begins.npy", np.cumsum([*map(len, runs)]))
    write_json(folder / "novelty.json", {"names": index.names})  # last: its presence says that all is there
