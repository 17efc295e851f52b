"""How much files copy from the training music, compared with real held-out music."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from symusic import Score

from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.data.novelty import copied
from musegen.data.pool import parallel
from musegen.data.sources import find_sources, read_source, single_pieces
from musegen.data.training_index import BaseRate, TrainingIndex, open_training_index
from musegen.metrics.bootstrap import bootstrap_mean
from musegen.music.metre import bar_ticks

MIN_RUN = 12
"""Default minimum of notes in a row that count as copied."""
RARE = 0.05
"""Share of real pieces with runs as long as the threshold of a copy."""


def novelty(paths: Iterable[Path], dataset: Dataset, *, min_run: int = MIN_RUN) -> dict[str, Any]:
    """How much each file copies from a dataset's training pieces, and how much real held-out pieces do.

    Args:
        paths: music files, or folders of them.
        dataset: with the training pieces.
        min_run: the minimum of notes in a row that count as copied, for the share of the notes.

    Raises:
        DataError: a path is not there or has no music file, or the dataset no training piece.
    """
    sources = [(path, source) for path in paths for source in single_pieces(find_sources(path, None))]
    known = open_training_index(dataset)
    files: list[dict[str, Any]] = []
    unreadable: list[dict[str, Any]] = []
    read = parallel(read_source, [source for _, source in sources])
    for (path, source), intake in zip(sources, progress(read, len(sources), "Searching"), strict=True):
        where = {"path": str(path / source.name) if path.is_dir() else str(path.with_name(source.name))}
        if intake.reason:
            unreadable.append(where | {"reason": intake.reason})
        else:
            files.append(where | _search(Score.from_midi(intake.data), known, min_run))
    longest = [file["longest"] for file in files]
    return {
        "dataset": dataset.name,
        "dataset_sha256": dataset.sha256,
        "training_pieces": len(known.known.names),
        "min_run": min_run,
        "held_out": base_facts(known.base, min_run),
        "all_files": {
            "files": len(files),
            "longest": _quantiles(np.array(longest)),
            "share": bootstrap_mean([file["share"] for file in files])._asdict(),
            "copies": sum(file["copies"] for file in files) if known.base.pieces else None,
        },
        "files": files,
        "unreadable": unreadable,
    }


def _search(score: Score, known: TrainingIndex, min_run: int) -> dict[str, Any]:
    """How much a piece copies, and how rare that is among real pieces."""
    found, base = copied(score, known.known), known.base
    return {
        "longest": found.longest,
        "bar": int(np.searchsorted(bar_ticks(score), found.onset, side="right")),
        "share": found.share(min_run),
        "pieces": found.pieces,
        "held_out_as_long": float((base.longest >= found.longest).mean()) if base.pieces else None,
        "copies": found.longest >= base.threshold(RARE) if base.pieces else None,
    }


def base_facts(base: BaseRate, min_run: int) -> dict[str, Any] | None:
    """How much real pieces copy; None if none are held out."""
    if not base.pieces:
        return None
    return {
        "split": base.split,
        "pieces": base.pieces,
        "longest": _quantiles(base.longest),
        "share": bootstrap_mean(base.shares(min_run))._asdict(),
        "threshold": base.threshold(RARE),
    }


def _quantiles(values: np.ndarray[Any, np.dtype[Any]]) -> dict[str, float] | None:
    if not len(values):
        return None
    points = np.quantile(values, [0.5, 0.95, 1.0])
    return dict(zip(("median", "of_95_percent", "most"), map(float, points), strict=True))
