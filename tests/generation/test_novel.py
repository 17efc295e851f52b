from pathlib import Path

import pytest

from musegen.checkpoint import load_checkpoint
from musegen.data.dataset import Dataset
from musegen.data.novelty import build_index
from musegen.errors import ConfigError
from musegen.generation.novel import copied_run, generate_novel
from musegen.generation.requests import Request, Result
from musegen.generation.tasks import generate
from musegen.models.lm import LanguageModel
from musegen.music.excerpt import excerpt


def test_copies_are_thrown_away_and_others_written(trained: Path) -> None:
    checkpoint = load_checkpoint(trained)

    def write(num: int, seed: int) -> list[Result]:
        assert isinstance(checkpoint.model, LanguageModel)
        request = Request(bars=3, time_signature=(2, 4))
        return generate(checkpoint.model, checkpoint.tokenizer, request, num=num, seed=seed)

    first = write(4, 7)
    index = build_index([each.score for each in first[:2]], ["a", "b"])
    lengths = [copied_run(each, index, 3) for each in first]
    assert min(lengths[:2]) > max(lengths[2:])
    kept, rejected = generate_novel(write, index, max_copy=max(lengths[2:]), bars=3, num=4, seed=7)
    assert [each.ids for each in kept[:2]] == [each.ids for each in first[2:]]
    assert len(kept) == 4
    assert rejected >= 2
    assert all(copied_run(each, index, 3) <= max(lengths[2:]) for each in kept)
    again = generate_novel(write, index, max_copy=max(lengths[2:]), bars=3, num=4, seed=7)[0]
    assert [each.ids for each in again] == [each.ids for each in kept]
    with pytest.raises(ConfigError, match="--max-copy 0 is kept by 0 of 2 pieces, after 20 were thrown away"):
        generate_novel(write, index, max_copy=0, bars=3, num=2)


def test_a_prompt_may_be_a_copy(trained: Path, tunes: Dataset) -> None:
    checkpoint = load_checkpoint(trained)
    assert isinstance(checkpoint.model, LanguageModel)
    tune = tunes.score(tunes.pieces[0])
    prompt = excerpt(tune, 0, 4)
    index = build_index([tune], ["tune"])
    (result,) = generate(checkpoint.model, checkpoint.tokenizer, Request(bars=2), prompt=prompt)
    assert copied_run(result, index, 2) < prompt.note_num() <= copied_run(result, index, result.bars)
