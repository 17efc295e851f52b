"""Music files -> a dataset folder: files are checked, metres tidied, duplicates dropped, pieces split."""

import hashlib
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from musegen import __version__
from musegen.console import progress, say
from musegen.data.corpora import CORPORA, corpus_files
from musegen.data.dataset import FORMAT_VERSION, SPLITS, Dataset, IndexEntry
from musegen.data.pool import parallel
from musegen.data.sources import ReadPiece, Source, find_sources, read_source, single_pieces
from musegen.data.splits import read_split, split_by_content, split_by_file, split_by_folders, split_by_names
from musegen.errors import ConfigError, DataError
from musegen.files import umask, write_atomic, write_json
from musegen.music.reading.sandbox import Died

VERDICTS = ("used", "repaired", "duplicate", "rejected")
ORDINARY = (
    "pickup filled up with a rest", "grace notes dropped", "chord symbols kept, not sounded",
    "tremolos played as plain notes",
)  # fmt: skip
"""Repairs that do not indicate a fault in the file."""
BY = ("name", "number", "program", "role")
DOUBTS = {
    "uncertain": "another track is about as likely",
    "sparse": "it has few notes beside the others",
}
"""Why a detected melody is in doubt, by `IndexEntry.melody_how`."""
HOW = {
    "file": "by the given file",
    "corpus": "as listed for the corpus",
    "folders": "by folders",
    "content": "by content",
}
"""Descriptions of how the pieces were split."""
OFF_GRID = 0.1
"""With a larger share of onsets off the grid, the music was performed, not notated."""


class ReadSummary(NamedTuple):
    """The result of reading the sources."""

    pieces: list[IndexEntry]
    """The pieces that are kept, named by their whole path, without a split."""
    audit: list[dict[str, Any]]
    """A line of audit.jsonl per piece, and per file that cannot be read."""
    sha256: str
    """Of scores.bin."""
    off_grid: float
    """Share of the onsets, 0 to 1."""


def prepare(
    source: str,
    out: Path,
    *,
    split: Path | None = None,
    melody: str | None = None,
    workers: int | None = None,
    limit: int | None = None,
    force: bool = False,
) -> Dataset:
    """Make the dataset folder `out` of `source`, whole or not at all; warnings go to stderr.

    Args:
        source: a folder, a file, or a name of CORPORA.
        out: the new folder.
        split: a file with the split of each piece (see `split_by_file`). None: folders train, valid
            and test in the source, or the split of a built-in corpus, else by content.
        melody: the melody track of every piece, by name or number; None: detected.
        workers: number of processes; None: all cores; the result does not depend on it.
        limit: only the first `limit` files.
        force: replace a dataset at `out`.

    Raises:
        ConfigError: `out` exists and `force` is not set, or `limit` or `workers` is below 1.
        DataError: no file can be used, or the split does not fit.
        OSError: `out` cannot be written.
    """
    _check(out, workers, limit, force=force)
    if split is not None:
        read_split(split)  # report faults now, not after everything has been read
    built_in = source in CORPORA and not Path(source).exists()
    if built_in:
        files = corpus_files(source, workers=workers, limit=limit)
        sources = [Source(f.source, f, melody) for f in files]
    else:
        sources = find_sources(Path(source), melody)[:limit]
    new_folders = [folder for folder in out.parents if not folder.exists()]
    building = _building(out)
    try:
        _build(building, out.name, source if built_in else "", sources, split, workers)
        building.chmod(0o777 & ~umask())  # mkdtemp makes private folders; ours are ordinary ones
        _put_in_place(building, out)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        for folder in new_folders:  # the innermost first
            with suppress(OSError):
                folder.rmdir()
        raise
    return Dataset.open(out)


def _building(out: Path) -> Path:
    """A temporary folder next to `out`."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"⟨out⟩ {out} cannot be written to ({reason}): name another folder") from error


def _check(out: Path, workers: int | None, limit: int | None, *, force: bool) -> None:
    for option, value in (("⟨workers⟩", workers), ("⟨limit⟩", limit)):
        if value is not None and value < 1:
            raise ConfigError(f"{option} {value}: at least 1")
    if not out.exists():
        return
    if not force:
        raise ConfigError(f"{out} exists; choose another ⟨out⟩, or replace it with ⟨force⟩")
    if not out.is_dir() or (any(out.iterdir()) and not (out / "dataset.json").is_file()):
        raise ConfigError(f"{out} is not a dataset and is not replaced; choose another ⟨out⟩")


def _put_in_place(building: Path, out: Path) -> None:
    """Rename `building` to `out`; an existing dataset is removed only after that."""
    if not out.exists():
        building.replace(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    old.rmdir()  # a free name: some systems cannot rename to an existing folder
    out.replace(old)
    try:
        building.replace(out)
    except OSError:
        old.replace(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _build(
    folder: Path, name: str, corpus: str, sources: list[Source], split: Path | None, workers: int | None
) -> None:
    """Write the four files of a dataset into `folder`."""
    by_folders = split is None and split_by_folders([s.name for s in sources]) is not None
    listed = CORPORA[corpus] if corpus and split is None and CORPORA[corpus].split else None
    drop_duplicates = split is None and not by_folders and (listed is None or bool(listed.others))
    with (folder / "scores.bin").open("wb") as file:
        summary = _read_pieces(sources, workers, file, drop_duplicates=drop_duplicates)
    if not summary.pieces:
        raise DataError(nothing_usable(summary.audit))
    names = [p.name for p in summary.pieces]
    if split is not None:
        rejected = [line["path"] for line in summary.audit if line["verdict"] == "rejected"]
        how, splits = "file", split_by_file(split, names, rejected)
    elif by_folders:
        how, splits = "folders", split_by_folders(names) or ["train"] * len(names)
    else:
        how, splits = "content", split_by_content([p.fingerprint for p in summary.pieces])
    if listed is not None and listed.split is not None:
        as_listed = split_by_names(listed.split, names, listed.others)
        if not listed.others or set(as_listed) == set(SPLITS):  # a part of a corpus may lack a split
            how, splits = "corpus", as_listed
    pieces = [
        replace(piece, name=title, split=part)
        for piece, title, part in zip(summary.pieces, _short_names(names), splits, strict=True)
    ]
    messages = warnings(pieces, how, summary.off_grid)
    _write_lines(folder / "index.jsonl", [asdict(p) for p in pieces])
    _write_lines(folder / "audit.jsonl", summary.audit)
    melodies = dict(Counter(p.melody_how for p in pieces).most_common())
    verdicts = Counter(line["verdict"] for line in summary.audit)
    info = {
        "format_version": FORMAT_VERSION,
        "name": name,
        "source": corpus or "files",
        "musegen_version": __version__,
        "pieces": len(pieces),
        "notes": sum(p.notes for p in pieces),
        "bars": sum(p.bars for p in pieces),
        "verdicts": {v: verdicts[v] for v in VERDICTS},
        "rejected": reasons(summary.audit),
        "repairs": repair_counts(summary.audit),
        "splits": {s: splits.count(s) for s in SPLITS},
        "split_by": how,
        "seed": None,  # nothing is random: the split follows from the content
        "melody": melodies,
        "off_grid": round(summary.off_grid, 4),
        "licence": CORPORA[corpus].licence if corpus else "as the source files",
        "warnings": messages,
        "sha256": summary.sha256,
    }
    write_json(folder / "dataset.json", info)
    found = ", ".join(f"{n} {'by ' + h if h in BY else h}" for h, n in melodies.items())
    counts = ", ".join(f"{splits.count(s)} {s}" for s in SPLITS)
    for line in [*(f"warning: {w}" for w in messages), f"split {HOW[how]}: {counts}", f"melody: {found}"]:
        say(line)


def _read_pieces(
    sources: list[Source], workers: int | None, scores: BinaryIO, *, drop_duplicates: bool
) -> ReadSummary:
    """Read the sources, in order, and append the MIDI of the pieces that are kept to the file `scores`."""
    pieces: list[IndexEntry] = []
    audit: list[dict[str, Any]] = []
    first: dict[str, str] = {}
    digest, off_grid = hashlib.sha256(), 0.0
    for read in _read_all(sources, workers):
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
            scores.write(read.data)
            digest.update(read.data)
            off_grid += read.off_grid * piece.notes
        facts = {"path": read.source, "verdict": verdict, "reason": reason}
        audit.append(facts | {"notes": piece.notes if piece else 0, "repairs": list(read.repairs)})
    return ReadSummary(pieces, audit, digest.hexdigest(), off_grid / max(1, sum(p.notes for p in pieces)))


def _read_all(sources: list[Source], workers: int | None) -> Iterator[ReadPiece]:
    pieces = list(single_pieces(sources))
    results = parallel(read_source, pieces, workers=workers)
    for piece, result in zip(pieces, progress(results, len(pieces), "reading"), strict=True):
        yield ReadPiece(piece.name, result.reason) if isinstance(result, Died) else result


def _short_names(sources: list[str]) -> list[str]:
    """The sources without the suffixes of their files, unless that makes them equal."""
    short = []
    for source in sources:
        file, sharp, number = source.partition("#")
        short.append(str(PurePosixPath(file).with_suffix("")) + sharp + number)
    counts = Counter(short)
    return [s if counts[s] == 1 else source for s, source in zip(short, sources, strict=True)]


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())


def warnings(pieces: list[IndexEntry], how: str, off_grid: float) -> list[str]:
    """Warnings about a dataset, from its pieces, how they were split, and the share off the grid."""
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
            found.append(f"the split has no pieces for {', '.join(empty)}")
        splits = Counter(fingerprint for fingerprint, _ in {(p.fingerprint, p.split) for p in pieces})
        leaks = sum(count > 1 for count in splits.values())
        if leaks:
            found.append(f"the same music is in more than one split: {leaks} in all")
    missing = sum(p.melody < 0 for p in pieces)
    if missing:
        found.append(f"no melody track was found in {missing} of {len(pieces)} pieces")
    for doubt, why in DOUBTS.items():
        count = sum(p.melody_how == doubt for p in pieces)
        if count:
            of = f"{count} of {len(pieces)} pieces"
            found.append(f"the melody of {of} is in doubt: {why}; choose its track with ⟨melody⟩")
    return found


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
