"""The draw of an id: filters, random numbers, and the masks that follow what a piece has had."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from musegen.checkpoint.build import build_model
from musegen.config.options import SamplingOptions
from musegen.config.settings import LMConfig, TrainConfig
from musegen.generation.machine import Settings
from musegen.generation.sampling import RowStreams, draw_from
from musegen.generation.step import (
    Rules,
    first_rows,
    step,
    temper,
    within_scale,
    without_unlikely_classes,
)
from musegen.generation.step import draw_from as step_draw_from
from musegen.models.lm import LanguageModel
from musegen.tokenizers import Constraints, Kind, RemiTokenizer
from musegen.tokenizers.grammars import make_grammar
from musegen.tokenizers.tables import NO_CLASS, Tables

PROBS = torch.tensor([[0.5, 0.25, 0.15, 0.1]], dtype=torch.float64)


@dataclass(frozen=True)
class Chooser:
    """One step of a model that has just written a position, after which any pitch may come."""

    model: LanguageModel
    grammar: Rules
    tables: Tables
    pitches: Tensor
    """(4,) ids of pitches, which stand for ids 0 to 3 below."""

    def draw(self, logits: Tensor, uniform: Tensor, options: SamplingOptions) -> Tensor:
        """The number of the pitch that each row samples, (B,), from logits of the four alone, (4,)."""
        rows = len(uniform)
        settings = Settings.of(options, self.tables, np.zeros(rows, np.bool_), pitches_alone=False)
        last = torch.full((rows, self.tables.vocab_size), -torch.inf)
        last[:, self.pitches] = logits.float()
        rules = self.grammar.init_state(rows)
        names = Kind.BOS, Kind.BAR, Kind.TIME_SIGNATURE, Kind.POSITION
        for id_ in (int(self.tables.ids(kind)[0]) for kind in names):
            rules = self.grammar.advance(rules, torch.full((rows,), id_))
        begun = first_rows(
            self.model.init_state(rows), self.grammar, torch.zeros(rows, NO_CLASS + 1, dtype=torch.bool)
        )
        with torch.inference_mode():
            ids, _ = step(
                begun._replace(last=last, rules=rules),
                uniform,
                torch.full((rows,), -1),
                self.model,
                self.grammar,
                Settings(*map(torch.as_tensor, settings)),
            )
        found = ids[:, None] == self.pitches
        assert found.any(dim=1).all()
        return found.int().argmax(dim=1)

    def shares(self, options: SamplingOptions) -> Tensor:
        """How often each id is sampled at evenly spread random numbers."""
        uniform = torch.arange(2000, dtype=torch.float64) / 2000
        return torch.bincount(self.draw(PROBS[0].log(), uniform, options), minlength=4) / 2000

    def kept(self, options: SamplingOptions) -> list[int]:
        return self.shares(options).nonzero().flatten().tolist()


@pytest.fixture(scope="module")
def chooser(plain: RemiTokenizer) -> Chooser:
    torch.manual_seed(0)
    model = build_model(TrainConfig(model=LMConfig(embedding_dim=8, hidden_size=8)), plain).eval()
    assert isinstance(model, LanguageModel)
    pitches = torch.tensor([plain.vocab.index(f"Pitch_{pitch}") for pitch in (60, 62, 64, 65)])
    return Chooser(model, make_grammar(plain.tables, Constraints(bars=4)), plain.tables, pitches)


def test_filters_keep_what_they_should(chooser: Chooser) -> None:
    assert chooser.kept(SamplingOptions()) == [0, 1, 2, 3]
    assert chooser.kept(SamplingOptions(top_k=2)) == [0, 1]
    assert chooser.kept(SamplingOptions(top_k=99)) == [0, 1, 2, 3]
    assert chooser.kept(SamplingOptions(top_p=0.5)) == [0]
    assert chooser.kept(SamplingOptions(top_p=0.51)) == [0, 1]
    assert chooser.kept(SamplingOptions(top_p=1e-9)) == [0]
    assert chooser.kept(SamplingOptions(min_p=0.4)) == [0, 1]
    assert chooser.kept(SamplingOptions(top_k=3, min_p=0.4)) == [0, 1]


def test_a_new_pitch_class_must_be_likelier_than_one_that_was_heard() -> None:
    pitch_class = torch.tensor([0, 1, 2, 12])
    heard = torch.zeros(3, 13, dtype=torch.bool)
    heard[1, [0, 4, 5, 7, 8, 9, 11]] = True  # seven classes, and not 1 and 2
    heard[2, [0, 1, 4, 7, 9, 11, 12]] = True  # six, and what is no pitch
    logits = PROBS.log().expand(3, -1)
    share = torch.tensor(0.4)
    found = torch.isfinite(without_unlikely_classes(logits, heard, pitch_class, share))
    assert found.tolist() == [[True] * 4, [True, True, False, True], [True] * 4]
    heard[1, 2] = True
    assert torch.equal(without_unlikely_classes(logits, heard, pitch_class, share)[1], logits[1])
    turned = logits[:, [3, 0, 1, 2]]  # the likeliest is new: it stays
    assert torch.isfinite(without_unlikely_classes(turned, heard, pitch_class, torch.tensor(1.0)))[1, 1]


def test_temperature_sharpens_and_zero_takes_the_likeliest(chooser: Chooser) -> None:
    cold = chooser.shares(SamplingOptions(temperature=0.5))
    assert torch.allclose(cold.double(), (PROBS**2 / (PROBS**2).sum())[0], atol=2e-3)
    zero = SamplingOptions(temperature=0.0)
    assert chooser.kept(zero) == [0]
    turned = PROBS[0, [2, 0, 1, 3]].log()
    assert chooser.draw(turned, torch.tensor([0.0, 0.99], dtype=torch.float64), zero).tolist() == [1, 1]
    alike = torch.zeros(4)  # of several the first, as argmax has it
    assert chooser.draw(alike, torch.tensor([0.9], dtype=torch.float64), zero).tolist() == [0]


def test_ids_are_drawn_as_often_as_they_are_likely(chooser: Chooser) -> None:
    uniform = torch.from_numpy(np.random.default_rng(0).random(20_000))
    found = torch.bincount(chooser.draw(PROBS[0].log(), uniform, SamplingOptions()), minlength=4)
    assert torch.allclose(found.double() / len(uniform), PROBS[0], atol=0.01)


def test_arrays_and_tensors_are_drawn_from_alike() -> None:
    uniform = np.random.default_rng(0).random(20_000)
    logits = PROBS.log().expand(len(uniform), -1)
    drawn = step_draw_from(logits, torch.from_numpy(uniform))
    assert np.array_equal(draw_from(logits.numpy(), uniform), drawn.numpy())


@given(uniform=st.floats(0, 1, exclude_max=True), only=st.integers(0, 3))
def test_an_illegal_id_is_never_drawn(chooser: Chooser, uniform: float, only: int) -> None:
    logits = torch.full((4,), -torch.inf)
    logits[only] = -3.0
    number, options = torch.tensor([uniform], dtype=torch.float64), SamplingOptions()
    for each in (
        options,
        replace(options, top_k=2),
        replace(options, top_p=0.3, min_p=0.2),
        replace(options, temperature=0.5),
        replace(options, temperature=0.0),
    ):
        assert chooser.draw(logits, number, each).tolist() == [only]
    assert draw_from(logits.double().numpy()[None], number.numpy()).tolist() == [only]


def test_a_row_does_not_depend_on_how_many_there_are() -> None:
    one, eight = RowStreams(5, range(1)), RowStreams(5, range(8))
    for _ in range(10):
        alone, together = one.draw(), eight.draw()
        assert alone[0] == together[0]
        assert len(set(together.tolist())) == 8
    assert RowStreams(6, range(1)).draw() != RowStreams(5, range(1)).draw()


def test_numbers_drawn_together_are_those_drawn_one_by_one() -> None:
    single, block = RowStreams(5, range(3)), RowStreams(5, range(3))
    ones = np.stack([single.draw() for _ in range(200)])
    together = np.concatenate([block.draw_steps(steps) for steps in (1, 16, 100, 3)])
    assert np.array_equal(together, ones[:120])
    assert np.array_equal(block.select([2, 0]).draw_steps(80), ones[120:, [2, 0]])


@pytest.mark.parametrize("temperature", [0.1, 0.6, 1.0, 3.0])
def test_a_temperature_leaves_time_its_share(temperature: float) -> None:
    """By hand: the notes hold .7 of the probability, and share it as powers of their own."""
    probs = torch.tensor([[0.4, 0.2, 0.1, 0.25, 0.05]], dtype=torch.float64)
    is_time = torch.tensor([False, False, False, True, True])
    found = temper(probs.log() + 3, torch.tensor(temperature), is_time).softmax(dim=1)[0]
    powers = probs[0, :3] ** (1 / temperature)
    assert torch.allclose(found[:3], 0.7 * powers / powers.sum())
    assert torch.allclose(found[3:], probs[0, 3:])
    only_time = torch.tensor([[-torch.inf, -torch.inf, -torch.inf, 0.0, 1.0]], dtype=torch.float64)
    assert torch.equal(temper(only_time, torch.tensor(temperature), is_time), only_time)


def test_a_strict_piece_stays_in_every_scale_it_may_still_be_in_and_no_other() -> None:
    pitch_class = torch.arange(13)
    logits = torch.zeros(1, 13)

    def may_come(*classes: int, strict: bool = True, of: torch.Tensor = logits) -> set[int]:
        heard = torch.zeros(1, 13, dtype=torch.bool)
        heard[0, list(classes)] = True
        found = within_scale(of, heard, pitch_class, torch.tensor([strict]))
        return set(torch.isfinite(found)[0].nonzero().flatten().tolist())

    everything = set(range(13))
    assert may_come(0, 2, 4, 5, 7, 9, 11) == {0, 2, 4, 5, 7, 9, 11, 12}  # C major
    assert may_come(0, 2, 4, 7, 9) == {0, 2, 4, 5, 6, 7, 9, 10, 11, 12}  # or of F, or of G
    assert may_come(0, 2, 6) == {0, 2, 4, 6, 7, 9, 11, 12}  # G major, by three of its pitches
    assert may_come() == everything
    assert may_come(0, 1, 2) == everything  # out of every scale already
    assert may_come(0, 2, 4, 5, 7, 9, 11, strict=False) == everything
    outside = logits.masked_fill(torch.arange(13) != 1, -torch.inf)  # nothing else is legal
    assert may_come(0, 2, 4, 5, 7, 9, 11, of=outside) == {1}
