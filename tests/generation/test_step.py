"""One step: it follows the ids of a prompt or samples, and counts what it has sampled."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from musegen.config.options import SamplingOptions
from musegen.data.dataset import Dataset
from musegen.generation.eager import Eager
from musegen.generation.machine import Settings
from musegen.generation.pieces import read_prompt
from musegen.generation.states import parts
from musegen.generation.step import Rows, Rules, first_rows, step
from musegen.models.lm import LanguageModel
from musegen.tokenizers import Constraints, Kind, Tokenizer, limits_of
from musegen.tokenizers.grammars import make_grammar
from musegen.tokenizers.tables import NO_CLASS
from tests.models.test_law import model_of

ROWS = 5
TOKENIZERS = pytest.mark.parametrize("tokenizer_name", ["plain", "rich", "told", "line", "choir"])
NO_PROMPT = torch.full((ROWS,), -1)


class Stepper:
    """Steps of an untrained model over `ROWS` streams of a request.

    Args:
        tokenizer: of the streams.
        constraints: of the request.
        sampling: its settings.
    """

    def __init__(
        self, tokenizer: Tokenizer, constraints: Constraints, sampling: SamplingOptions | None = None
    ) -> None:
        self.model: LanguageModel = model_of(tokenizer)
        self.grammar: Rules = make_grammar(tokenizer.tables, constraints)
        no_row = np.zeros(ROWS, np.bool_)
        options = sampling or SamplingOptions()
        settings = Settings.of(options, tokenizer.tables, no_row, pitches_alone=False)
        self.settings = Settings(*map(torch.as_tensor, settings))
        self.uniform = torch.rand(8000, ROWS, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def first(self) -> Rows:
        seen = torch.zeros(ROWS, NO_CLASS + 1, dtype=torch.bool)
        return first_rows(self.model.init_state(ROWS), self.grammar, seen)

    def take(self, rows: Rows, at: int, forced: Tensor = NO_PROMPT) -> tuple[Tensor, Rows]:
        with torch.inference_mode():
            return step(rows, self.uniform[at], forced, self.model, self.grammar, self.settings)

    def follow(self, rows: Rows, ids: list[int]) -> Rows:
        for at, id_ in enumerate(ids):
            taken, rows = self.take(rows, at, torch.full((ROWS,), id_))
            assert (taken == id_).all()
        return rows


def prompt_of(tokenizer: Tokenizer, dataset: Dataset) -> list[int]:
    """The first bars of a real piece, and the next bar line."""
    return read_prompt(tokenizer, dataset.score(dataset.pieces[1]), bars=4).ids


def same(first: Rows, second: Rows, *, but: float = 0.0) -> None:
    """That two rows are alike, `but` for rounding."""
    for one, other in zip(parts(first), parts(second), strict=True):
        if one.is_floating_point():
            assert torch.allclose(one, other, atol=but, rtol=0)
        else:
            assert torch.equal(one, other)


@TOKENIZERS
def test_forced_ids_are_followed_as_a_prompt_is_read(
    tokenizer_name: str, tunes: Dataset, chorales: Dataset, request: pytest.FixtureRequest
) -> None:
    """One by one what `read` of the run does at once; they are no part of the likelihood, and end no row."""
    tokenizer = request.getfixturevalue(tokenizer_name)
    ids = prompt_of(tokenizer, chorales if tokenizer_name == "choir" else tunes)
    constraints = Constraints(bars=6)
    stepper = Stepper(tokenizer, constraints)
    rows = stepper.follow(stepper.first(), ids)
    run = Eager(stepper.model, tokenizer.tables).run(
        [], limits_of(tokenizer.tables, constraints), np.zeros((ROWS, NO_CLASS + 1), np.bool_)
    )
    run.read(np.array(ids))
    same(rows, run._rows, but=1e-5)  # type: ignore[attr-defined]
    assert not rows.total.any()
    assert not rows.done.any()
    classes = {int(tokenizer.tables.pitch_class[id_]) for id_ in ids}
    assert set(rows.seen_classes[0].nonzero().flatten().tolist()) == classes


@TOKENIZERS
def test_each_row_follows_a_prompt_or_is_sampled(
    tokenizer_name: str, tunes: Dataset, chorales: Dataset, request: pytest.FixtureRequest
) -> None:
    """In one batch, as each would be by itself."""
    tokenizer = request.getfixturevalue(tokenizer_name)
    ids = prompt_of(tokenizer, chorales if tokenizer_name == "choir" else tunes)[:40]
    stepper = Stepper(tokenizer, Constraints(bars=6))
    both = alone = told = stepper.first()
    is_told = torch.tensor([True, False, False, True, False])
    for at, id_ in enumerate(ids):
        taken, both = stepper.take(both, at, torch.where(is_told, id_, -1))
        sampled, alone = stepper.take(alone, at)
        _, told = stepper.take(told, at, torch.full((ROWS,), id_))
        assert taken.tolist() == torch.where(is_told, id_, sampled).tolist()
    assert both.total.tolist() == torch.where(is_told, 0.0, alone.total).tolist()
    for row, other in ((0, told), (3, told), (1, alone), (2, alone), (4, alone)):
        assert torch.allclose(both.last[row], other.last[row], atol=1e-5, rtol=0)


@TOKENIZERS
def test_the_total_is_that_of_what_was_sampled_until_each_row_ends(
    tokenizer_name: str, tunes: Dataset, chorales: Dataset, request: pytest.FixtureRequest
) -> None:
    """Without masks and filters, and without what a row writes after its end."""
    tokenizer = request.getfixturevalue(tokenizer_name)
    prompt = prompt_of(tokenizer, chorales if tokenizer_name == "choir" else tunes)
    sampling = SamplingOptions(temperature=0.8, top_k=40, top_p=0.9, min_p=0.01)
    stepper = Stepper(tokenizer, Constraints(bars=5), sampling)
    rows, sampled = stepper.follow(stepper.first(), prompt), []
    while not rows.done.all():
        ids, rows = stepper.take(rows, len(prompt) + len(sampled))
        sampled.append(ids)
    new = torch.stack(sampled, dim=1)
    whole = torch.cat([torch.tensor(prompt).expand(ROWS, -1), new], dim=1)
    with torch.inference_mode():
        logits, _ = stepper.model(whole[:, :-1], stepper.model.init_state(ROWS))
    own = logits.double().log_softmax(dim=2).gather(2, whole[:, 1:, None])[..., 0][:, len(prompt) - 1 :]
    ends = (new == tokenizer.eos_id).int().argmax(dim=1)
    for row, end in enumerate(ends.tolist()):
        assert rows.total[row] == pytest.approx(float(own[row, : end + 1].sum()), abs=1e-2)
        assert (new[row, end + 1 :] == tokenizer.pad_id).all()
    assert len(set(ends.tolist())) > 1


@TOKENIZERS
def test_what_is_sampled_is_grammatical(tokenizer_name: str, request: pytest.FixtureRequest) -> None:
    """With every filter at once: an id that the mask forbids is never sampled."""
    tokenizer = request.getfixturevalue(tokenizer_name)
    sampling = SamplingOptions(temperature=1.3, top_k=5, top_p=0.7, min_p=0.2, min_p_new=0.5)
    stepper = Stepper(tokenizer, Constraints(bars=3), sampling)
    rows = stepper.follow(stepper.first(), [tokenizer.bos_id])
    written = []
    while not rows.done.all():
        ids, rows = stepper.take(rows, len(written))
        written.append(ids)
    state = stepper.grammar.advance(stepper.grammar.init_state(ROWS), torch.full((ROWS,), tokenizer.bos_id))
    for before, after in pairwise([torch.full((ROWS,), tokenizer.bos_id), *written]):
        assert stepper.grammar.mask(state).gather(1, after[:, None]).all(), before
        state = stepper.grammar.advance(state, after)


def test_a_note_of_a_prompt_ends_with_its_bar_and_a_new_one_need_not(plain: Tokenizer) -> None:
    """A prompt is cut at its bars, so that its notes are no obstacle to what follows."""
    tables = plain.tables
    bar, metre, first, pitch = map(plain.vocab.index, ("Bar_None", "TimeSig_4/4", "Position_0", "Pitch_60"))
    durations = tables.ids(Kind.DURATION)
    longest = int(durations[tables.duration[durations].argmax()])
    late = int(np.flatnonzero(tables.position == 72)[0])  # the last quarter of the bar
    stream = [plain.bos_id, bar, metre, late, pitch, longest, bar, metre, first]
    stepper = Stepper(plain, Constraints(bars=4))
    told = stepper.follow(stepper.first(), stream)
    assert bool(stepper.grammar.mask(told.rules)[0, pitch])
    rules = stepper.grammar.init_state(ROWS)
    for id_ in stream:
        rules = stepper.grammar.advance(rules, torch.full((ROWS,), id_))
    assert not bool(stepper.grammar.mask(rules)[0, pitch])
