"""Rows leave a batch, are repeated and go on; and what a state may leave out."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from musegen.data.dataset import Dataset
from musegen.generation.states import (
    choose_rows,
    count_rows,
    filled,
    forgetful,
    in_view,
    parts,
    repeat_rows,
)
from musegen.tokenizers import Constraints, Kind, Tokenizer
from tests.models.test_law import model_of
from tests.models.test_seq2seq import batch_of, made, plans
from tests.tokenizers.walks import walk


class Inner(NamedTuple):
    counts: Tensor


class Outer(NamedTuple):
    inner: Inner
    values: Tensor


def test_rows_are_repeated_and_chosen() -> None:
    one = Outer(Inner(torch.tensor([[3, 4]])), torch.tensor([[5.0]]))
    three = repeat_rows(one, 3)
    assert count_rows(three) == 3
    assert three.inner.counts.tolist() == [[3, 4]] * 3
    three = Outer(Inner(torch.arange(6).view(3, 2)), torch.tensor([[0.0], [1.0], [2.0]]))
    chosen = choose_rows(three, torch.tensor([2, 0]))
    assert chosen.inner.counts.tolist() == [[4, 5], [0, 1]]
    assert chosen.values.tolist() == [[2.0], [0.0]]


def test_a_state_is_taken_apart_and_put_together() -> None:
    state = Outer(Inner(torch.tensor([1])), torch.tensor([2]))
    assert filled(state, parts(state)) == state


def walks(tokenizer: Tokenizer, constraints: Constraints, rows: int) -> Tensor:
    """Random grammatical streams, (rows, T), padded at the end with 0."""
    streams: list[list[int]] = []
    seed = 0
    while len(streams) < rows:
        streams += walk(tokenizer, constraints, rows=rows, seed=seed)
        seed += 1
    ids = torch.zeros(rows, max(map(len, streams[:rows])), dtype=torch.int64)
    for row, stream in zip(ids, streams[:rows], strict=True):
        row[: len(stream)] = torch.tensor(stream)
    return ids


@pytest.mark.parametrize("tokenizer_name", ["plain", "rich", "told", "line", "choir"])
def test_what_no_look_back_reaches_is_forgotten_and_no_logit_changes(
    tokenizer_name: str, request: pytest.FixtureRequest
) -> None:
    """Whenever it is forgotten, and though rows are in different bars."""
    tokenizer = request.getfixturevalue(tokenizer_name)
    model = model_of(tokenizer, lookback=(1, 3))
    ids = walks(tokenizer, Constraints(bars=12), 6)
    random = np.random.default_rng(0)
    forgotten = 0
    with torch.inference_mode():
        whole = short = model.init_state(len(ids))
        at = 0
        while at < ids.shape[1]:
            chunk = ids[:, at : at + int(random.choice([1, 1, 2, 30]))]
            at += chunk.shape[1]
            logits, whole = model(chunk, whole)
            others, short = model(chunk, short)
            assert torch.equal(logits, others)
            if random.random() < 0.3:
                short = forgetful(model, short)
                forgotten = whole.place.ids.shape[1] - short.place.ids.shape[1]
    assert forgotten > ids.shape[1] / 6


def of_bars(tokenizer: Tokenizer, view: object, rows: int) -> list[list[int]]:
    """The metre of each bar of the first accompaniments."""
    kind = tokenizer.tables.kind
    streams = [view.stream(row) for row in range(rows)]  # type: ignore[attr-defined]
    return [stream[kind[stream] == Kind.TIME_SIGNATURE].tolist() for stream in streams]


@pytest.mark.parametrize("kind", ["grid", "remi"])
@pytest.mark.parametrize("alignment", ["now", "bars"])
def test_the_source_in_view_is_all_that_a_step_reads(kind: str, alignment: str, chorales: Dataset) -> None:
    """For random accompaniments to a melody, each row in a bar of its own, as when they are sampled."""
    model, tokenizer, view = made(chorales, kind, alignment)
    sources, _ = batch_of(view, 3)
    plan = plans(model, tokenizer, view, 3)
    for piece, metres in enumerate(of_bars(tokenizer, view, 3)):
        ids = walks(tokenizer, Constraints(bars=len(metres), metre_ids=metres, tempo=False), 4)[:, :500]
        is_line = torch.from_numpy(tokenizer.tables.kind == Kind.BAR)[ids]
        bars = is_line.cumsum(dim=1)
        with torch.inference_mode():
            own = None if plan is None else plan[piece : piece + 1]
            begin = model.init_state(sources[piece : piece + 1], own)
            state = repeat_rows(begin, len(ids))
            whole, _ = model(ids, state)
            widths, found = [], []
            for step in range(ids.shape[1]):
                bar = bars[:, max(step - 1, 0)] if step else torch.zeros(len(ids), dtype=torch.int64)
                memory = in_view(begin.memory, bar, model.reach)
                assert all(len(part) == len(ids) for part in memory)
                widths.append(memory.keys.shape[1])
                logits, state = model(ids[:, step : step + 1], state._replace(memory=memory))
                found.append(logits)
        assert torch.allclose(torch.cat(found, dim=1), whole, atol=1e-5, rtol=0)
        assert np.mean(widths) < begin.memory.keys.shape[1] / 2
