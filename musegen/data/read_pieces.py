"""Reading the sources of a dataset: which pieces are kept, what was wrong, and how their onsets lie."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from musegen.console import progress
from musegen.data.dataset import IndexEntry
from musegen.data.pool import parallel
from musegen.data.sources import ReadPiece, Source, read_source
from musegen.data.timing import Timing, timing_of
from musegen.data.versions import Runs
from musegen.music.reading.sandbox import Died

ORDINARY = (
    "pickup filled up with a rest", "grace notes dropped", "chord symbols kept, not sounded",
    "tremolos played as plain notes", "hits mapped to General MIDI",
)  # fmt: skip
"""Repairs that do not indicate a fault in the file."""


class ReadSummary(NamedTuple):
    """The result of reading the sources."""

    pieces: list[IndexEntry]
    """The pieces that are kept, named by their whole path, without a split."""
    audit: list[dict[str, Any]]
    """A line of audit.jsonl per piece, and per file that cannot be read."""
    sha256: str
    """Of scores.bin."""
    off_grid: float
    """Share of the onsets, 0 to 1, as they are in the sources."""
    beat_strength: float
    """The mean over all notes, see `music.fingerprint`."""
    timing: Timing
    """How models write the onsets."""
    runs: list[Runs]
    """Of each piece, see `melodic_runs`."""


def read_pieces(
    sources: list[Source], place: Path, *, workers: int | None, drop_duplicates: bool
) -> ReadSummary:
    """Read the sources, in order, and write the MIDI of the pieces that are kept to a file.

    Args:
        sources: of the pieces, all with the same timing; if they have none, it is measured.
        place: the file.
        workers: number of processes; None: all cores.
        drop_duplicates: keep one of several pieces that are the same music.
    """

    def read(chosen: list[Source]) -> ReadSummary:
        with place.open("wb") as scores:
            return _kept(_read_all(chosen, workers), scores, drop_duplicates=drop_duplicates)

    summary, timing = read(sources), sources[0].timing
    if timing is None and summary.timing == "free":  # only now is it known that bars mean nothing
        return read([each._replace(timing="free") for each in sources])
    return summary if timing is None else summary._replace(timing=timing)


def _kept(results: Iterator[ReadPiece], scores: BinaryIO, *, drop_duplicates: bool) -> ReadSummary:
    pieces: list[IndexEntry] = []
    audit: list[dict[str, Any]] = []
    first: dict[str, str] = {}
    runs: list[Runs] = []
    digest, off_grid, strength = hashlib.sha256(), 0.0, 0.0
    for read in results:
        verdict, reason, piece = "used", read.reason, read.piece
        if piece is None:
            verdict = "rejected"
        elif drop_duplicates and piece.fingerprint in first:
            verdict, reason = "duplicate", f"the same music as {first[piece.fingerprint]}"
        else:
            first.setdefault(piece.fingerprint, read.source)
            if any(not repair.endswith(ORDINARY) for repair in read.repairs):
                verdict = "repaired"
            pieces.append(replace(piece, offset=scores.tell()))
            runs.append(read.runs)
            scores.write(read.data)
            digest.update(read.data)
            off_grid += read.off_grid * piece.notes
            strength += read.beat_strength * piece.notes
        facts = {"path": read.source, "verdict": verdict, "reason": reason}
        audit.append(facts | {"notes": piece.notes if piece else 0, "repairs": list(read.repairs)})
    notes = max(1, sum(p.notes for p in pieces))
    off_grid, strength = off_grid / notes, strength / notes
    timing = timing_of(off_grid, strength)
    return ReadSummary(pieces, audit, digest.hexdigest(), off_grid, strength, timing, runs)


def _read_all(sources: list[Source], workers: int | None) -> Iterator[ReadPiece]:
    results = parallel(read_source, sources, workers=workers)
    for source, result in zip(sources, progress(results, len(sources), "reading"), strict=True):
        yield ReadPiece(source.name, result.reason) if isinstance(result, Died) else result
