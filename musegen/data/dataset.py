"""A prepared dataset: packed scores with an index and a split."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from symusic import Score

from musegen.errors import DataError

FORMAT_VERSION = 1
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class IndexEntry:
    """One line of index.jsonl."""

    name: str
    sha256: str
    """Of the piece's MIDI bytes."""
    fingerprint: str
    split: str
    notes: int
    bars: int
    pickup: float
    """Length of the pickup in quarter notes; 0 if there is none."""
    melody: int
    """Index of the melody track, -1 if there is none."""
    melody_how: str
    time_signatures: list[str]
    """Without those of odd bars."""
    programs: list[int]
    """Sorted General MIDI programs from 0; -1 for drums."""
    offset: int
    """Offset of the MIDI bytes in scores.bin; their number is `size`."""
    size: int
    labels: dict[str, str] = field(default_factory=dict)
    """By kind, such as "composer": see `data/labels.py`."""

    def line(self) -> dict[str, Any]:
        """Its line of index.jsonl, without labels if it has none."""
        return {name: value for name, value in asdict(self).items() if name != "labels" or value}


@dataclass(frozen=True)
class Dataset:
    """A dataset folder, opened with `Dataset.open`."""

    path: Path
    info: dict[str, Any]
    pieces: list[IndexEntry]

    @classmethod
    def open(cls, path: Path) -> "Dataset":
        """Open the dataset folder `path`.

        Raises:
            DataError: not a dataset, incomplete, damaged, or of an unknown format.
        """
        missing = [n for n in ("dataset.json", "index.jsonl", "scores.bin") if not (path / n).is_file()]
        if missing:
            raise DataError(
                f"{path} is not a prepared dataset: {', '.join(missing)} missing; run musegen prepare"
            )
        try:
            info = json.loads((path / "dataset.json").read_text("utf-8"))
            if info["format_version"] != FORMAT_VERSION:
                raise DataError(
                    f"dataset {path} has format_version {info['format_version']}; "
                    f"this musegen reads {FORMAT_VERSION}: prepare it again"
                )
            lines = (path / "index.jsonl").read_text("utf-8").splitlines()
            pieces = [IndexEntry(**json.loads(line)) for line in lines]
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(f"dataset {path} is damaged: {error}; prepare it again") from error
        size = sum(p.size for p in pieces)
        if (path / "scores.bin").stat().st_size != size:
            raise DataError(f"dataset {path} is damaged: scores.bin is not of {size} bytes; prepare it again")
        return cls(path, info, pieces)

    @property
    def name(self) -> str:
        """The dataset's name."""
        return str(self.info["name"])

    @property
    def sha256(self) -> str:
        """The hash of scores.bin, that is of the music."""
        return str(self.info["sha256"])

    @property
    def with_several_tracks(self) -> int:
        """Number of pieces with several tracks of which one is the melody."""
        return sum(piece.melody >= 0 and piece.melody_how != "only track" for piece in self.pieces)

    @property
    def timing(self) -> str:
        """How models write its onsets, see `data/timing.py`; older datasets have grids."""
        return str(self.info.get("timing", "grid"))

    def cache(self, what: str, recipe: list[Any]) -> Path:
        """The cache folder of a derived object, keyed by its recipe so that a stale one is never read."""
        key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]
        return self.path / ".cache" / f"{what}-{key}"

    def split(self, name: str) -> list[IndexEntry]:
        """The pieces of the split "train", "valid" or "test"; or "all" of them."""
        return [p for p in self.pieces if name in (p.split, "all")]

    def as_recorded(self, train: Collection[str]) -> "Dataset":
        """The dataset with the splits that a checkpoint has recorded.

        Args:
            train: names of its training pieces; others of train get no split: it has not seen them.
        """
        pieces = [
            replace(p, split="train" if p.name in train else p.split if p.split != "train" else "")
            for p in self.pieces
        ]
        return Dataset(self.path, self.info, pieces)

    def score(self, piece: IndexEntry) -> Score:
        """The tidy Score of `piece`, in ticks, without empty tracks."""
        with (self.path / "scores.bin").open("rb") as file:
            file.seek(piece.offset)
            score = Score.from_midi(file.read(piece.size))
        score.tracks = [t for t in score.tracks if len(t.notes)]
        return score


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """Facts about a dataset: pieces by split, files by verdict, metres, instruments."""
    pieces = dataset.pieces
    audit = dataset.path / "audit.jsonl"
    lines = audit.read_text("utf-8").splitlines() if audit.exists() else []
    metres = Counter(each for piece in pieces for each in piece.time_signatures)
    return {
        "kind": "dataset",
        "path": str(dataset.path),
        **dataset.info,
        "pieces": len(pieces),
        "notes": sum(piece.notes for piece in pieces),
        "bars": sum(piece.bars for piece in pieces),
        "splits": dict(Counter(piece.split for piece in pieces)),
        "verdicts": dict(Counter(json.loads(line)["verdict"] for line in lines)),
        "time_signatures": dict(metres.most_common()),
        "programs": dict(Counter(program for piece in pieces for program in piece.programs).most_common()),
        "melody": dict(Counter(piece.melody_how for piece in pieces)),
        "pickups": sum(piece.pickup > 0 for piece in pieces),
    }


def label_counts(pieces: list[IndexEntry]) -> dict[str, Any]:
    """The number of pieces of each label, by kind; nothing without labels."""
    kinds = sorted({kind for piece in pieces for kind in piece.labels})
    counts = {kind: Counter(p.labels[kind] for p in pieces if kind in p.labels) for kind in kinds}
    return {"labels": {kind: dict(each.most_common()) for kind, each in counts.items()}} if kinds else {}
