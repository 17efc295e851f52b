"""What there is to say of a dataset: when it is made, and when it is asked what it holds."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from musegen.data.dataset import SPLITS, Dataset, Piece

OFF_GRID = 0.1
"""More onsets than this share off the grid: the music was played, not notated."""


def warnings(pieces: list[Piece], how: str, off_grid: float) -> list[str]:
    """What the user should know of a dataset, from its pieces, what split it and the share off the grid."""
    found = []
    if off_grid > OFF_GRID:
        found.append(
            f"{off_grid:.0%} of the onsets lie off the grid: this is performance timing, not notation; "
            "models of bars and beats need quantised music"
        )
    if how == "content" and len(pieces) < 3:
        found.append(f"no split: too few pieces for train, valid and test ({len(pieces)}); all are for train")
    if how != "content":
        empty = [s for s in SPLITS if not any(p.split == s for p in pieces)]
        if empty:
            found.append(f"the given split has nothing for {', '.join(empty)}")
        splits: dict[str, set[str]] = {}
        for piece in pieces:
            splits.setdefault(piece.fingerprint, set()).add(piece.split)
        leaks = sum(len(s) > 1 for s in splits.values())
        if leaks:
            found.append(f"the same music stands in more than one split: {leaks} in all")
    missing = sum(p.melody < 0 for p in pieces)
    if missing:
        found.append(f"no melody track was found in {missing} of {len(pieces)} pieces")
    return found


def reasons(audit: list[dict[str, Any]]) -> dict[str, int]:
    """How many files were rejected for each reason; what varies in a reason (numbers) is left out."""
    texts = [re.sub(r"\d[\d.]*", "N", line["reason"]) for line in audit if line["verdict"] == "rejected"]
    return dict(Counter(texts).most_common())


def repair_counts(audit: list[dict[str, Any]]) -> dict[str, int]:
    """In how many pieces each repair was made."""
    repairs = [re.sub(r"^\d+ ", "", r) for line in audit for r in line["repairs"]]
    return dict(Counter(repairs).most_common())


def nothing_usable(audit: list[dict[str, Any]]) -> str:
    """The message where no piece can be used."""
    counts = list(reasons(audit).items())
    words = ", ".join(f"{reason} x{count}" for reason, count in counts[:6])
    files = "1 file" if len(audit) == 1 else f"{len(audit)} files"
    return (
        f"nothing to use in {files}: {words}{', ...' if len(counts) > 6 else ''}; "
        "name a folder of MIDI, MusicXML or ABC files with notes"
    )


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """What a dataset holds: pieces by split, files by verdict and reason, metres, instruments."""
    pieces = dataset.pieces
    audit = _read_lines(dataset.path / "audit.jsonl")
    return {
        "kind": "dataset",
        "path": str(dataset.path),
        **dataset.info,
        "pieces": len(pieces),
        "notes": sum(piece.notes for piece in pieces),
        "bars": sum(piece.bars for piece in pieces),
        "splits": dict(Counter(piece.split for piece in pieces)),
        "verdicts": dict(Counter(line["verdict"] for line in audit)),
        "time_signatures": dict(
            Counter(each for piece in pieces for each in piece.time_signatures).most_common()
        ),
        "programs": dict(Counter(program for piece in pieces for program in piece.programs).most_common()),
        "melody": dict(Counter(piece.melody_how for piece in pieces)),
        "pickups": sum(piece.pickup > 0 for piece in pieces),
    }


def _read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
