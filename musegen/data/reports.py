"""What a preparation reports: warnings, counts of reasons and repairs, and groups."""

import re
from collections import Counter
from typing import Any

from musegen.data.dataset import SPLITS, IndexEntry
from musegen.data.groups import Grouping, leaks
from musegen.data.timing import OFF_GRID, Timing

DOUBTS = {
    "uncertain": "another track is about as likely",
    "sparse": "it has few notes beside the others",
}
"""Why a detected melody is in doubt, by `IndexEntry.melody_how`."""


def warnings(
    pieces: list[IndexEntry], how: str, off_grid: float, timing: Timing, grouping: Grouping
) -> list[str]:
    """Warnings about a dataset.

    Args:
        pieces: of it.
        how: they were split.
        off_grid: the share of the onsets off the grid.
        timing: how models write the onsets.
        grouping: of the pieces.
    """
    found = []
    if off_grid > OFF_GRID and timing == "grid":
        found.append(
            f"{off_grid:.0%} of the onsets lie off the grid: this is performance timing, not notation; "
            "models of bars and beats round it; ⟨timing⟩ beats or free keeps it"
        )
    if how == "content":
        found += _few_groups(pieces, grouping)
    else:
        empty = [s for s in SPLITS if not any(p.split == s for p in pieces)]
        if empty:
            found.append(f"the split has no pieces for {', '.join(empty)}")
    leaking = leaks(grouping.versions, [p.split for p in pieces])
    if leaking:
        one, other = (f"{pieces[i].name} ({pieces[i].split})" for i in leaking[0])
        held_out = sum(p.split != "train" for p in pieces)
        found.append(
            f"{len(leaking)} of {held_out} held-out pieces have a version in another split (similar music or "
            f"equal names), such as {one} and {other}"
        )
    missing = sum(p.melody_how == "missing" for p in pieces)
    if missing:
        found.append(f"no melody track was found in {missing} of {len(pieces)} pieces")
    for doubt, why in DOUBTS.items():
        count = sum(p.melody_how == doubt for p in pieces)
        if count:
            of = f"{count} of {len(pieces)} pieces"
            found.append(f"the melody of {of} is in doubt: {why}; choose its track with ⟨melody⟩")
    return found


def _few_groups(pieces: list[IndexEntry], grouping: Grouping) -> list[str]:
    """A warning if there are too few groups for a split, or if one had to be divided."""
    if grouping.count < 3:
        counts = f"pieces: {len(pieces)}, groups of versions: {grouping.count}"
        return [f"no split: too few pieces for train, valid and test ({counts}); all are for train"]
    if not grouping.is_divided:
        return []
    (first, size), *_ = Counter(grouping.versions).most_common(1)
    other = grouping.versions.index(first, first + 1)
    return [
        f"{size} of {len(pieces)} pieces are linked by similar music or equal names (such as "
        f"{pieces[first].name} and {pieces[other].name}): they are divided among the splits all the same"
    ]


def group_facts(pieces: list[IndexEntry], grouping: Grouping, by: str | None) -> dict[str, Any]:
    """What dataset.json says of groups."""
    first, size = grouping.largest()
    return {
        "group": by,
        "groups": grouping.count,
        "largest_group": {"pieces": size, "name": pieces[first].name},
    }


def describe_groups(pieces: list[IndexEntry], grouping: Grouping, by: str | None) -> list[str]:
    """A line that says what was grouped, unless every piece is alone."""
    first, size = grouping.largest()
    if size == 1:
        return []
    how = "similar music or equal names" if by is None else f"{by}, similar music or equal names"
    hint = "" if by else "; if folders or names say more of what belongs together, use ⟨group⟩"
    return [
        f"{len(pieces)} pieces in {grouping.count} groups, by {how}; the largest has {size}, "
        f"with {pieces[first].name}{hint}"
    ]


def reasons(audit: list[dict[str, Any]]) -> dict[str, int]:
    """Number of rejected files by reason; numbers in a reason are replaced by N."""
    texts = [re.sub(r"\d[\d.]*", "N", line["reason"]) for line in audit if line["verdict"] == "rejected"]
    return dict(Counter(texts).most_common())


def repair_counts(audit: list[dict[str, Any]]) -> dict[str, int]:
    """Number of pieces by repair."""
    repairs = [re.sub(r"^\d+ ", "", r) for line in audit for r in line["repairs"]]
    return dict(Counter(repairs).most_common())


def nothing_usable(audit: list[dict[str, Any]]) -> str:
    """The message if no piece can be used."""
    counts = list(reasons(audit).items())
    words = ", ".join(f"{reason} x{count}" for reason, count in counts[:6])
    files = "1 file" if len(audit) == 1 else f"{len(audit)} files"
    return (
        f"nothing to use in {files}: {words}{', ...' if len(counts) > 6 else ''}; "
        "name a folder of MIDI, MusicXML or ABC files with notes"
    )
