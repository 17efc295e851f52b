"""What there is to say of a dataset when it is made."""

import re
from collections import Counter
from typing import Any

from musegen.data.dataset import SPLITS, Piece

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
