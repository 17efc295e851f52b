"""Music files -> a dataset folder: files are checked, metres tidied, duplicates dropped, pieces split."""

import json
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Unpack

from musegen import __version__
from musegen.console import say
from musegen.data.beats import warn_of_beats
from musegen.data.corpora import CORPORA, corpus_files
from musegen.data.dataset import FORMAT_VERSION, SPLITS, Dataset, label_counts
from musegen.data.groups import Grouping, group_keys, group_pieces
from musegen.data.labels import kind_of, source_labels
from musegen.data.origin import origin_of
from musegen.data.read_pieces import ReadSummary, read_pieces
from musegen.data.reports import (
    describe_groups,
    group_facts,
    nothing_usable,
    reasons,
    repair_counts,
    warnings,
)
from musegen.data.sources import Source, find_sources, single_pieces
from musegen.data.splits import read_split, split_by_content, split_by_file, split_by_folders, split_by_names
from musegen.data.timing import Played, check_played, describe_timing
from musegen.errors import ConfigError, DataError
from musegen.files import umask, write_atomic, write_json

VERDICTS = ("used", "repaired", "duplicate", "rejected")
BY = ("name", "number", "program", "role")
HOW = {
    "file": "by the given file",
    "corpus": "as listed for the corpus",
    "folders": "by folders",
    "content": "by content",
}
"""Descriptions of how the pieces were split."""


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
    **played: Unpack[Played],
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
        **played: see `Played`.

    Raises:
        ConfigError: `out` exists and `force` is not set, `limit` or `workers` is below 1, or `group` groups
            nothing or everything, or the split is given.
        DataError: no file can be used, or the split does not fit.
        OSError: `out` cannot be written.
    """
    _check(out, split, workers, limit, force=force)
    check_played(played)
    corpus, origin = (source if source in CORPORA and not Path(source).exists() else ""), None
    if corpus:
        given = _given_split(corpus, [], split, group)
        files = corpus_files(source, workers=workers, limit=limit)
        sources = [Source(f.source, f, melody, **played) for f in files]
    else:
        found = [each._replace(**played) for each in find_sources(Path(source), melody)[:limit]]
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
        _put_in_place(building, out)
    except BaseException:
        _remove(building, new_folders)
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


def _remove(building: Path, new_folders: list[Path]) -> None:
    """Remove what was written, and the folders that were made for it, the innermost first."""
    shutil.rmtree(building, ignore_errors=True)
    for folder in new_folders:
        with suppress(OSError):
            folder.rmdir()


def _put_in_place(building: Path, out: Path) -> None:
    """Rename `building` to `out`; an existing dataset is removed only after that."""
    building.chmod(0o777 & ~umask())  # mkdtemp makes private folders; ours are ordinary ones
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
    summary = read_pieces(sources, folder / "scores.bin", workers=workers, drop_duplicates=drop_duplicates)
    if not summary.pieces:
        raise DataError(nothing_usable(summary.audit))
    how, splits, grouping = _split(summary, corpus, given, split, group)
    names = [p.name for p in summary.pieces]
    pieces = [
        replace(piece, name=title, split=part, labels=labels.get(piece.name, {}))
        for piece, title, part in zip(summary.pieces, _short_names(names), splits, strict=True)
    ]
    messages = warnings(pieces, how, summary.off_grid, summary.timing, grouping)
    messages += warn_of_beats(pieces, sources, is_played=summary.timing != "grid")
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
        "beat_strength": round(summary.beat_strength, 4),
        "timing": summary.timing,
        "licence": CORPORA[corpus].licence if corpus else "as the source files",
        "warnings": messages,
        "sha256": summary.sha256,
        **label_counts(pieces),
    }
    grouped = describe_groups(pieces, grouping, group) if how == "content" else []
    played = describe_timing(summary.timing, summary.off_grid)
    for line in [*(f"warning: {w}" for w in messages), *played, *grouped, *_counts(info)]:
        say(line)
    return info


def _counts(info: dict[str, Any]) -> list[str]:
    """How the pieces were split, and how their melodies were found, in words."""
    melodies = ", ".join(f"{n} {'by ' + h if h in BY else h}" for h, n in info["melody"].items())
    splits = ", ".join(f"{count} {name}" for name, count in info["splits"].items())
    return [f"split {HOW[info['split_by']]}: {splits}", f"melody: {melodies}"]


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
