"""Whatever a model says, what is written is the music asked for: tried with untrained models."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from musegen.checkpoint import build_model
from musegen.config import LMConfig, SamplingConfig, TrainConfig
from musegen.errors import ConfigError
from musegen.generation.engine import Stream, sample_streams
from musegen.generation.sampling import RowStreams
from musegen.tokenizers import Kind, RemiTokenizer
from musegen.tokenizers.grammar import Constraints, Grammar

METRES = ["4/4", "3/4", "6/8", "9/8", "5/4", "7/8"]


def untrained(
    tokenizer: RemiTokenizer, constraints: Constraints, *, rows: int, seed: int = 0
) -> list[Stream]:
    torch.manual_seed(seed)
    model = build_model(TrainConfig(model=LMConfig(embedding_dim=16, hidden_size=32, num_layers=1)), tokenizer).eval()
    return sample_streams(
        model,
        model.init_state(1),
        Grammar(tokenizer.tables, constraints),
        prompt_ids=torch.tensor([tokenizer.bos_id]),
        sampling=SamplingConfig(temperature=1.5),
        streams=RowStreams(seed, range(rows)),
        max_new_tokens=20_000,
    )


def check(tokenizer: RemiTokenizer, stream: Stream, bars: int, metre: str | None) -> None:
    kinds = tokenizer.tables.kind[stream.ids]
    assert tokenizer.count_errors(stream.ids) == 0.0
    assert (kinds == Kind.BAR).sum() == bars
    score = tokenizer.decode(stream.ids)
    assert score.note_num() == (kinds == Kind.PITCH).sum() > 0
    if metre:
        numerator, denominator = map(int, metre.split("/"))
        bar = 480 * 4 * numerator // denominator
        assert (bars - 1) * bar < score.end() <= bars * bar
        assert [(t.numerator, t.denominator) for t in score.time_signatures] == [(numerator, denominator)]
    for track in score.tracks:
        for pitch in {n.pitch for n in track.notes}:
            spans = sorted((n.time, n.end) for n in track.notes if n.pitch == pitch)
            assert all(a[1] <= b[0] for a, b in pairwise(spans))


@pytest.mark.parametrize("name", ["plain", "rich"])
@pytest.mark.parametrize("metre", [*METRES, None])
def test_untrained_models_write_what_was_asked(
    name: str, metre: str | None, request: pytest.FixtureRequest
) -> None:
    tokenizer: RemiTokenizer = request.getfixturevalue(name)
    metre_id = tokenizer.vocab.index(f"TimeSig_{metre}") if metre else None
    for stream in untrained(tokenizer, Constraints(bars=4, time_signature_id=metre_id), rows=8):
        check(tokenizer, stream, 4, metre)


@settings(max_examples=25, deadline=None)
@given(
    bars=st.integers(1, 4),
    pitches=st.frozensets(st.integers(0, 127), min_size=1, max_size=5),
    metre=st.sampled_from(METRES),
    seed=st.integers(0, 2**31),
)
def test_no_constraint_is_a_dead_end(
    plain: RemiTokenizer, bars: int, pitches: frozenset[int], metre: str, seed: int
) -> None:
    metre_id = plain.vocab.index(f"TimeSig_{metre}")
    wanted = Constraints(bars=bars, time_signature_id=metre_id, pitches=pitches)
    for stream in untrained(plain, wanted, rows=2, seed=seed):
        check(plain, stream, bars, metre)
        assert {n.pitch for n in plain.decode(stream.ids).tracks[0].notes} <= pitches


def test_only_the_programs_asked_for(rich: RemiTokenizer) -> None:
    for stream in untrained(rich, Constraints(bars=3, programs=[frozenset({40})]), rows=4):
        assert {t.program for t in rich.decode(stream.ids).tracks} == {40}


def test_nothing_left_to_write_is_an_error(plain: RemiTokenizer) -> None:
    with pytest.raises(ConfigError, match="no pitch"):
        Grammar(plain.tables, Constraints(pitches=frozenset()))


def test_every_real_tune_is_grammatical(tunes: object, plain: RemiTokenizer) -> None:
    for piece in tunes.pieces[:10]:  # type: ignore[attr-defined]
        ids = torch.from_numpy(plain.encode(tunes.score(piece)))  # type: ignore[attr-defined]
        grammar = Grammar(plain.tables, Constraints(bars=piece.bars))
        state = grammar.advance(grammar.init_state(1), ids[:1])
        for id_ in ids[1:]:
            assert bool(grammar.mask(state)[0, id_]), (piece.name, plain.vocab[id_])
            state = grammar.advance(state, id_[None])
