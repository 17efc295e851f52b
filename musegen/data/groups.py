"""Groups of pieces that stay in one split: versions of one piece, by music and names, or as the user says."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

import numpy as np

from musegen.data.dataset import IndexEntry
from musegen.data.splits import SHARE
from musegen.data.versions import Runs, find_versions
from musegen.errors import ConfigError

Places = dict[tuple[str, ...], list[int]]
AGREEMENT = 0.5
"""Folders are parallel if pieces of equal names agree in length by so much beyond chance (Cohen's kappa)."""
UNIFORM = 0.9
"""If two pieces by chance agree in length so often, the length says nothing."""
FEWEST_DIVIDED = round(1 / SHARE)
"""Fewer pieces than these, all of them versions, are not divided: none could be held out."""


@dataclass(frozen=True)
class Grouping:
    """The groups of a dataset; a group is named by the index of its first piece."""

    groups: list[int]
    """(pieces,) the group of each piece that stays in one split."""
    versions: list[int]
    """(pieces,) the same, before a group of almost all pieces was divided."""

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(set(self.groups))

    @property
    def is_divided(self) -> bool:
        """Whether almost all pieces were linked, and are divided all the same."""
        return self.groups != self.versions

    def largest(self) -> tuple[int, int]:
        """The first piece of the largest group, and its number of pieces."""
        return Counter(self.groups).most_common(1)[0]


def group_pieces(pieces: list[IndexEntry], runs: list[Runs], by: str | None = None) -> Grouping:
    """Group the versions of each piece: equal music, equal names, and similar music, the most similar first.

    Args:
        pieces: named by their whole paths, with "#" and a number for one of several in a file.
        runs: of each piece, see `melodic_runs`.
        by: "folder", "name" or a pattern, see `group_keys`; these groups are never divided.
    """
    count, names = len(pieces), [piece.name for piece in pieces]
    fixed = _equal(group_keys(by, names)) if by else []
    links = _equal([piece.fingerprint for piece in pieces])
    links += name_links(names, [piece.bars for piece in pieces])
    links += find_versions(runs).pairs.tolist()
    start = _joined(list(range(count)), fixed, count)
    versions = _joined(start, links, count)
    largest = max(Counter(versions).values(), default=0)
    if count >= FEWEST_DIVIDED and (len(set(versions)) < 3 or largest > (1 - SHARE) * count):
        return Grouping(_joined(start, links, int(SHARE * count)), versions)
    return Grouping(versions, versions)


def _equal(keys: Sequence[str | None]) -> list[tuple[int, int]]:
    """Each piece with the first one of the same key."""
    first: dict[str, int] = {}
    return [(first.setdefault(key, i), i) for i, key in enumerate(keys) if key is not None]


def _joined(groups: list[int], links: list[tuple[int, int]], largest: int) -> list[int]:
    """The groups with those of linked pieces joined, in order, unless one gets more than `largest` pieces."""
    parents, sizes = list(groups), Counter(groups)

    def root(piece: int) -> int:
        while parents[piece] != piece:
            parents[piece] = piece = parents[parents[piece]]
        return piece

    for one, other in links:
        low, high = sorted((root(one), root(other)))
        if low != high and sizes[low] + sizes[high] <= largest:
            parents[high] = low
            sizes[low] += sizes[high]
    return [root(piece) for piece in range(len(parents))]


def name_links(names: list[str], bars: list[int]) -> list[tuple[int, int]]:
    """Pairs of pieces of the same name, in one folder or in parallel ones: x.mid, melody/x.mid, chords/x.mid.

    Two paths are parallel if one folder of one is another in the other, or is missing there. Albums have
    equal names too (01, 02; drums, bass), so that the names count only if such pieces also have the same
    number of bars, give or take one, and so more often than chance. Where chance does that, as with loops,
    names count if they are not numbers and there are more of them than folders.

    Args:
        names: whole paths.
        bars: the number of bars of each piece.
    """
    same: Places = defaultdict(list)
    parallel: dict[tuple[str, ...], Places] = defaultdict(lambda: defaultdict(list))
    folder_of: list[tuple[str, ...]] = []
    for index, name in enumerate(names):
        *folders, stem = _parts(name)
        folder_of.append(tuple(folders))
        same[(*folders, stem)].append(index)
        for k in range(len(folders) + 1):
            place = parallel[tuple(folders[:k])]
            place[(*folders[k:], stem)].append(index)
            if k < len(folders):
                place[(*folders[k + 1 :], stem)].append(index)
    found = [pair for pieces in same.values() for pair in pairwise(pieces)]
    chance = _chance(bars)
    for place in parallel.values():
        shared = {path: each for path, each in place.items() if len({folder_of[i] for i in each}) > 1}
        pairs = [pair for pieces in shared.values() for pair in pairwise(pieces)]
        folders_of_all = {folder_of[i] for pieces in shared.values() for i in pieces}
        if not pairs:
            continue
        if chance > UNIFORM:
            are_numbers = all(path[-1].isdigit() for path in shared)
            is_parallel = len(shared) >= len(folders_of_all) and not are_numbers
        else:
            equal = sum(abs(bars[one] - bars[other]) <= 1 for one, other in pairs) / len(pairs)
            is_parallel = (equal - chance) / (1 - chance) >= AGREEMENT
        found += pairs if is_parallel else []
    return sorted(set(found))


def _parts(name: str) -> list[str]:
    """The folders of a piece and its name there, without the suffix of the file."""
    file, sharp, number = name.partition("#")
    path = PurePosixPath(file)
    return [*path.parts[:-1], path.stem + sharp + number]


def _chance(bars: list[int]) -> float:
    """The share of all pairs of pieces that have the same number of bars, give or take one."""
    lengths = np.sort(np.array(bars))
    near = np.searchsorted(lengths, lengths + 1, "right") - np.searchsorted(lengths, lengths - 1)
    pairs = len(bars) * (len(bars) - 1)
    return float((near - 1).sum() / pairs) if pairs else 1.0


def group_keys(by: str, names: list[str]) -> list[str | None]:
    """The key of each piece, or None; pieces with equal keys are one group.

    Args:
        by: "folder", "name" (without folders and suffix), or a regular expression: the first group of its
            first match in a path, or the whole match.
        names: whole paths.

    Raises:
        ConfigError: not a regular expression, or it matches nothing, or groups nothing or everything.
    """
    if by == "folder":
        keys: list[str | None] = ["/".join(_parts(name)[:-1]) for name in names]
    elif by == "name":
        keys = [_parts(name)[-1] for name in names]
    else:
        keys = _matches(by, names)
    counts = Counter(key for key in keys if key is not None)
    example = f"such as {names[0]}" if names else "none"
    advice = "name folder, name, or a regular expression with another match"
    if not counts:
        raise ConfigError(f"⟨group⟩ {by} matches none of {len(names)} paths ({example}): {advice}")
    (key, most), matched = counts.most_common(1)[0], sum(counts.values())
    if most == len(names):
        raise ConfigError(
            f"⟨group⟩ {by} puts all {most} pieces into one group, {key!r} ({example}): {advice}"
        )
    if most == 1:
        raise ConfigError(
            f"⟨group⟩ {by} groups nothing: each of the {matched} paths that it matches has another key, "
            f"such as {key!r}: {advice}"
        )
    return keys


def _matches(pattern: str, names: list[str]) -> list[str | None]:
    try:
        found = [re.search(pattern, name) for name in names]
    except re.error as error:
        raise ConfigError(
            f"⟨group⟩ {pattern}: not a regular expression ({error}); allowed are folder, name, or one"
        ) from error
    return [
        next((group for group in match.groups() if group is not None), match[0]) if match else None
        for match in found
    ]


def leaks(versions: list[int], splits: list[str]) -> list[tuple[int, int]]:
    """Each held-out piece with a version in another split, and that version (in train if there is one)."""
    members: dict[int, dict[str, int]] = defaultdict(dict)
    for piece, (group, split) in enumerate(zip(versions, splits, strict=True)):
        members[group].setdefault(split, piece)
    found = []
    for piece, (group, split) in enumerate(zip(versions, splits, strict=True)):
        others = {other: first for other, first in members[group].items() if other != split}
        if split != "train" and others:
            found.append((piece, others.get("train", next(iter(others.values())))))
    return found
