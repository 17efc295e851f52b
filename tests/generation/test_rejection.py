"""Pieces as they are wished for, and pieces that are told how long they are."""

from collections.abc import Callable
from pathlib import Path

import pytest

from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.data.dataset import Dataset
from musegen.data.novelty import build_index
from musegen.errors import ConfigError
from musegen.generation.backends import machine_of
from musegen.generation.engine import stream_nats
from musegen.generation.pieces import generate
from musegen.generation.rejection import (
    CANDIDATES,
    Draws,
    Rejection,
    accept_all,
    best_candidates,
    copied_run,
    in_key,
    novel,
)
from musegen.generation.request import Request, Result
from musegen.music.excerpt import excerpt
from musegen.music.key import MODES, ends_on_tonic, final_class, tonic_in
from musegen.tokenizers import RemiTokenizer
from tests.music.scores import notes


def written(draws: Draws, write: Callable[[int, int], list[Result]]) -> list[Result]:
    """What is taken of what `write` makes."""
    drawing = Rejection(draws)
    while drawing.wanted:
        drawing.take(write(*drawing.wanted))
    return drawing.results


def test_copies_are_rejected_and_others_generated(trained: Path) -> None:
    checkpoint = load_checkpoint(trained)

    def write(num: int, seed: int) -> list[Result]:
        request = Request(bars=3, time_signature=(2, 4))
        return generate(machine_of(checkpoint), checkpoint.tokenizer, request, num=num, seed=seed)

    first = write(4, 7)
    index = build_index([each.score for each in first[:2]], ["a", "b"])
    lengths = [copied_run(each, index, 3) for each in first]
    assert min(lengths[:2]) > max(lengths[2:])
    words: list[str] = []
    inner = novel(accept_all, index, max_copy=max(lengths[2:]), bars=3, words=words)
    accepted = written(inner(4, 7), write)
    assert [each.ids for each in accepted[:2]] == [each.ids for each in first[2:]]
    assert len(accepted) == 4
    [line] = words
    assert int(line.rpartition(" ")[2]) >= 2
    assert all(copied_run(each, index, 3) <= max(lengths[2:]) for each in accepted)
    again = written(inner(4, 7), write)
    assert [each.ids for each in again] == [each.ids for each in accepted]
    with pytest.raises(ConfigError, match=r"max_copy 0: [01] of 2 pieces were accepted and \d+ rejected"):
        written(novel(accept_all, index, max_copy=0, bars=3, words=words)(2, 0), write)


def test_wishes_stand_in_one_another(trained: Path) -> None:
    """Of a share that ends on its tonic, what copies nothing: the lines say how many were rejected."""
    checkpoint = load_checkpoint(trained)
    machine = machine_of(checkpoint)
    asked: list[tuple[int, int]] = []

    def write(num: int, seed: int) -> list[Result]:
        asked.append((num, seed))
        return generate(machine, checkpoint.tokenizer, Request(bars=2), num=num, seed=seed)

    first = written(best_candidates(CANDIDATES, share=0.5)(3, 5), write)
    index = build_index([first[0].score], ["first"])
    shortest = max(copied_run(each, index, 2) for each in first[1:])
    assert copied_run(first[0], index, 2) > shortest
    words: list[str] = []
    accepted = written(
        novel(best_candidates(CANDIDATES, share=0.5), index, max_copy=shortest, bars=2, words=words)(3, 5),
        write,
    )
    assert [each.ids for each in accepted[:2]] == [each.ids for each in first[1:]]
    assert asked[0] == asked[1] == (3 * CANDIDATES, 5)
    assert asked[2] == (CANDIDATES, 5 + 2**32)
    assert words == [f"rejected for copying more than {shortest} notes in a row: {len(asked) - 2}"]


def test_a_prompt_may_be_a_copy(trained: Path, tunes: Dataset) -> None:
    checkpoint = load_checkpoint(trained)
    tune = tunes.score(tunes.pieces[0])
    prompt = excerpt(tune, 0, 4)
    index = build_index([tune], ["tune"])
    (result,) = generate(machine_of(checkpoint), checkpoint.tokenizer, Request(bars=2), prompt=prompt)
    assert copied_run(result, index, 2) < prompt.note_num() <= copied_run(result, index, result.bars)


def struck(result: Result) -> list[int]:
    return [pitch for _, _, pitch in notes(result.score.tracks[0])]


def test_a_key_is_kept_and_what_is_in_another_mode_rejected(trained: Path) -> None:
    """Pieces are those of the same seed, moved; their likelihood is that of the piece as it stands."""
    checkpoint = load_checkpoint(trained)
    machine, tokenizer = machine_of(checkpoint), checkpoint.tokenizer

    def write(num: int, seed: int) -> list[Result]:
        return generate(machine, tokenizer, Request(bars=1), num=num, seed=seed)

    first = write(8, 3)
    mode = max(MODES, key=lambda mode: sum(tonic_in(each.score, mode) is not None for each in first))
    wanted = [each for each in first[:2] if tonic_in(each.score, mode) is not None]
    words: list[str] = []
    accepted = written(in_key(machine, tokenizer, tonic=2, mode=mode, words=words)(2, 3), write)
    assert len(accepted) == 2
    assert int(words[0].rpartition(" ")[2]) > 0
    for before, after in zip(wanted, accepted, strict=False):
        moved_by = {high - low for low, high in zip(struck(before), struck(after), strict=True)}
        assert len(moved_by) == 1
        assert abs(moved_by.pop()) <= 6
    for each in accepted:
        assert tonic_in(each.score, mode) == final_class(each.score) == 2
        assert notes(tokenizer.decode(each.ids).tracks[0]) == notes(each.score.tracks[0])
        [nats] = stream_nats(machine, [[*each.ids, tokenizer.eos_id]], [])
        assert each.log_likelihood == pytest.approx(-float(nats.sum()), rel=1e-4)
    with pytest.raises(ConfigError, match="0 of 1 pieces are in locrian"):
        written(in_key(machine, tokenizer, tonic=2, mode="locrian", words=words)(1, 0), lambda *_: [])


@pytest.fixture(scope="module")
def checkpoint(trained: Path) -> Checkpoint:
    return load_checkpoint(trained)


def test_the_first_candidate_at_rest_is_taken_where_one_is_wished_for(checkpoint: Checkpoint) -> None:
    machine = machine_of(checkpoint)

    def write(num: int, seed: int) -> list[Result]:
        return generate(
            machine, checkpoint.tokenizer, Request(bars=2, time_signature=(2, 4)), num=num, seed=seed
        )

    candidates = write(12 * CANDIDATES, 4)
    groups = [candidates[i : i + CANDIDATES] for i in range(0, len(candidates), CANDIDATES)]
    resting = [[each for each in group if ends_on_tonic(each.score)] for group in groups]
    assert any(resting)
    always = written(best_candidates(CANDIDATES, share=1.0)(12, 4), write)
    expected = [(found or group)[0].ids for found, group in zip(resting, groups, strict=True)]
    assert [each.ids for each in always] == expected
    assert expected != [group[0].ids for group in groups]
    assert [each.ids for each in written(best_candidates(CANDIDATES, share=0.0)(3, 4), write)] == [
        each.ids for each in write(3, 4)
    ]
    some = written(best_candidates(CANDIDATES, share=0.5)(12, 4), write)
    assert [each.ids for each in written(best_candidates(CANDIDATES, share=0.5)(5, 4), write)] == [
        each.ids for each in some[:5]
    ]


def test_how_often_training_pieces_come_to_rest_is_kept(checkpoint: Checkpoint) -> None:
    assert 0.3 < checkpoint.data["ends_on_tonic"] <= 1.0


def test_a_stream_says_how_long_it_is_unless_it_is_to_go_on(checkpoint: Checkpoint) -> None:
    tokenizer, machine = checkpoint.tokenizer, machine_of(checkpoint)
    assert isinstance(tokenizer, RemiTokenizer)
    for ends in (True, False):
        [result] = generate(machine, tokenizer, Request(bars=3, ends=ends), seed=2)
        assert tokenizer.vocab[result.ids[0]] == ("BOS_3" if ends else "BOS_None")
    [longer] = generate(machine, tokenizer, Request(bars=2), prompt=result.score, seed=2)
    assert tokenizer.vocab[longer.ids[0]] == "BOS_5"


def test_the_first_typical_candidate_is_taken(checkpoint: Checkpoint) -> None:
    machine = machine_of(checkpoint)

    def write(num: int, seed: int) -> list[Result]:
        return generate(machine, checkpoint.tokenizer, Request(bars=2), num=num, seed=seed)

    candidates = write(12, 4)
    groups = [candidates[i : i + 3] for i in range(0, 12, 3)]
    # One with few notes is typical here: some groups have none, some begin with one.
    few = sorted(len(each.ids) for each in candidates)[5]
    accepted = written(best_candidates(3, is_typical=lambda ids: len(ids) <= few)(4, 4), write)
    for group, own in zip(groups, accepted, strict=True):
        passed = [len(each.ids) <= few for each in group]
        assert own.passed_over == (passed.index(True) if any(passed) else 0)
        assert own.ids == group[own.passed_over].ids
    assert {own.passed_over for own in accepted} != {0}
    unchanged = written(best_candidates(1, share=1.0, is_typical=lambda _: False)(4, 4), write)
    assert [each.ids for each in unchanged] == [each.ids for each in write(4, 4)]


def test_a_key_passes_over_what_is_not_typical_but_not_for_ever(checkpoint: Checkpoint) -> None:
    machine, tokenizer = machine_of(checkpoint), checkpoint.tokenizer

    def write(num: int, seed: int) -> list[Result]:
        return generate(machine, tokenizer, Request(bars=1), num=num, seed=seed)

    first = write(8, 3)
    mode = max(MODES, key=lambda mode: sum(tonic_in(each.score, mode) is not None for each in first))
    words: list[str] = []
    accept = in_key(
        machine, tokenizer, tonic=2, mode=mode, words=words, count=2, is_typical=lambda _ids: False
    )
    accepted = written(accept(2, 3), write)
    assert [each.passed_over for each in accepted] == [1, 1]
