"""A suffix array: finds the longest run of a text that stands anywhere in a large one, exactly.

Manber and Myers, "Suffix arrays: a new method for on-line string searches" (1993). Texts are arrays of
codes, 0 or more, int32; many places of a text are sought in another at once.
"""

import numpy as np
from numpy.typing import NDArray

from musegen.music.notes import Ints

Codes = NDArray[np.int32]


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
