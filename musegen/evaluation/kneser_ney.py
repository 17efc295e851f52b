"""Interpolated modified Kneser-Ney n-grams: the baselines of the likelihood of a model.

The model is the one of Chen and Goodman (1998, "An Empirical Study of Smoothing Techniques for
Language Modeling", TR-10-98), fitted to integer sequences. For words w after a context h of k - 1 ids,

    p_k(w | h) = (a(hw) - D(a(hw))) / A(h) + (D1 N1(h) + D2 N2(h) + D3 N3+(h)) / A(h) * p_{k-1}(w | h'),

where h' is h without its oldest id, A(h) sums a(hw) over w, and Nj(h) counts the words w with
a(hw) = j. Level 1 is interpolated with the uniform 1 / vocab_size; for an unseen context p_k is
p_{k-1}. At the highest level a is the raw count; below it, the number of different ids seen before
the n-gram, except for an n-gram at the beginning of a sequence: no id precedes it, so its raw count
is used. The first id of a sequence is only context, never predicted. D1, D2 and D3+ come from
each level's counts of counts.

There is no hash table: all positions are sorted once by the ids that end there, read backwards (a suffix
array truncated at the highest order), so that equal n-grams of every order are adjacent. Test positions
are sorted along with them, with weight zero. Peak memory is 40 bytes per training token, 65 if no
n-gram occurs twice.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[Any]  # integers of any width, (length,)
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)


class _Index(NamedTuple):
    """All positions, sorted by the ids that end there, read backwards. M is the number of positions."""

    previous: NDArray[np.int32]  # (M,) entry of the preceding position
    shared: NDArray[np.int8]  # (M,) ids shared with the entry before, at most the highest order; -1 first
    reach: NDArray[np.uint8]  # (M,) ids from the start of the sequence to here, at most 255; 0 between two
    is_train: NDArray[np.bool_]  # (M,)
    test: NDArray[np.int32]  # (T,) entries of the predicted ids of the test sequences


class _Level(NamedTuple):
    """The different n-grams of one length, in sorted order."""

    starts: NDArray[np.int64]  # (types,) first entry of each
    counts: NDArray[np.int32]  # (types,) occurrences in the training sequences
    reach: NDArray[np.uint8]  # (types,) of the first entry


class _Lookup(NamedTuple):
    """What the test sequences need of one level. U is the number of different contexts of the test."""

    tests: NDArray[np.int64]  # (R,) the test ids that have a context of this length
    ngram: NDArray[np.int64]  # (R,) -> types, their own n-gram
    context: NDArray[np.int64]  # (R,) -> U
    followers: NDArray[np.int64]  # (F,) -> types, the n-grams whose context occurs in the test
    slots: NDArray[np.int32]  # (F,) -> U, their contexts
    contexts: int  # U


def kneser_ney_nats(train: Iterable[Ids], test: Sequence[Ids], **settings: Any) -> dict[int, float]:
    """Total nats of the test ids after the first of each sequence, for each highest order n.

    The arguments and exceptions are those of `token_nats`.
    """
    return {order: math.fsum(nats) for order, nats in token_nats(train, test, **settings).items()}


def token_nats(
    train: Iterable[Ids],
    test: Sequence[Ids],
    *,
    vocab_size: int,
    orders: Iterable[int] = range(2, 16),
    transpositions: Sequence[Ids] | None = None,
) -> dict[int, NDArray[np.float64]]:
    """Nats of each test id after the first of each sequence, (T,), for each highest order n.

    An order-n model sees n - 1 ids, fewer at the start of a sequence; n-grams never cross sequences.

    Args:
        train: sequences of ids, read once, so this may be a generator.
        test: sequences of ids.
        vocab_size: ids are in 0 .. vocab_size - 1.
        orders: each in 1 .. 127.
        transpositions: tables (vocab_size,) from id to id; the model is fitted to every training
            sequence under every table. -1 marks an id that has no image: a sequence that contains it is
            not used in that transposition. Default: the sequences as they are.

    Raises:
        ValueError: an order, an id or a table is out of range, or there is no id to predict.
    """
    distinct = sorted(set(orders))
    if not distinct or distinct[0] < 1 or distinct[-1] > 127:
        raise ValueError(f"orders {distinct} · each must be in 1..127")
    tables = [np.arange(vocab_size)] if transpositions is None else list(transpositions)
    index = _index(_transposed(train, tables, vocab_size), test, vocab_size, depth=distinct[-1])
    return _climb(index, distinct, vocab_size)


def _transposed(train: Iterable[Ids], tables: Sequence[Ids], vocab_size: int) -> Iterable[Ids]:
    """Each sequence under each table that has an image for all of its ids."""
    for table in tables:
        if table.shape != (vocab_size,):
            raise ValueError(f"transposition table of shape {table.shape} · must be ({vocab_size},)")
    for sequence in train:
        _check_ids(sequence, vocab_size)
        for table in tables:
            image = table[sequence]
            if image.size and image.min() >= 0:
                yield image


def _check_ids(sequence: Ids, vocab_size: int) -> None:
    if sequence.size and not 0 <= sequence.min() <= sequence.max() < vocab_size:
        raise ValueError(f"ids {sequence.min()}..{sequence.max()} · must be in 0..{vocab_size - 1}")


def _index(train: Iterable[Ids], test: Sequence[Ids], vocab_size: int, *, depth: int) -> _Index:
    """Concatenate all sequences, a separator before each, and sort the positions."""
    dtype = np.uint16 if vocab_size < 2**16 else np.uint32
    separator = np.array([vocab_size], dtype)
    parts = [separator.repeat(depth)]  # no n-gram of the first sequence reads past the start of the text
    parts += [part for ids in train for part in (separator, ids.astype(dtype))]
    n_train = sum(map(len, parts))
    for ids in test:
        _check_ids(ids, vocab_size)
        parts += [separator, ids.astype(dtype)]
    text = np.concatenate([*parts, separator])
    del parts
    if len(text) >= 2**31:
        raise ValueError(f"{len(text)} ids · at most {2**31 - 1} can be indexed · use fewer transpositions")
    reach = _reach(text, vocab_size)
    predicted = n_train + np.flatnonzero(reach[n_train:] >= 2)
    if not predicted.size:
        raise ValueError("the test sequences have nothing to predict · each needs 2 ids or more")
    order = _sort_backwards(text, depth, bits=vocab_size.bit_length())
    shared = _shared(text, order, depth)
    del text
    entry = np.empty(len(order), np.int32)  # text position -> entry
    entry[order] = np.arange(len(order), dtype=np.int32)
    previous = entry[np.maximum(order - 1, 0)]
    return _Index(previous, shared, reach[order], order < n_train, entry[predicted])


def _reach(text: Ids, separator: int) -> NDArray[np.uint8]:
    """Ids from the last separator up to each position, at most 255."""
    at = np.arange(len(text), dtype=np.int32)
    last = np.maximum.accumulate(np.where(text == separator, at, 0).astype(np.int32))
    return np.minimum(at - last, 255).astype(np.uint8)


def _sort_backwards(text: Ids, depth: int, bits: int) -> NDArray[np.int32]:
    """Positions sorted by their last `depth` ids, newest first (prefix doubling).

    What is read past the start of the text does not matter: there are only separators.
    """
    known = min(63 // bits, depth)  # as many ids as one 64-bit key holds
    key = np.zeros(len(text), np.int64)
    for back in range(known):
        key <<= bits
        key[back:] |= text[: len(text) - back]
    order = np.argsort(key)
    while known < depth:
        rank = _rank(key, order)
        shift = min(known, depth - known)
        key = rank << 32
        key[shift:] |= rank[:-shift]
        del rank
        order = np.argsort(key)
        known += shift
    return order.astype(np.int32)


def _rank(key: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Equal keys get equal ranks, in the order of the keys."""
    key = key[order]
    is_new = np.concatenate([[False], key[1:] != key[:-1]])
    key[order] = np.cumsum(is_new, dtype=np.int64)
    return key


def _shared(text: Ids, order: NDArray[np.int32], depth: int) -> NDArray[np.int8]:
    """How many ids each entry shares with the entry before it, read backwards, at most `depth`."""
    shared = np.zeros(len(order), np.int8)
    equal = np.ones(len(order) - 1, np.bool_)
    for back in range(depth):
        ids = text[np.maximum(order - np.int32(back), 0)]
        equal &= ids[1:] == ids[:-1]
        shared[1:] += equal
    shared[0] = -1  # so that even the n-grams of length 0 have a first entry
    return shared


def _climb(index: _Index, orders: Sequence[int], vocab_size: int) -> dict[int, NDArray[np.float64]]:
    """Nats per test id, (T,), for each order: raw counts at the highest level, continuations below it."""
    nats = {}
    lower = np.full(len(index.test), 1 / vocab_size)  # p_{k-1}, of the longest context up to k - 2 ids
    level = _level(index, 1)
    for k in range(1, orders[-1] + 1):
        lookup = _lookup(index, level, k)
        if k in orders:
            nats[k] = -np.log(_interpolate(_occurrences(index, level, k), lookup, lower))
        if k < orders[-1]:
            level = _level(index, k + 1)
            lower = _interpolate(_continuations(index, level, k), lookup, lower)
    return nats


def _level(index: _Index, k: int) -> _Level:
    """The different n-grams of k ids. Includes those that cross sequences, with a reach below k."""
    starts = np.flatnonzero(index.shared < k)
    counts = np.add.reduceat(index.is_train, starts, dtype=np.int32)
    return _Level(starts, counts, index.reach[starts])


def _occurrences(index: _Index, level: _Level, k: int) -> NDArray[np.int32]:
    """How often each n-gram of k ids occurs in the training sequences; the first ids are never predicted."""
    if k > 1:
        return np.where(level.reach >= k, level.counts, 0)
    return np.add.reduceat(index.is_train & (index.reach > 1), level.starts, dtype=np.int32)


def _continuations(index: _Index, above: _Level, k: int) -> NDArray[np.int32]:
    """For each n-gram of k ids: the different ids before it, and how often it begins a sequence.

    `above` holds the n-grams of k + 1 ids. One that consists of the separator and k ids of a sequence
    (its reach is k) represents all that begin a sequence; for k = 1 that is the first id, never predicted.
    """
    begins = (above.reach == k) & (k > 1)
    different = (above.reach > k) & (above.counts > 0)
    weights = np.where(begins, above.counts, different)
    return np.add.reduceat(weights, np.flatnonzero(index.shared[above.starts] < k), dtype=np.int32)


def _lookup(index: _Index, level: _Level, k: int) -> _Lookup:
    """The n-grams of k ids that are needed: those of the test, and all that share a context with one."""
    tests = np.flatnonzero(index.reach[index.test] >= k)
    entries = index.test[tests]
    group = np.cumsum(index.shared < k - 1, dtype=np.int32) - np.int32(1)  # entry -> its last k - 1 ids
    contexts, context = np.unique(group[index.previous[entries]], return_inverse=True)
    slots = np.full(int(group[-1]) + 1, -1, np.int32)
    slots[contexts] = np.arange(len(contexts))
    slots = slots[group][index.previous[level.starts]]
    followers = np.flatnonzero(slots >= 0)
    ngram = np.searchsorted(level.starts, entries, side="right") - 1
    return _Lookup(tests, ngram, context, followers, slots[followers], len(contexts))


def _interpolate(
    counts: NDArray[np.int32], lookup: _Lookup, lower: NDArray[np.float64]
) -> NDArray[np.float64]:
    """p_k of the test ids, (T,), from the counts of the n-grams of k ids and p_{k-1}."""
    discount = np.array([0.0, *discounts(counts)])
    values = counts[lookup.followers]
    reserved = np.bincount(lookup.slots, discount[np.minimum(values, 3)], lookup.contexts)[lookup.context]
    total = np.bincount(lookup.slots, values, lookup.contexts)[lookup.context]
    count = counts[lookup.ngram]
    backed_off = lower[lookup.tests]
    mass = count - discount[np.minimum(count, 3)] + reserved * backed_off
    p = lower.copy()
    p[lookup.tests] = np.where(total > 0, mass / np.maximum(total, 1), backed_off)
    return p


def discounts(counts: NDArray[np.int32]) -> tuple[float, float, float]:
    """D1, D2 and D3+ from how many n-grams were counted once, twice, three and four times.

    If a discount is undefined or not in 0 .. j (tiny corpora, short n-grams), all three are
    FALLBACK_DISCOUNTS, those of KenLM.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(float).tolist()
    if 0.0 in n[1:4]:
        return FALLBACK_DISCOUNTS
    y = n[1] / (n[1] + 2 * n[2])
    d1, d2, d3 = (j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3))
    in_range = 0 <= d1 <= 1 and 0 <= d2 <= 2 and 0 <= d3 <= 3
    return (d1, d2, d3) if in_range else FALLBACK_DISCOUNTS
