"""Music files -> a dataset folder: files are checked, metres tidied, duplicates dropped, pieces split."""

import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from musegen import __version__
from musegen.console import progress, say
from musegen.data.beats import warn_of_beats
from musegen.data.corpora import CORPORA, corpus_files
from musegen.data.dataset import FORMAT_VERSION, SPLITS, Dataset, IndexEntry, label_counts
from musegen.data.groups import Grouping, group_keys, group_pieces
from musegen.data.labels import kind_of, source_labels
from musegen.data.origin import origin_of
from musegen.data.pool import parallel
from musegen.data.reports import (
    OFF_GRID,
    describe_groups,
    group_facts,
    nothing_usable,
    reasons,
    repair_counts,
    warnings,
)
from musegen.data.sources import ReadPiece, Source, find_sources, read_source, single_pieces
from musegen.data.splits import read_split, split_by_content, split_by_file, split_by_folders, split_by_names
from musegen.data.versions import Runs
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
HOW = {
    "file": "by the given file",
    "corpus": "as listed for the corpus",
    "folders": "by folders",
    "content": "by content",
}
"""Descriptions of how the pieces were split."""


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
    runs: list[Runs]
    """Of each piece, see `melodic_runs`."""


def prepare(
    source: str,
    out: Path,
    *,
    split: Path | None = None,
    group: str | None = None,
    labels: str | None = None,
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
        group: what keeps pieces in one split beside similar music and equal names, if they are split by
            content: "folder", "name" or a pattern (see `group_keys`).
        labels: what the pieces are labelled by: "folders", "composer" or a CSV file (see `source_labels`).
        melody: the melody track of every piece, by name or number; None: detected.
        workers: number of processes; None: all cores; the result does not depend on it.
        limit: only the first `limit` files.
        force: replace a dataset at `out`.

    Raises:
        ConfigError: `out` exists and `force` is not set, `limit` or `workers` is below 1, or `group` groups
            nothing or everything, or the split is given.
        DataError: no file can be used, or the split does not fit.
        OSError: `out` cannot be written.
    """
    _check(out, split, workers, limit, force=force)
    corpus, origin = (source if source in CORPORA and not Path(source).exists() else ""), None
    if corpus:
        given = _given_split(corpus, [], split, group)
        files = corpus_files(source, workers=workers, limit=limit)
        sources = [Source(f.source, f, melody) for f in files]
    else:
        found = find_sources(Path(source), melody)[:limit]
        origin = origin_of(Path(source), found, out, split)
        sources = list(single_pieces(found))
        given = _given_split("", [s.name for s in sources], split, group)
    _check_group(group, [s.name for s in sources])
    own_labels = _label_sources(labels, sources)
    new_folders = [folder for folder in out.parents if not folder.exists()]
    building = _building(out)
    try:
        info = _build(building, out.name, corpus, sources, own_labels, given, split, group, workers)
        write_json(building / "dataset.json", info | ({"origin": origin} if origin else {}))
        building.chmod(0o777 & ~umask())  # mkdtemp makes private folders; ours are ordinary ones
        _put_in_place(building, out)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        for folder in new_folders:  # the innermost first
            with suppress(OSError):
                folder.rmdir()
        raise
    return Dataset.open(out)


def _label_sources(how: str | None, sources: list[Source]) -> dict[str, dict[str, str]]:
    """The labels of each source that has any, by its name."""
    if how is None:
        return {}
    labels = source_labels(how, sources)
    found = {s.name: {kind_of(how): label} for s, label in zip(sources, labels, strict=True) if label}
    if len(found) < len(sources):
        say(f"⟨labels⟩ {how}: {len(sources) - len(found)} of {len(sources)} pieces have none")
    return found


def _building(out: Path) -> Path:
    """A temporary folder next to `out`."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"⟨out⟩ {out} cannot be written to ({reason}): name another folder") from error


def _check(out: Path, split: Path | None, workers: int | None, limit: int | None, *, force: bool) -> None:
    """Report faults now, not after everything has been read."""
    if split is not None:
        read_split(split)
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


def _given_split(corpus: str, names: list[str], split: Path | None, group: str | None) -> str:
    """How the split is given, as a key of HOW; "content" if it is not, as it must be for a `group`."""
    given = "content"
    if split is not None:
        given = "file"
    elif split_by_folders(names) is not None:
        given = "folders"
    elif corpus and CORPORA[corpus].split:
        given = "corpus"
    if group is not None and given != "content":
        raise ConfigError(
            f"⟨group⟩ {group}: the pieces are split {HOW[given]}, and groups do not change that: "
            "leave out ⟨group⟩, or prepare music without a split"
        )
    return given


def _check_group(group: str | None, names: list[str]) -> None:
    unmatched = group_keys(group, names).count(None) if group is not None else 0
    if unmatched:
        say(
            f"⟨group⟩ {group} matches {len(names) - unmatched} of {len(names)} pieces; the others have no key"
        )


def _split(
    summary: ReadSummary, corpus: str, given: str, split: Path | None, group: str | None
) -> tuple[str, list[str], Grouping]:
    """How the pieces were split (a key of HOW), the split of each, and their groups."""
    names = [p.name for p in summary.pieces]
    grouping = group_pieces(summary.pieces, summary.runs, group)
    if split is not None:
        rejected = [line["path"] for line in summary.audit if line["verdict"] == "rejected"]
        return "file", split_by_file(split, names, rejected), grouping
    if given == "folders":
        return "folders", split_by_folders(names) or ["train"] * len(names), grouping
    if given == "corpus" and (listed := CORPORA[corpus]).split is not None:
        splits = split_by_names(listed.split, names, listed.others)
        if not listed.others or set(splits) == set(SPLITS):  # a part of a corpus may lack a split
            return "corpus", splits, grouping
    return "content", split_by_content([p.fingerprint for p in summary.pieces], grouping.groups), grouping


def _build(
    folder: Path,
    name: str,
    corpus: str,
    sources: list[Source],
    labels: dict[str, dict[str, str]],
    given: str,
    split: Path | None,
    group: str | None,
    workers: int | None,
) -> dict[str, Any]:
    """Write the files of a dataset into `folder`, except dataset.json, whose content is returned."""
    drop_duplicates = given == "content" or (given == "corpus" and bool(CORPORA[corpus].others))
    with (folder / "scores.bin").open("wb") as file:
        summary = _read_pieces(sources, workers, file, drop_duplicates=drop_duplicates)
    if not summary.pieces:
        raise DataError(nothing_usable(summary.audit))
    how, splits, grouping = _split(summary, corpus, given, split, group)
    names = [p.name for p in summary.pieces]
    pieces = [
        replace(piece, name=title, split=part, labels=labels.get(piece.name, {}))
        for piece, title, part in zip(summary.pieces, _short_names(names), splits, strict=True)
    ]
    messages = warnings(pieces, how, summary.off_grid, grouping)
    messages += warn_of_beats(pieces, sources, is_played=summary.off_grid > OFF_GRID)
    _write_lines(folder / "index.jsonl", [p.line() for p in pieces])
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
        **(group_facts(pieces, grouping, group) if how == "content" else {}),
        "seed": None,  # nothing is random: the split follows from the content
        "melody": melodies,
        "off_grid": round(summary.off_grid, 4),
        "licence": CORPORA[corpus].licence if corpus else "as the source files",
        "warnings": messages,
        "sha256": summary.sha256,
        **label_counts(pieces),
    }
    grouped = describe_groups(pieces, grouping, group) if how == "content" else []
    for line in [*(f"warning: {w}" for w in messages), *grouped, *_counts(info)]:
        say(line)
    return info


def _counts(info: dict[str, Any]) -> list[str]:
    """How the pieces were split, and how their melodies were found, in words."""
    melodies = ", ".join(f"{n} {'by ' + h if h in BY else h}" for h, n in info["melody"].items())
    splits = ", ".join(f"{count} {name}" for name, count in info["splits"].items())
    return [f"split {HOW[info['split_by']]}: {splits}", f"melody: {melodies}"]


def _read_pieces(
    sources: list[Source], workers: int | None, scores: BinaryIO, *, drop_duplicates: bool
) -> ReadSummary:
    """Read the sources, in order, and append the MIDI of the pieces that are kept to the file `scores`."""
    pieces: list[IndexEntry] = []
    audit: list[dict[str, Any]] = []
    first: dict[str, str] = {}
    runs: list[Runs] = []
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
            runs.append(read.runs)
            scores.write(read.data)
            digest.update(read.data)
            off_grid += read.off_grid * piece.notes
        facts = {"path": read.source, "verdict": verdict, "reason": reason}
        audit.append(facts | {"notes": piece.notes if piece else 0, "repairs": list(read.repairs)})
    off_grid /= max(1, sum(p.notes for p in pieces))
    return ReadSummary(pieces, audit, digest.hexdigest(), off_grid, runs)


def _read_all(sources: list[Source], workers: int | None) -> Iterator[ReadPiece]:
    results = parallel(read_source, sources, workers=workers)
    for source, result in zip(sources, progress(results, len(sources), "reading"), strict=True):
        yield ReadPiece(source.name, result.reason) if isinstance(result, Died) else result


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
