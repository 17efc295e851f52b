"""Assigning pieces to splits: by content, by a file, by folders, or as a corpus is published."""

import csv
import hashlib
import json
from bisect import bisect_left
from collections import Counter
from pathlib import Path, PurePosixPath

from musegen.data.dataset import SPLITS
from musegen.errors import DataError

SHARE = 0.1
"""Share of the pieces in valid and in test, each."""
_FOLDERS = {"train": "train", "valid": "valid", "validation": "valid", "val": "valid", "test": "test"}


def split_by_content(fingerprints: list[str], groups: list[int]) -> list[str]:
    """The split of each piece; the pieces of a group stay together.

    A group ranks by the fingerprint of one of its pieces, so that a split is stable as a corpus grows. Test
    and valid get a tenth of the pieces each: the groups that rank in the first and in the second tenth, but
    between half and one and a half times as many pieces, and at least one group. All pieces are for train if
    there are fewer than 3 groups.

    Args:
        fingerprints: of the pieces, (pieces,).
        groups: of the pieces, (pieces,), by any numbers.
    """
    sizes = Counter(groups)
    if len(sizes) < 3:
        return ["train"] * len(groups)
    # The piece for which a group stands is chosen by another hash than its rank: the lowest of many ranks
    # would put large groups into test.
    chosen: dict[int, tuple[str, str]] = {}
    for group, print_ in zip(groups, fingerprints, strict=True):
        key = (hashlib.sha256(print_.encode()).hexdigest(), print_)
        chosen[group] = min(key, chosen.get(group, key))
    ranks = {group: int(print_[:16], 16) / 2**64 for group, (_, print_) in chosen.items()}
    remaining = sorted(sizes, key=lambda group: (ranks[group], chosen[group]))
    split_of: dict[int, str] = {}
    for split, below, left in (("test", SHARE, 2), ("valid", 2 * SHARE, 1)):
        for group in _held_out(remaining, ranks, sizes, below, left):
            split_of[group] = split
        remaining = [group for group in remaining if group not in split_of]
    return [split_of.get(group, "train") for group in groups]


def _held_out(
    groups: list[int], ranks: dict[int, float], sizes: Counter[int], below: float, left: int
) -> list[int]:
    """The groups for one split, of all that remain, sorted by rank; at least `left` of them stay."""
    target = SHARE * sizes.total()
    found: list[int] = []
    pieces = 0
    for group in groups[bisect_left(groups, below - SHARE, key=ranks.__getitem__) :]:
        if len(found) == len(groups) - left or (ranks[group] >= below and pieces >= target / 2):
            break
        if pieces + sizes[group] <= 1.5 * target:
            found.append(group)
            pieces += sizes[group]
    return found or [min(groups, key=lambda group: (sizes[group], ranks[group]))]


def split_by_folders(sources: list[str]) -> list[str] | None:
    """The split of each source by its top folder, or None unless these are train, valid and test."""
    tops = [PurePosixPath(s).parts[0].lower() if "/" in s else "" for s in sources]
    if "train" not in tops or len(set(tops)) < 2 or not set(tops) <= set(_FOLDERS):
        return None
    return [_FOLDERS[top] for top in tops]


def split_by_names(path: Path, sources: list[str], others: str) -> list[str]:
    """The split of each source by the list `path` of a built-in corpus.

    Args:
        path: of the list; its names are sources without the suffixes of their files, or stems of file names.
        sources: of the pieces, (pieces,).
        others: the split of the pieces that the list does not name.
    """
    splits = read_split(path)
    found = []
    for source in sources:
        file, sharp, number = source.partition("#")
        short = PurePosixPath(file).with_suffix("")
        found.append(splits.get(f"{short}{sharp}{number}", splits.get(short.name, others)))
    return found


def split_by_file(path: Path, sources: list[str], unused: list[str]) -> list[str]:
    """The split of each source by the file `path`.

    The file is JSON, {"train": [names], "valid": [names], "test": [names]}, or CSV with lines
    name,split. A name is a path in the source folder, with or without suffix, or its stem if that
    is unique.

    Args:
        path: of the file.
        sources: of the pieces, (pieces,).
        unused: sources without a piece (rejected), which the file may also name.

    Raises:
        DataError: unreadable, an unknown split, unknown names, or pieces without a split.
    """
    splits = read_split(path)
    names = aliases([*sources, *unused])
    unknown = [name for name in splits if name not in names]
    if unknown:
        raise DataError(f"{path} names pieces that do not exist ({len(unknown)}): {first_few(unknown)}")
    found: dict[str, str] = {}
    for name, split in splits.items():
        for source in names[name]:
            if found.setdefault(source, split) != split:
                raise DataError(f"{path} puts {source} into two splits: {found[source]} and {split}")
    missing = [s for s in sources if s not in found]
    if missing:
        raise DataError(f"{path} has no split for some pieces ({len(missing)}): {first_few(missing)}")
    return [found[s] for s in sources]


def aliases(sources: list[str]) -> dict[str, list[str]]:
    """The sources of every name that a file of splits or labels may use."""
    names: dict[str, list[str]] = {}
    stems = Counter(PurePosixPath(s.partition("#")[0]).stem + s.partition("#")[2] for s in sources)
    for source in sources:
        file, sharp, number = source.partition("#")
        path = PurePosixPath(file)
        aliases = {source, file, str(path.with_suffix("")), str(path.with_suffix("")) + sharp + number}
        if stems[path.stem + number] == 1:
            aliases |= {path.stem + sharp + number, path.name + sharp + number}
        for alias in aliases:
            names.setdefault(alias, []).append(source)
    return names


def read_split(path: Path) -> dict[str, str]:
    """The split of each name in the file `path`; see `split_by_file`.

    Raises:
        DataError: unreadable, an unknown split, or a name in two.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "not text in UTF-8"
        raise DataError(f"cannot read the split {path}: {reason}; name a JSON or CSV file") from error
    if text.lstrip().startswith("{"):
        pairs = _json_pairs(path, text)
    else:
        rows = [row for row in csv.reader(text.splitlines()) if row and not row[0].startswith("#")]
        bad = [",".join(row) for row in rows if len(row) != 2]
        if bad:
            raise DataError(f"{path}: each line must be name,split; invalid: {first_few(bad)}")
        pairs = [(name.strip(), split.strip()) for name, split in rows]
        if pairs and pairs[0][1] == "split":  # the header
            pairs = pairs[1:]
    pairs = [(name, split.lower()) for name, split in pairs]
    unknown = sorted({split for _, split in pairs} - set(_FOLDERS))
    if unknown:
        raise DataError(f"{path}: unknown split {unknown[0]!r}; allowed are {', '.join(SPLITS)}")
    result: dict[str, str] = {}
    for name, split in pairs:
        if result.setdefault(name, _FOLDERS[split]) != _FOLDERS[split]:
            raise DataError(f"{path} puts {name} into two splits: {result[name]} and {split}")
    return result


def _json_pairs(path: Path, text: str) -> list[tuple[str, str]]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict) or not all(isinstance(v, list) for v in value.values()):
        raise DataError(f'{path}: expected {{"train": [names], "valid": [names], "test": [names]}}')
    return [(str(name), split) for split, names in value.items() for name in names]


def first_few(names: list[str]) -> str:
    """Some names for a message: the first three."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
