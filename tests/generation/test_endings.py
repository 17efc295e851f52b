"""Pieces that come to rest, and pieces that are told how long they are."""

from pathlib import Path

import pytest

from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.generation.pieces import generate
from musegen.generation.rejection import CANDIDATES, generate_ending
from musegen.generation.request import Request, Result
from musegen.models.lm import LanguageModel
from musegen.music.key import ends_on_tonic
from musegen.tokenizers import RemiTokenizer


@pytest.fixture(scope="module")
def checkpoint(trained: Path) -> Checkpoint:
    return load_checkpoint(trained)


def test_the_first_candidate_at_rest_is_taken_where_one_is_wished_for(checkpoint: Checkpoint) -> None:
    model = checkpoint.model
    assert isinstance(model, LanguageModel)

    def write(num: int, seed: int) -> list[Result]:
        return generate(
            model, checkpoint.tokenizer, Request(bars=2, time_signature=(2, 4)), num=num, seed=seed
        )

    candidates = write(12 * CANDIDATES, 4)
    groups = [candidates[i : i + CANDIDATES] for i in range(0, len(candidates), CANDIDATES)]
    at_rest = [[each for each in group if ends_on_tonic(each.score)] for group in groups]
    assert any(at_rest)
    always = generate_ending(write, 1.0, num=12, seed=4)
    expected = [(found or group)[0].ids for found, group in zip(at_rest, groups, strict=True)]
    assert [each.ids for each in always] == expected
    assert expected != [group[0].ids for group in groups]
    assert [each.ids for each in generate_ending(write, 0.0, num=3, seed=4)] == [
        each.ids for each in write(3, 4)
    ]
    some = generate_ending(write, 0.5, num=12, seed=4)
    assert [each.ids for each in generate_ending(write, 0.5, num=5, seed=4)] == [
        each.ids for each in some[:5]
    ]


def test_how_often_training_pieces_come_to_rest_is_kept(checkpoint: Checkpoint) -> None:
    assert 0.3 < checkpoint.data["ends_on_tonic"] <= 1.0


def test_a_stream_says_how_long_it_is_unless_it_is_to_go_on(checkpoint: Checkpoint) -> None:
    tokenizer, model = checkpoint.tokenizer, checkpoint.model
    assert isinstance(tokenizer, RemiTokenizer)
    assert isinstance(model, LanguageModel)
    for ends in (True, False):
        [result] = generate(model, tokenizer, Request(bars=3, ends=ends), seed=2)
        assert tokenizer.vocab[result.ids[0]] == ("BOS_3" if ends else "BOS_None")
    [longer] = generate(model, tokenizer, Request(bars=2), prompt=result.score, seed=2)
    assert tokenizer.vocab[longer.ids[0]] == "BOS_5"
