from pathlib import Path

import pytest
import torch
from symusic import Note, Score, TimeSignature, Track

from musegen.checkpoint import Checkpoint, load_checkpoint
from musegen.config import SamplingConfig
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError
from musegen.generation.tasks import Request, generate
from musegen.music.ops import bar_ticks
from musegen.music.write import midi_bytes


@pytest.fixture(scope="module")
def checkpoint(trained: Path) -> Checkpoint:
    return load_checkpoint(trained)


def notes(score: object) -> list[tuple[int, int, int, int]]:
    return [(n.time, n.duration, n.pitch, n.velocity) for t in score.tracks for n in t.notes]  # type: ignore[attr-defined]


def test_exactly_the_bars_and_the_metre_asked_for(checkpoint: Checkpoint) -> None:
    for metre in ((4, 4), (6, 8), (5, 4)):
        request = Request(
            bars=5, time_signature=metre, tempo=90.0, pitches=frozenset(range(60, 73)), program=73
        )
        for result in generate(checkpoint.model, checkpoint.tokenizer, request, num=2):
            assert len(bar_ticks(result.score)) - 1 == 5
            [mark] = result.score.time_signatures
            assert (mark.numerator, mark.denominator) == metre
            assert {n[2] for n in notes(result.score)} <= set(range(60, 73))
            assert result.score.tempos[0].qpm == pytest.approx(90.0)
            assert {t.program for t in result.score.tracks} == {73}
            assert result.log_likelihood < 0


def test_same_seed_same_bytes_whatever_the_threads(checkpoint: Checkpoint) -> None:
    def written(seed: int) -> list[bytes]:
        results = generate(checkpoint.model, checkpoint.tokenizer, Request(bars=4), num=3, seed=seed)
        return [midi_bytes(r.score) for r in results]

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        first = written(3)
        torch.set_num_threads(2)
        assert written(3) == first
        assert written(4) != first
    finally:
        torch.set_num_threads(threads)


def test_one_alone_is_the_first_of_many(checkpoint: Checkpoint) -> None:
    for seed in range(5):
        [alone] = generate(checkpoint.model, checkpoint.tokenizer, Request(bars=4), num=1, seed=seed)
        first, *_ = generate(checkpoint.model, checkpoint.tokenizer, Request(bars=4), num=4, seed=seed)
        assert notes(alone.score) == notes(first.score)


def test_a_prompt_stands_unchanged_before_the_new_bars(checkpoint: Checkpoint, tunes: Dataset) -> None:
    for piece in tunes.pieces[:6]:
        prompt = tunes.score(piece)
        lines = bar_ticks(prompt)
        for result in generate(checkpoint.model, checkpoint.tokenizer, Request(bars=3), num=2, prompt=prompt):
            assert result.score.ticks_per_quarter == prompt.ticks_per_quarter
            old = [n for n in notes(result.score) if n[0] < lines[-1]]
            assert old == notes(prompt)
            assert len(bar_ticks(result.score)) == len(lines) + 3
            assert result.bars == len(lines) - 1 + 3


def test_a_prompt_off_the_grid_is_still_verbatim(checkpoint: Checkpoint) -> None:
    prompt = Score(96)
    prompt.time_signatures.append(TimeSignature(0, 3, 4))
    prompt.tracks.append(Track(name="Flute", program=73))
    # the last note rings on into a second bar
    prompt.tracks[0].notes.extend([Note(1, 50, 60, 64), Note(97, 13, 62, 65), Note(200, 150, 64, 66)])
    [result] = generate(checkpoint.model, checkpoint.tokenizer, Request(bars=2), prompt=prompt)
    assert notes(result.score)[:3] == notes(prompt)
    assert result.score.tracks[0].name == "Flute"
    assert all(onset >= 2 * 3 * 96 for onset, *_ in notes(result.score)[3:])
    assert result.bars == 4


def test_greedy_does_not_depend_on_the_seed(checkpoint: Checkpoint) -> None:
    greedy = SamplingConfig(temperature=0.0)
    a, b = (
        generate(checkpoint.model, checkpoint.tokenizer, Request(bars=2), sampling=greedy, seed=seed)[0]
        for seed in (1, 2)
    )
    assert notes(a.score) == notes(b.score)


def test_a_metre_the_checkpoint_does_not_know_is_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(ConfigError, match="13/4"):
        generate(checkpoint.model, checkpoint.tokenizer, Request(bars=2, time_signature=(13, 4)))
