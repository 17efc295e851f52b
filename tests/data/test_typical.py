"""Which streams are as repetitive and as dense as training pieces."""

import numpy as np
import pytest

from musegen.config.settings import TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.typical import LENGTHS, bars_of, shape_of, typical, typical_ranges
from musegen.data.views import token_view
from musegen.metrics.repetition import bar_keys
from musegen.music.excerpt import excerpt
from musegen.tokenizers import Tables, Tokenizer
from musegen.tokenizers.tables import Ints

A, B, C, D = b"a", b"b", b"c", b"d"


@pytest.mark.parametrize(
    ("bars", "distinct", "loop"),
    [
        ([A, B, C, D], 1.0, 1),
        ([A, A, A, B], 0.5, 3),
        ([A, B, A, B], 0.5, 4),
        ([A, B, A, C], 0.75, 1),
        ([A, A, B, A, B, A, C, D], 0.5, 5),
        ([A, B, B, B, B, A], 1 / 3, 4),
        ([A], 1.0, 1),
    ],
)
def test_loops_of_one_bar_and_of_two(bars: list[bytes], distinct: float, loop: int) -> None:
    shape = shape_of(bars, [2] * len(bars))
    assert shape == pytest.approx((distinct, loop / len(bars), 2.0))


@pytest.fixture(scope="module")
def tokenizer(tunes: Dataset) -> Tokenizer:
    return fit_tokenizer(tunes, TokenizerConfig())


@pytest.fixture(scope="module")
def streams(tunes: Dataset, tokenizer: Tokenizer) -> tuple[list[Ints], Tables]:
    view = token_view(tunes, tokenizer)
    return [view.stream(i) for i in range(len(view.pieces))], tokenizer.tables


def test_bars_of_a_stream_are_equal_where_those_of_the_score_are(
    tunes: Dataset, tokenizer: Tokenizer, streams: tuple[list[Ints], Tables]
) -> None:
    """An independent count: the hashes of `metrics.repetition`, of the notes and not of the tokens."""
    compared = 0
    for piece, ids in zip(tunes.pieces, streams[0], strict=True):
        keys, notes = bars_of(ids, streams[1])
        assert len(keys) == piece.bars
        assert sum(notes) == piece.notes
        if all(notes):
            assert len(set(keys)) == len(set(bar_keys(tokenizer.decode(ids.tolist()))))
            compared += 1
    assert compared > len(tunes.pieces) / 2


def test_training_pieces_are_typical_and_their_loops_are_not(streams: tuple[list[Ints], Tables]) -> None:
    whole, tables = streams
    ranges = typical_ranges(whole, tables)
    assert set(ranges) <= set(map(str, LENGTHS))
    is_typical = typical(ranges, tables, 8)
    assert is_typical is not None
    starts = [ids[: np.flatnonzero(tables.kind[ids] == 3)[8]] for ids in whole if _bars(ids, tables) > 8]
    assert np.mean([is_typical(ids.tolist()) for ids in starts]) > 0.9
    [first, second] = np.flatnonzero(tables.kind[starts[0]] == 3)[:2]
    looped = [*starts[0][:first].tolist(), *(starts[0][first:second].tolist() * 8)]
    assert len(bars_of(np.array(looped), tables)[0]) == 8
    assert not is_typical(looped)
    # Only the new bars count: those of a prompt may be anything.
    assert is_typical([*looped, *starts[0][first:].tolist()])
    assert not is_typical([])


def _bars(ids: Ints, tables: Tables) -> int:
    return int((tables.kind[ids] == 3).sum())


def test_short_pieces_and_models_without_ranges_have_no_limits(streams: tuple[list[Ints], Tables]) -> None:
    whole, tables = streams
    ranges = typical_ranges(whole, tables)
    assert typical(ranges, tables, 2) is None
    assert typical({}, tables, 16) is None
    assert typical_ranges(whole[:5], tables) == {}


def test_tempo_and_excerpts_do_not_matter(tunes: Dataset) -> None:
    tokenizer = fit_tokenizer(tunes, TokenizerConfig(tempo=True))
    score = excerpt(tunes.score(tunes.pieces[0]), 0, 4)
    faster = score.copy()
    for mark in faster.tempos:
        mark.qpm *= 1.5
    keys = [bars_of(np.array(tokenizer.encode(each)), tokenizer.tables)[0] for each in (score, faster)]
    assert keys[0] == keys[1]
