"""A briefly trained model writes nothing that its training pieces lack, and a last bar like the others."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.last_bar import density, measure
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.config.settings import TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.generation.from_checkpoint import Wanted, generate_pieces
from musegen.generation.step import with_forced_end
from musegen.music.metre import bar_ticks
from musegen.tokenizers import Constraints, Kind, RemiTokenizer
from musegen.tokenizers.grammars import make_grammar
from musegen.training.train import train
from tests.music_fixtures import TINY


@pytest.fixture(scope="module")
def brief(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A language model with tempos and velocities, of forty steps."""
    trainer, tokenizer = replace(TINY.trainer, max_steps=40), TokenizerConfig(tempo=True, velocity=True)
    config = replace(TINY, tokenizer=tokenizer, trainer=trainer)
    return load_checkpoint(
        train(config, tunes, tmp_path_factory.mktemp("known") / "brief", say=lambda _: None)
    )


def test_the_last_bar_does_not_fill_up(brief: Checkpoint) -> None:
    """A model that goes on where it has to end writes no more notes instead (before: twice as many)."""
    results = generate_pieces(brief, Wanted(seed=1, num=40, bars=4)).results
    assert all(len(bar_ticks(result.score)) == 5 for result in results)
    found = density([result.score for result in results], 4)
    assert 0.7 < found["last bar"] / found["other bars"] < 1.3


def test_tempos_velocities_and_metres_are_those_of_the_training_pieces(
    brief: Checkpoint, tunes: Dataset
) -> None:
    pieces = [tunes.score(piece) for piece in tunes.split("train")]
    metres = {f"TimeSig_{mark.numerator}/{mark.denominator}" for s in pieces for mark in s.time_signatures}
    known = set(brief.data["known"])
    assert known - metres == {"Tempo_120.31", "Velocity_79"}
    assert {"TimeSig_2/4", "TimeSig_4/4"} < known & metres
    found = measure(brief, tunes, num=40, bars=4, seed=1)["unknown"]
    assert {count for name, count in found.items() if "unknown" in name} == {0}
    # Others may be requested.
    [result] = generate_pieces(brief, Wanted(seed=1, bars=2, time_signature=(5, 4), tempo=77.0)).results
    assert [(mark.numerator, mark.denominator) for mark in result.score.time_signatures] == [(5, 4)]
    assert [round(mark.qpm) for mark in result.score.tempos] == [77]


def test_the_end_has_the_probability_of_a_bar_that_may_not_follow(plain: RemiTokenizer) -> None:
    grammar = make_grammar(plain.tables, Constraints(bars=1))
    end, line, vocab = grammar.end, grammar.line, plain.tables.vocab_size
    assert [plain.tables.kind[id_] for id_ in (end, line)] == [Kind.EOS, Kind.BAR]
    logits = torch.randn(1, vocab, generator=torch.Generator().manual_seed(0))
    logits[0, [end, line]] = torch.tensor([-200.0, -199.0])
    may = torch.ones(1, vocab, dtype=torch.bool)
    assert torch.equal(with_forced_end(logits, may, grammar), logits)
    may[0, line] = False
    found = with_forced_end(logits, may, grammar)
    assert found[0, end].item() == pytest.approx(np.logaddexp(-200.0, -199.0))
    found[0, end] = -200.0
    assert torch.equal(found, logits)
