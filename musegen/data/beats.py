"""Music with beats but without bar lines, as raw transcriptions have it (POP909, among others)."""

from collections.abc import Sequence
from pathlib import Path

from musegen.data.dataset import IndexEntry
from musegen.data.sources import Source


def warn_of_beats(pieces: Sequence[IndexEntry], sources: Sequence[Source], *, is_played: bool) -> list[str]:
    """Warnings about pieces with bars of one beat, and about files of beats that are not read.

    Args:
        pieces: of a dataset.
        sources: its files.
        is_played: whether the music has performance timing, so that a file of beats would be of use.
    """
    found = []
    count = sum(all(metre.startswith("1/") for metre in piece.time_signatures) for piece in pieces)
    if count:
        found.append(
            f"{count} of {len(pieces)} pieces have bars of one beat (as 1/4), that is beats without bar "
            "lines, and models learn no bars from them; give the files their time signature in a DAW or "
            "notation program, or use an edition that has it, and prepare them again"
        )
    first = sources[0].content
    files = sorted(first.parent.glob("*beat*.txt")) if isinstance(first, Path) else []
    if files and sources[0].beats is None and (count or is_played):
        names = ", ".join(file.name for file in files[:2])
        found.append(f"files of beats beside the music are not read ({names}): name them with ⟨beats⟩")
    return found
