"""Does music copy other music? Pieces indexed by how their melodies move, and what of a score stands there.

What is copied is counted in notes of a line that follow each other, known again in any key, at any speed and
at any place (see musegen/metrics/lines.py). It is found by a suffix array: Manber and Myers, "Suffix arrays:
a new method for on-line string searches" (1993). Texts are arrays of codes, 0 or more, int32; many places of
a text are sought in another at once.
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
"""Pieces that are named as holding a run."""
STRIDE = 64
"""Motions between the places that are asked first."""


@dataclass(frozen=True)
class NoveltyIndex:
    """Pieces as one text of motions, and its suffixes sorted."""

    text: NDArray[np.int32]
    """(N,) motions of all lines, end to end."""
    order: NDArray[np.int32]
    """(N,) see `sort_suffixes`."""
    begins: Ints
    """(pieces,) where the lines of each piece begin in the text."""
    names: list[str]
    """(pieces,)."""

    def piece(self, place: int) -> str:
        """The name of the piece that stands at a place of the text."""
        return self.names[int(np.searchsorted(self.begins, place, side="right")) - 1]


class Copied(NamedTuple):
    """What of a score is copied, note by note."""

    runs: Ints
    """(notes,) how many notes the longest copied run has that holds the note, 1 where nothing is."""
    longest: int
    """The longest of them; 0 where the score has no notes."""
    onset: int
    """Where that begins, in ticks."""
    pieces: list[str]
    """The pieces in which it stands, in the order of the index; at most `MOST`."""

    def share(self, least: int) -> float:
        """Share of the notes (0 to 1) that lie in copied runs of at least so many; 0 where there are none."""
        return float((self.runs >= least).mean()) if len(self.runs) else 0.0


def build_index(scores: Iterable[Score], names: Iterable[str]) -> NoveltyIndex:
    """The index of some pieces."""
    texts, begins, kept, total = [], [], [], 0
    for score, name in zip(scores, names, strict=True):
        own = [motions(line) for lines in readings(score) for line in lines]
        if own:
            begins.append(total)
            kept.append(name)
            texts += own
            total += sum(map(len, own))
    text = np.concatenate([np.zeros(0, np.int32), *texts])
    order = sort_suffixes(text, max((len(each) for each in texts), default=0))
    return NoveltyIndex(text, order, np.array(begins, np.int64), kept)


def copied(score: Score, index: NoveltyIndex, *, since: int = 0) -> Copied:
    """What of a score stands in the pieces of an index: of its readings, the one that copies most.

    Args:
        score: tidy, in ticks.
        index: with at least one piece.
        since: leave out the notes before this tick, as those of a prompt.
    """
    found = [_copied([_later(line, since) for line in lines], index) for lines in readings(score)]
    return max(found, key=lambda each: (each.longest, each.share(each.longest)))


def max_copied_run(score: Score, index: NoveltyIndex, *, since: int = 0) -> int:
    """How many notes the longest copied run has; the arguments are those of `copied`."""
    return copied(score, index, since=since).longest


def _later(line: Line, since: int) -> Line:
    return Line(*(column[line.onsets >= since] for column in line))


def _copied(lines: list[Line], index: NoveltyIndex) -> Copied:
    """What is copied of the lines of one reading."""
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
    """How many notes the longest run has that begins at each of the motions sought, (M,), 1 or more.

    A run that begins a note later ends no earlier. So where two runs end together, those that begin
    between them do too: only the others are looked for, which makes whole copies cheap.
    """
    asked = np.unique(np.append(np.arange(0, len(sought), STRIDE), len(sought) - 1))[: len(sought)]
    ends = asked + _longest(index, sought, asked)
    while True:
        apart = (np.diff(asked) > 1) & (np.diff(ends) > 0)
        between = ((asked[:-1] + asked[1:]) // 2)[apart]
        if not len(between):
            break
        where = np.searchsorted(asked, between)
        ends = np.insert(ends, where, between + _longest(index, sought, between))
        asked = np.insert(asked, where, between)
    places = np.arange(len(sought))
    return np.asarray(ends[np.searchsorted(asked, places, side="right") - 1] - places, np.int64)


def _longest(index: NoveltyIndex, sought: NDArray[np.int32], at: Ints) -> Ints:
    """How many notes the longest run has that begins at some of the motions sought, (at,).

    They are one more than the intervals that agree; where the interval of the first motion that differs
    is the same, only the time after it differs, and the run has a note more.
    """
    places, agree = longest_matches(index.text, index.order, sought, at)  # (2, at)
    theirs, ours = index.text[places + agree], sought[at + agree]
    return np.asarray((agree + 1 + (theirs // RATIOS == ours // RATIOS)).max(axis=0), np.int64)


def _cover(runs: Ints) -> Ints:
    """For each note the length of the longest run that holds it, (M + 1,).

    Args:
        runs: (M,), how long the run is that begins at each note but the last.
    """
    cover = np.ones(len(runs) + 1, np.int64)
    # No run that lies within another.
    begins = np.flatnonzero(np.append(True, runs[1:] >= runs[:-1])[: len(runs)])
    for begin in begins[np.argsort(runs[begins], kind="stable")].tolist():
        cover[begin : begin + runs[begin]] = runs[begin]
    return cover


def _holders(index: NoveltyIndex, sought: NDArray[np.int32], notes: int) -> list[str]:
    """The pieces in which the first `notes` notes of `sought` stand."""
    if notes < 2:
        return []

    def run(text: NDArray[np.int32], start: int) -> list[int]:
        """The motions between so many notes from a place; the last is an interval alone."""
        motions: list[int] = text[start : start + notes - 1].tolist()
        motions[notes - 2 :] = [motion // RATIOS for motion in motions[notes - 2 :]]
        return motions

    wanted = run(sought, 0)
    first = bisect_left(index.order, wanted, key=lambda start: run(index.text, start))
    stop = bisect_right(index.order, wanted, lo=first, key=lambda start: run(index.text, start))
    pieces = np.unique(np.searchsorted(index.begins, index.order[first:stop], side="right") - 1)
    return [index.names[piece] for piece in pieces[:MOST].tolist()]


def sort_suffixes(text: Codes, longest: int) -> NDArray[np.int32]:
    """Where the suffixes of a text begin, in lexical order, (N,), by doubling.

    Args:
        text: (N,).
        longest: how many codes of the suffixes decide; what is equal so far stands in any order.
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
    """For some places of `sought` two places each of the text: those that sort just before and just after.

    No other place of the text agrees with it for longer than the better of the two.

    Args:
        text: (N,), at least one code.
        order: by `sort_suffixes`.
        sought: a text whose last code is not in `text`, and the other way round.
        at: (M,) places of `sought`.

    Returns:
        where in the text, and how many codes agree, both (2, M).
    """
    low, high = np.full(len(at), -1), np.full(len(at), len(text))
    agree_low, agree_high = np.zeros((2, len(at)), np.int64)
    active = np.flatnonzero(high - low > 1)
    while len(active):
        middle = (low[active] + high[active]) // 2
        start, place = order[middle].astype(np.int64), at[active]
        agree = _agree(text, sought, start, place, np.minimum(agree_low[active], agree_high[active]))
        below = text[start + agree] < sought[place + agree]
        low[active[below]], agree_low[active[below]] = middle[below], agree[below]
        high[active[~below]], agree_high[active[~below]] = middle[~below], agree[~below]
        active = active[high[active] - low[active] > 1]
    neighbours = np.stack([np.maximum(low, 0), np.minimum(high, len(text) - 1)])
    return order[neighbours].astype(np.int64), np.stack([agree_low, agree_high])


def _agree(text: Codes, sought: Codes, start: Ints, place: Ints, known: Ints) -> Ints:
    """How many codes of the text from `start` and of `sought` from `place` agree; the first `known` do."""
    agree = known.copy()
    active, size = np.arange(len(start)), 4
    while len(active):
        ahead: Ints = agree[active][:, None] + np.arange(size)
        theirs = text[np.minimum(start[active][:, None] + ahead, len(text) - 1)]
        ours = sought[np.minimum(place[active][:, None] + ahead, len(sought) - 1)]
        differ = np.concatenate([theirs != ours, np.ones((len(active), 1), bool)], axis=1).argmax(axis=1)
        agree[active] += differ
        active = active[differ == size]
        size = min(2 * size, 256)
    return agree
