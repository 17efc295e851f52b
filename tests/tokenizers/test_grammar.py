"""Whatever a model says, what is written is the music asked for: tried with untrained models."""

from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pad_sequence

from musegen.checkpoint.build import build_model
from musegen.config.options import SamplingOptions
from musegen.config.settings import LMConfig, TokenizerConfig, TrainConfig
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError
from musegen.generation.eager import Eager
from musegen.generation.engine import Stream, sample_streams
from musegen.generation.sampling import RowStreams
from musegen.music.odd_bars import fill_odd_bars
from musegen.tokenizers import Constraints, Kind, Part, RemiTokenizer, limits_of
from musegen.tokenizers.grammars import make_grammar
from tests.tokenizers.walks import walk

METRES = ["4/4", "3/4", "6/8", "9/8", "5/4", "7/8"]


def untrained(
    tokenizer: RemiTokenizer, constraints: Constraints, *, rows: int, seed: int = 0
) -> list[Stream]:
    torch.manual_seed(seed)
    model = build_model(
        TrainConfig(model=LMConfig(embedding_dim=16, hidden_size=32, num_layers=1)), tokenizer
    ).eval()
    return sample_streams(
        Eager(model, tokenizer.tables),
        [],
        limits_of(tokenizer.tables, constraints),
        prompt_ids=[tokenizer.bos_id],
        sampling=SamplingOptions(temperature=1.5),
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
        make_grammar(plain.tables, Constraints(pitches=frozenset()))


def test_every_real_tune_is_grammatical(tunes: Dataset, plain: RemiTokenizer) -> None:
    streams = [
        torch.from_numpy(plain.encode(fill_odd_bars(tunes.score(piece), plain.time_signatures).score))
        for piece in tunes.pieces
    ]
    ids = pad_sequence(streams, batch_first=True, padding_value=plain.pad_id)  # (B, T)
    grammar = make_grammar(plain.tables, Constraints())
    state = grammar.init_state(len(ids))
    for before, after in pairwise(ids.T):
        state = grammar.advance(state, before)
        legal = grammar.mask(state).gather(1, after[:, None]).squeeze(1)
        assert legal.all(), [plain.vocab[i] for i in after[~legal]]


@pytest.mark.parametrize("pitches", [None, frozenset({60})])
@pytest.mark.parametrize("metres", [["4/4", "4/4", "2/4"], ["3/4", "4/4"], ["6/8", "3/16"]])
def test_every_bar_has_the_metre_given_for_it(
    plain: RemiTokenizer, metres: list[str], pitches: frozenset[int] | None
) -> None:
    metre_ids = [plain.vocab.index(f"TimeSig_{metre}") for metre in metres]
    wanted = Constraints(bars=len(metres), metre_ids=metre_ids, pitches=pitches)
    end = sum(480 * 4 * Fraction(metre) for metre in metres)
    for ids in walk(plain, wanted, rows=50, seed=0):
        assert [i for i in ids if plain.tables.kind[i] == Kind.TIME_SIGNATURE] == metre_ids
        score = plain.decode(ids)
        assert max(note.end for note in score.tracks[0].notes) <= end


def test_with_one_pitch_a_note_still_begins_in_the_last_bar(plain: RemiTokenizer) -> None:
    wanted = Constraints(bars=3, pitches=frozenset({60}))
    for ids in walk(plain, wanted, rows=100, seed=1):
        last_bar = max(i for i, id_ in enumerate(ids) if plain.tables.kind[id_] == Kind.BAR)
        assert (plain.tables.kind[ids[last_bar:]] == Kind.PITCH).any()


def test_a_piece_opens_with_its_tempo_where_tempos_are_written(rich: RemiTokenizer) -> None:
    for tempo in (True, False):
        for ids in walk(rich, Constraints(bars=2, tempo=tempo), rows=20, seed=0):
            tokens = [rich.vocab[i].partition("_")[0] for i in ids[:5]]
            assert (tokens == ["BOS", "Bar", "TimeSig", "Position", "Tempo"]) == tempo
            assert not tempo or rich.vocab[ids[3]] == "Position_0"


def test_programs_that_are_no_part_are_never_written() -> None:
    parts = [Part("Alto", 52), Part("Bass", 52)]
    tokenizer = RemiTokenizer.build(TokenizerConfig(), time_signatures=[], programs=[52], parts=parts)
    for ids in walk(tokenizer, Constraints(bars=2), rows=50, seed=0):
        assert {t.name for t in tokenizer.decode(ids).tracks if not t.is_drum} <= {"Alto", "Bass"}
