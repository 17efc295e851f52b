"""The n-grams against an independent textbook implementation, and their laws."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from musegen.evaluation.kneser_ney import Ids, discounts, kneser_ney_nats, token_nats

BOS = 0
Gram = tuple[int, ...]


class Textbook:
    """Chen and Goodman's recursion over dictionaries, one id at a time; BOS occurs only first."""

    def __init__(self, train: list[list[int]], order: int, vocab_size: int) -> None:
        self.order, self.vocab_size = order, vocab_size
        raw: dict[int, Counter[Gram]] = defaultdict(Counter)
        for ids in train:
            for k in range(1, order + 1):
                raw[k].update(tuple(ids[i : i + k]) for i in range(len(ids) - k + 1))
        self.counts: dict[int, dict[Gram, int]] = {
            order: {g: c for g, c in raw[order].items() if g != (BOS,)}
        }
        for k in range(1, order):
            before = Counter(gram[1:] for gram in raw[k + 1])
            self.counts[k] = {g: c if g[0] == BOS else before[g] for g, c in raw[k].items() if g != (BOS,)}
        self.discounts = {k: self._discounts(list(c.values())) for k, c in self.counts.items()}

    @staticmethod
    def _discounts(counts: list[int]) -> tuple[float, ...]:
        n1, n2, n3, n4 = (counts.count(j) for j in (1, 2, 3, 4))
        if not (n1 and n2 and n3):
            return (0, 0.5, 1, 1.5)
        y = n1 / (n1 + 2 * n2)
        found = (0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        return found if all(0 <= d <= j for j, d in enumerate(found)) else (0, 0.5, 1, 1.5)

    def p(self, word: int, context: Gram) -> float:
        context = context[max(0, len(context) - self.order + 1) :]
        lower = self.p(word, context[1:]) if context else 1 / self.vocab_size
        level, discount = self.counts[len(context) + 1], self.discounts[len(context) + 1]
        following = [c for gram, c in level.items() if gram[:-1] == context]
        if not following:
            return lower
        reserved = sum(discount[min(c, 3)] for c in following)
        count = level.get((*context, word), 0)
        return (count - discount[min(count, 3)] + reserved * lower) / sum(following)


def arrays(sequences: list[list[int]]) -> list[Ids]:
    return [np.array(ids) for ids in sequences]


def skewed(rng: np.random.Generator, sequences: int, longest: int, vocab_size: int) -> list[list[int]]:
    """Sequences that begin with BOS, their ids from a Zipf-like law, so that counts repeat."""
    weights = 1 / np.arange(1, vocab_size)
    lengths = rng.integers(0, longest, sequences)
    return [
        [BOS, *rng.choice(np.arange(1, vocab_size), n, p=weights / weights.sum()).tolist()] for n in lengths
    ]


def test_bigram_by_hand() -> None:
    # (0 1) twice and (0 2) once; no n-gram three times, so the discounts are 0.5, 1, 1.5.
    # Level 1: one id stands before 1, one before 2: p(1) = (1 - 0.5) / 2 + 2 * 0.5 / 2 * 1/3 = 5/12.
    # Level 2: p(1 | 0) = (2 - 1) / 3 + (1 + 0.5) / 3 * 5/12 = 13/24.
    nats = kneser_ney_nats(arrays([[0, 1], [0, 1], [0, 2]]), arrays([[0, 1]]), vocab_size=3, orders=[2])
    assert nats == {2: pytest.approx(-math.log(13 / 24), rel=1e-12)}


@pytest.mark.parametrize("seed", range(6))
def test_equals_the_textbook(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vocab_size = int(rng.integers(3, 30))
    train = skewed(rng, 60, 25, vocab_size)
    test = [*skewed(rng, 8, 12, vocab_size), train[0], train[1], train[2][:4]]
    found = token_nats(arrays(train), arrays(test), vocab_size=vocab_size, orders=range(1, 8))
    for order, nats in found.items():
        textbook = Textbook(train, order, vocab_size)
        expected = [-math.log(textbook.p(ids[i], tuple(ids[:i]))) for ids in test for i in range(1, len(ids))]
        np.testing.assert_allclose(nats, expected, rtol=1e-10)


def test_unigram_by_hand() -> None:
    # Predicted: 1 three times, 2 once, 0 never. Nothing twice, so the discounts are 0.5, 1, 1.5.
    # p(1) = (3 - 1.5) / 4 + (0.5 + 1.5) / 4 * 1/3 = 13/24, p(0) = (0.5 + 1.5) / 4 * 1/3 = 1/6.
    train = arrays([[0, 1, 1], [0, 1, 2]])
    nats = token_nats(train, arrays([[0, 1, 2, 0]]), vocab_size=3, orders=[1])[1]
    np.testing.assert_allclose(np.exp(-nats), [13 / 24, 7 / 24, 1 / 6], rtol=1e-12)


def test_estimated_discounts_are_exercised() -> None:
    train = skewed(np.random.default_rng(0), 60, 25, 30)
    assert Textbook(train, 3, 30).discounts[3] != (0, 0.5, 1, 1.5)


def test_discounts() -> None:
    counts = np.repeat([0, 1, 2, 3, 4, 9], [7, 40, 20, 10, 5, 3]).astype(np.int32)
    assert discounts(counts) == pytest.approx((0.5, 2 - 3 * 0.5 * 0.5, 3 - 4 * 0.5 * 0.5))
    assert discounts(np.ones(5, np.int32)) == (0.5, 1.0, 1.5)
    falling_out = np.repeat([1, 2, 3, 4], [40, 20, 1, 50]).astype(np.int32)  # D3+ would be negative
    assert discounts(falling_out) == (0.5, 1.0, 1.5)


@pytest.mark.parametrize("order", [1, 2, 3, 5, 9])
def test_probabilities_sum_to_one(order: int) -> None:
    rng = np.random.default_rng(order)
    train = skewed(rng, 80, 30, 12)
    contexts = [*skewed(rng, 15, 10, 12), [BOS], train[3][:6], [BOS, 11, 11, 11, 11, 11, 11, 11, 11]]
    for context in contexts:
        test = arrays([[*context, word] for word in range(12)])
        nats = token_nats(arrays(train), test, vocab_size=12, orders=[order])[order]
        last = nats.reshape(12, -1)[:, -1]
        assert np.exp(-last).sum() == pytest.approx(1, abs=1e-12)


def test_longer_contexts_help_until_the_order_of_the_source() -> None:
    rng = np.random.default_rng(0)
    source = rng.dirichlet(np.full(6, 0.3), size=(6, 6, 6))  # third-order Markov: 4-grams suffice

    def draw(length: int) -> Ids:
        ids = [1, 2, 3]
        for _ in range(length):
            ids.append(int(rng.choice(6, p=source[tuple(ids[-3:])])))
        return np.array([BOS, *(i + 1 for i in ids)])

    train, test = [draw(400) for _ in range(50)], [draw(400) for _ in range(5)]
    nats = kneser_ney_nats(train, test, vocab_size=7, orders=range(2, 8))
    assert nats[2] > nats[3] > nats[4]
    assert all(nats[4] < nats[k] < nats[3] for k in (5, 6, 7))  # more context only thins the counts
    truth = sum(-math.log(source[tuple(ids[i - 3 : i + 1] - 1)]) for ids in test for i in range(4, len(ids)))
    assert truth < nats[4] < 1.05 * truth


def test_training_sequences_do_not_touch() -> None:
    train = [[BOS, 1, 2], [BOS, 3, 4], [BOS, 2, 1]]
    test = arrays([[BOS, 2, 3]])
    orders = range(2, 6)
    expected = token_nats(arrays(train), test, vocab_size=6, orders=orders)
    for shuffled in (train[::-1], [train[1], train[2], train[0]]):
        found = token_nats(arrays(shuffled), test, vocab_size=6, orders=orders)
        assert all(np.array_equal(found[k], expected[k]) for k in orders)


def test_test_sequences_do_not_touch_the_model_or_each_other() -> None:
    rng = np.random.default_rng(1)
    train, test = arrays(skewed(rng, 30, 20, 9)), arrays(skewed(rng, 6, 20, 9))
    together = token_nats(train, test, vocab_size=9, orders=[4])[4]
    alone = [token_nats(train, [ids], vocab_size=9, orders=[4])[4] for ids in test if len(ids) > 1]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-12)


def test_an_id_that_begins_sequences_may_come_back_inside() -> None:
    train = arrays([[1, 2, 1, 2, 3], [1, 2, 3], [2, 1, 1, 3]])
    for word_after in (1, 2, 3):
        test = arrays([[1, 2, 1, word_after, word] for word in range(4)])
        nats = token_nats(train, test, vocab_size=4, orders=[3])[3].reshape(4, -1)
        assert np.exp(-nats[:, -1]).sum() == pytest.approx(1, abs=1e-12)


def test_tables_transpose_the_training_sequences() -> None:
    rng = np.random.default_rng(2)
    train, test = skewed(rng, 40, 20, 9), arrays(skewed(rng, 5, 20, 9))
    up = np.array([0, 2, 3, 4, 5, 6, 7, 8, -1])
    by_hand = [*train, *([int(up[i]) for i in ids] for ids in train if 8 not in ids)]
    assert len(by_hand) < 2 * len(train)
    tables = [np.arange(9), up]
    found = token_nats((np.array(i) for i in train), test, vocab_size=9, orders=[3], transpositions=tables)
    expected = token_nats(arrays(by_hand), test, vocab_size=9, orders=[3])
    np.testing.assert_allclose(found[3], expected[3], rtol=1e-12)


def test_large_vocabularies_and_narrow_ids() -> None:
    rng = np.random.default_rng(3)
    train, test = skewed(rng, 30, 20, 100), skewed(rng, 5, 20, 100)
    wide = token_nats(arrays(train), arrays(test), vocab_size=70_000, orders=[15])[15]
    textbook = Textbook(train, 15, 70_000)
    expected = [-math.log(textbook.p(ids[i], tuple(ids[:i]))) for ids in test for i in range(1, len(ids))]
    np.testing.assert_allclose(wide, expected, rtol=1e-10)
    narrow = [np.array(ids, np.uint8) for ids in train]
    np.testing.assert_array_equal(token_nats(narrow, arrays(test), vocab_size=70_000, orders=[15])[15], wide)


def test_nothing_to_learn_from_is_uniform() -> None:
    assert kneser_ney_nats([], arrays([[0, 1]]), vocab_size=8, orders=[2]) == {2: pytest.approx(math.log(8))}


@pytest.mark.parametrize(
    ("train", "test", "orders", "message"),
    [
        ([[0, 1]], [[0, 1]], [0, 2], "orders"),
        ([[0, 1]], [[0, 1]], [], "orders"),
        ([[0, 1]], [[0, 1]], [128], "orders"),
        ([[0, 4]], [[0, 1]], [2], "ids 0..4"),
        ([[0, 1]], [[0, -1]], [2], "ids -1..0"),
        ([[0, 1]], [[0]], [2], "nothing to predict"),
    ],
)
def test_misuse_is_named(
    train: list[list[int]], test: list[list[int]], orders: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kneser_ney_nats(arrays(train), arrays(test), vocab_size=4, orders=orders)


def test_a_table_of_the_wrong_size_is_named() -> None:
    with pytest.raises(ValueError, match="transposition table"):
        kneser_ney_nats([], arrays([[0, 1]]), vocab_size=4, orders=[2], transpositions=[np.arange(3)])
