from pathlib import Path

import pytest
import torch

from musegen.checkpoint.folder import load_checkpoint
from musegen.data.dataset import Dataset
from musegen.data.novelty import build_index
from musegen.errors import ConfigError
from musegen.generation.pieces import generate
from musegen.generation.rejection import copied_run, generate_in_key, generate_novel
from musegen.generation.request import Request, Result
from musegen.models.lm import LanguageModel
from musegen.models.losses import stream_nats
from musegen.music.excerpt import excerpt
from musegen.music.key import MODES, final_class, tonic_in
from tests.music.scores import notes


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
    with pytest.raises(
        ConfigError, match=r"--max-copy 0 is kept by [01] of 2 pieces, after \d+ were thrown away"
    ):
        generate_novel(write, index, max_copy=0, bars=3, num=2)


def test_a_prompt_may_be_a_copy(trained: Path, tunes: Dataset) -> None:
    checkpoint = load_checkpoint(trained)
    assert isinstance(checkpoint.model, LanguageModel)
    tune = tunes.score(tunes.pieces[0])
    prompt = excerpt(tune, 0, 4)
    index = build_index([tune], ["tune"])
    (result,) = generate(checkpoint.model, checkpoint.tokenizer, Request(bars=2), prompt=prompt)
    assert copied_run(result, index, 2) < prompt.note_num() <= copied_run(result, index, result.bars)


def struck(result: Result) -> list[int]:
    return [pitch for _, _, pitch in notes(result.score.tracks[0])]


def test_a_key_is_kept_and_what_is_in_another_mode_thrown_away(trained: Path) -> None:
    """Pieces are those of the same seed, moved; their likelihood is that of the piece as it stands."""
    checkpoint = load_checkpoint(trained)
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    assert isinstance(model, LanguageModel)

    def write(num: int, seed: int) -> list[Result]:
        assert isinstance(model, LanguageModel)
        return generate(model, tokenizer, Request(bars=1), num=num, seed=seed)

    first = write(8, 3)
    mode = max(MODES, key=lambda mode: sum(tonic_in(each.score, mode) is not None for each in first))
    wanted = [each for each in first[:2] if tonic_in(each.score, mode) is not None]
    kept, rejected = generate_in_key(write, model, tokenizer, tonic=2, mode=mode, num=2, seed=3)
    assert len(kept) == 2
    assert rejected > 0
    for before, after in zip(wanted, kept, strict=False):
        moved_by = {high - low for low, high in zip(struck(before), struck(after), strict=True)}
        assert len(moved_by) == 1
        assert abs(moved_by.pop()) <= 6
    for each in kept:
        assert tonic_in(each.score, mode) == final_class(each.score) == 2
        assert notes(tokenizer.decode(each.ids).tracks[0]) == notes(each.score.tracks[0])
        nats = stream_nats(model, model.init_state(1), torch.tensor([[*each.ids, tokenizer.eos_id]]))
        assert each.log_likelihood == pytest.approx(-float(nats.sum()), rel=1e-4)
    with pytest.raises(ConfigError, match="0 of 1 pieces came out in locrian"):
        generate_in_key(lambda *_: [], model, tokenizer, tonic=2, mode="locrian")
