"""Does music copy other music? An index of the melodic motion of pieces, searched for the notes of a score.

Copies are measured as runs of consecutive notes of a line, recognised in any key, tempo and position (see
musegen/metrics/lines.py). They are found by a suffix array: Manber and Myers, "Suffix arrays: a new method
for on-line string searches" (1993). Texts are int32 arrays of codes, 0 or more; many positions of a text are
searched in another at once.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from symusic import Score

from musegen.metrics.lines import RATIOS, SHUT, Line, motions, readings
from musegen.music.notes import Ints

Codes = NDArray[np.int32]
MOST = 100
"""The largest number of pieces reported to contain a run."""
STRIDE = 64
"""Motions between the positions that are searched first."""


@dataclass(frozen=True)
class NoveltyIndex:
    """Pieces as one text of motions, with its sorted suffixes."""

    text: NDArray[np.int32]
    """(N,) motions of all lines, concatenated."""
    order: NDArray[np.int32]
    """(N,) see `sort_suffixes`."""
    begins: Ints
    """(pieces,) start of the lines of each piece in the text."""
    names: list[str]
    """(pieces,)."""

    def piece(self, position: int) -> str:
        """The name of the piece at a position of the text."""
        return self.names[int(np.searchsorted(self.begins, position, side="right")) - 1]


class Copied(NamedTuple):
    """How much of a score is copied, note by note."""

    runs: Ints
    """(notes,) length of the longest copied run that contains the note, in notes; 1 if it is not copied."""
    longest: int
    """The longest of them; 0 if the score has no notes."""
    onset: int
    """Its start in ticks."""
    pieces: list[str]
    """The pieces that contain it, in the order of the index; at most `MOST`."""

    def share(self, least: int) -> float:
        """Share of the notes (0 to 1) in copied runs of at least `least` notes; 0 if there are none."""
        return float((self.runs >= least).mean()) if len(self.runs) else 0.0


def build_index(scores: Iterable[Score], names: Iterable[str]) -> NoveltyIndex:
    """The index of pieces with these names."""
    texts, begins, kept, total = [], [], [], 0
    for score, name in zip(scores, names, strict=True):
        lines_of_piece = [motions(line) for lines in readings(score) for line in lines]
        if lines_of_piece:
            begins.append(total)
            kept.append(name)
            texts += lines_of_piece
            total += sum(map(len, lines_of_piece))
    text = np.concatenate([np.zeros(0, np.int32), *texts])
    order = sort_suffixes(text, max((len(each) for each in texts), default=0))
    return NoveltyIndex(text, order, np.array(begins, np.int64), kept)


def copied(score: Score, index: NoveltyIndex, *, since: int = 0) -> Copied:
    """How much of a score is in the pieces of an index; of its readings, the one that copies most.

    Args:
        score: tidy, in ticks.
        index: with at least one piece.
        since: ignore notes before this tick, such as those of a prompt.
    """
    found = [
        _copied([Line(*(column[line.onsets >= since] for column in line)) for line in lines], index)
        for lines in readings(score)
    ]
    return max(found, key=lambda each: (each.longest, each.share(each.longest)))


def max_copied_run(score: Score, index: NoveltyIndex, *, since: int = 0) -> int:
    """The length of the longest copied run in notes; the arguments are those of `copied`."""
    return copied(score, index, since=since).longest


def _copied(lines: list[Line], index: NoveltyIndex) -> Copied:
    """How much is copied of the lines of one reading."""
    lines = [line for line in lines if len(line.onsets)]
    texts = [motions(line, last=SHUT) for line in lines]
    sought = np.concatenate([np.zeros(0, np.int32), *texts])
    starts = np.cumsum([0, *map(len, texts)])
    runs = _runs(index, sought)
    covers = [_cover(runs[a:b]) for a, b in pairwise(starts)]
    if not len(sought):
        return Copied(np.ones(len(covers), np.int64), min(1, len(lines)), 0, [])
    at = int(runs.argmax())
    number = int(np.searchsorted(starts, at, side="right")) - 1
    onset = int(lines[number].onsets[at - starts[number]])
    return Copied(np.concatenate(covers), int(runs[at]), onset, _holders(index, sought[at:], int(runs[at])))


def _runs(index: NoveltyIndex, sought: NDArray[np.int32]) -> Ints:
    """Length in notes of the longest run that starts at each motion of `sought`, (M,), 1 or more.

    A run that starts one note later ends no earlier. So if two runs have the same end, those that start
    between them have it too; only the others are searched, which makes whole copies cheap.
    """
    searched = np.unique(np.append(np.arange(0, len(sought), STRIDE), len(sought) - 1))[: len(sought)]
    ends = searched + _longest(index, sought, searched)
    while True:
        apart = (np.diff(searched) > 1) & (np.diff(ends) > 0)
        between = ((searched[:-1] + searched[1:]) // 2)[apart]
        if not len(between):
            break
        where = np.searchsorted(searched, between)
        ends = np.insert(ends, where, between + _longest(index, sought, between))
        searched = np.insert(searched, where, between)
    positions = np.arange(len(sought))
    return np.asarray(ends[np.searchsorted(searched, positions, side="right") - 1] - positions, np.int64)


def _longest(index: NoveltyIndex, sought: NDArray[np.int32], at: Ints) -> Ints:
    """Length in notes of the longest run that starts at the motions `at` of `sought`, (at,).

    It is one more than the number of equal motions; if the first different motion has the same interval,
    only the time after it differs, and the run is one note longer.
    """
    positions, equal = longest_matches(index.text, index.order, sought, at)  # (2, at)
    theirs, ours = index.text[positions + equal], sought[at + equal]
    return np.asarray((equal + 1 + (theirs // RATIOS == ours // RATIOS)).max(axis=0), np.int64)


def _cover(runs: Ints) -> Ints:
    """For each note the length of the longest run that contains it, (M + 1,).

    Args:
        runs: (M,), length of the run that starts at each note but the last.
    """
    cover = np.ones(len(runs) + 1, np.int64)
    # Without runs that lie within another.
    begins = np.flatnonzero(np.append(True, runs[1:] >= runs[:-1])[: len(runs)])
    for begin in begins[np.argsort(runs[begins], kind="stable")].tolist():
        cover[begin : begin + runs[begin]] = runs[begin]
    return cover


def _holders(index: NoveltyIndex, sought: NDArray[np.int32], notes: int) -> list[str]:
    """The pieces that contain the first `notes` notes of `sought`."""
    if notes < 2:
        return []

    def run(text: NDArray[np.int32], start: int) -> list[int]:
        """The motions between `notes` notes from `start` on; the last is only an interval."""
        motions: list[int] = text[start : start + notes - 1].tolist()
        motions[notes - 2 :] = [motion // RATIOS for motion in motions[notes - 2 :]]
        return motions

    query = run(sought, 0)
    first = bisect_left(index.order, query, key=lambda start: run(index.text, start))
    stop = bisect_right(index.order, query, lo=first, key=lambda start: run(index.text, start))
    pieces = np.unique(np.searchsorted(index.begins, index.order[first:stop], side="right") - 1)
    return [index.names[piece] for piece in pieces[:MOST].tolist()]


def sort_suffixes(text: Codes, longest: int) -> NDArray[np.int32]:
    """The starts of the suffixes of a text in lexical order, (N,), by prefix doubling.

    Args:
        text: (N,).
        longest: number of codes to compare; suffixes that are equal so far are in any order.
    """
    rank = np.unique(text, return_inverse=True)[1].astype(np.int64)
    order = np.argsort(rank, kind="stable")
    known = 1
    while known < longest:
        key = rank * (len(text) + 1)
        key[:-known] += rank[known:] + 1
        order = np.argsort(key, kind="stable")
        is_new = np.append(False, np.diff(key[order]) != 0)
        rank[order] = np.cumsum(is_new)
        known *= 2
        if rank[order[-1]] == len(text) - 1:
            break
    return order.astype(np.int32)


def longest_matches(text: Codes, order: NDArray[np.int32], sought: Codes, at: Ints) -> tuple[Ints, Ints]:
    """For positions of `sought` two positions each of the text: those sorted just before and just after.

    Also the lengths of their common prefixes, both (2, M): no other position has a longer one.

    Args:
        text: (N,), at least one code.
        order: by `sort_suffixes`.
        sought: a text whose last code is not in `text`, and vice versa.
        at: (M,) positions in `sought`.
    """
    low, high = np.full(len(at), -1), np.full(len(at), len(text))
    agree_low, agree_high = np.zeros((2, len(at)), np.int64)
    active = np.flatnonzero(high - low > 1)
    while len(active):
        middle = (low[active] + high[active]) // 2
        start, position = order[middle].astype(np.int64), at[active]
        known = np.minimum(agree_low[active], agree_high[active])
        agree = _common_prefix(text, sought, start, position, known)
        below = text[start + agree] < sought[position + agree]
        low[active[below]], agree_low[active[below]] = middle[below], agree[below]
        high[active[~below]], agree_high[active[~below]] = middle[~below], agree[~below]
        active = active[high[active] - low[active] > 1]
    neighbours = np.stack([np.maximum(low, 0), np.minimum(high, len(text) - 1)])
    return order[neighbours].astype(np.int64), np.stack([agree_low, agree_high])


def _common_prefix(text: Codes, sought: Codes, start: Ints, position: Ints, known: Ints) -> Ints:
    """Length of the common prefix of text[start:] and sought[position:], at least `known`."""
    agree = known.copy()
    active, size = np.arange(len(start)), 4
    while len(active):
        ahead: Ints = agree[active][:, None] + np.arange(size)
        theirs = text[np.minimum(start[active][:, None] + ahead, len(text) - 1)]
        ours = sought[np.minimum(position[active][:, None] + ahead, len(sought) - 1)]
        differ = np.concatenate([theirs != ours, np.ones((len(active), 1), bool)], axis=1).argmax(axis=1)
        agree[active] += differ
        active = active[differ == size]
        size = min(2 * size, 256)
    return agree
