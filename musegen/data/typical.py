"""How repetitive and how dense training pieces are: what is outside of that is passed over for another try.

A mean hides loops: one tune in thirty may repeat one bar to its end while the means over all tunes agree
with real music. So it is the range of the training pieces that is kept, at a few lengths, and a new piece is
compared with that of the length nearest to its own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from musegen.tokenizers.tables import Ints, Kind, Tables

LENGTHS = (4, 8, 16, 32, 64)
"""Bars from the beginning of the training pieces that are measured."""
LEAST_PIECES = 20
"""Pieces that have a length, without which it has no range."""
TAIL = 0.01
"""Share of the training pieces on each side of a range."""
SHORTEST = 3
"""Bars of a piece with fewer of which there is nothing to say."""
CONTENT = (Kind.POSITION, Kind.PROGRAM, Kind.PITCH, Kind.DURATION, Kind.HOLD, Kind.REST)
"""Kinds of token in which bars are compared: not tempo or loudness."""

IsTypical = Callable[[Sequence[int]], bool]
"""Whether a stream, from BOS on, is as training pieces are."""


class Shape(NamedTuple):
    """Repetition and density of a number of bars."""

    distinct_bars: float
    """Number of different bars, divided by that of all bars; empty bars are equal."""
    longest_loop: float
    """Share of the bars in the longest stretch of one bar, or of two in turns, over and over."""
    notes_per_bar: float


def shape_of(bars: Sequence[bytes], notes: Sequence[int]) -> Shape:
    """The shape of a number of bars.

    Args:
        bars: a key for each, equal for equal bars.
        notes: the number of notes of each.
    """
    return Shape(len(set(bars)) / len(bars), _longest_loop(bars) / len(bars), sum(notes) / len(bars))


def bars_of(ids: Ints, tables: Tables) -> tuple[list[bytes], list[int]]:
    """A key and the number of notes of each bar of a stream, (T,) from BOS on."""
    kind = tables.kind[ids]
    bar = np.cumsum(kind == Kind.BAR) - 1
    is_content = np.isin(kind, CONTENT) & (bar >= 0)
    count = int(bar[-1]) + 1 if len(ids) else 0
    bounds = np.searchsorted(bar[is_content], np.arange(count + 1))
    content = ids[is_content].astype("<i8")
    keys = [content[start:stop].tobytes() for start, stop in pairwise(bounds)]
    return keys, np.bincount(bar[kind == Kind.PITCH], minlength=count).tolist()


def typical_ranges(streams: Iterable[Ints], tables: Tables) -> dict[str, dict[str, list[float]]]:
    """The range of each figure of `Shape` in training pieces, by their number of bars, as in data.json.

    Args:
        streams: from BOS on.
        tables: of the streams.
    """
    shapes: dict[int, list[Shape]] = {length: [] for length in LENGTHS}
    for ids in streams:
        keys, notes = bars_of(ids, tables)
        for length in LENGTHS:
            if len(keys) >= length:
                shapes[length].append(shape_of(keys[:length], notes[:length]))
    return {
        str(length): {
            name: [
                round(float(np.quantile(column, TAIL, method="lower")), 4),
                round(float(np.quantile(column, 1 - TAIL, method="higher")), 4),
            ]
            for name, column in zip(Shape._fields, zip(*found, strict=True), strict=True)
        }
        for length, found in shapes.items()
        if len(found) >= LEAST_PIECES
    }


def typical(ranges: Mapping[str, Any], tables: Tables, bars: int) -> IsTypical | None:
    """Whether the last `bars` bars of a stream are in the ranges of the length nearest to that.

    None if there are no ranges, as in checkpoints of before, or the piece is too short.
    """
    if not ranges or bars < SHORTEST:
        return None
    nearest = min(map(int, ranges), key=lambda length: abs(np.log(length / bars)))
    own = [ranges[str(nearest)][name] for name in Shape._fields]

    def is_typical(ids: Sequence[int]) -> bool:
        keys, notes = bars_of(np.asarray(ids, np.int64), tables)
        if not keys:
            return False
        shape = shape_of(keys[-bars:], notes[-bars:])
        return all(low <= round(each, 4) <= high for each, (low, high) in zip(shape, own, strict=True))

    return is_typical


def _longest_loop(bars: Sequence[bytes]) -> int:
    """The most bars in a row that are one bar, or two in turns, at least twice each; 1 if nothing repeats."""
    longest = 1
    for lag in (1, 2):
        run = 0
        for before, after in zip(bars, bars[lag:], strict=False):
            run = run + 1 if before == after else 0
            if run >= lag:
                longest = max(longest, run + lag)
    return longest
