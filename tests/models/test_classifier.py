"""Classifiers: notes read from ids, rows that do not depend on each other, and music of any length."""

from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from musegen.checkpoint.build import build_model
from musegen.config.classifier import ClassifierConfig, ClassifierTrainConfig
from musegen.data.dataset import Dataset
from musegen.models.bag import NoteBag
from musegen.models.notes import FRAME, MOST_FRAMES, NoteReader, PianoRoll
from musegen.music.notes import note_arrays, transpose
from musegen.tokenizers import RemiTokenizer
from musegen.tokenizers.tables import TICKS_PER_QUARTER

ENCODERS = get_args(get_type_hints(ClassifierConfig)["encoder"])


def streams(dataset: Dataset, tokenizer: RemiTokenizer, count: int) -> list[Tensor]:
    return [torch.from_numpy(tokenizer.encode(dataset.score(piece))) for piece in dataset.pieces[:count]]


def model(encoder: str, tokenizer: RemiTokenizer, layers: int = 2) -> torch.nn.Module:
    torch.manual_seed(0)
    settings = ClassifierConfig(encoder=encoder, classes=("a", "b", "c"), hidden_size=16, num_layers=layers)
    return build_model(ClassifierTrainConfig(model=settings), tokenizer)


@pytest.mark.parametrize("kind", ["plain", "rich"])
def test_notes_are_those_of_the_score(kind: str, chorales: Dataset, request: pytest.FixtureRequest) -> None:
    tokenizer: RemiTokenizer = request.getfixturevalue(kind)
    for piece in chorales.pieces[:3]:
        score = chorales.score(piece)
        notes = NoteReader(tokenizer.tables)(torch.from_numpy(tokenizer.encode(score))[None])
        own = (each[notes.is_note].tolist() for each in (notes.onset, notes.duration, notes.pitch))
        found = set(zip(*own, strict=True))
        columns = [note_arrays(track)[:3] for track in score.resample(TICKS_PER_QUARTER).tracks]
        wanted = set(
            zip(*(np.concatenate(each).tolist() for each in zip(*columns, strict=True)), strict=True)
        )
        assert found <= wanted
        assert {each[::2] for each in found} == {each[::2] for each in wanted}  # unisons are one note


def test_a_roll_has_the_notes_of_a_tune(tunes: Dataset, plain: RemiTokenizer) -> None:
    [ids] = streams(tunes, plain, 1)
    score = tunes.score(tunes.pieces[0]).resample(TICKS_PER_QUARTER)
    onsets, durations, pitches, _ = note_arrays(score.tracks[0])
    starts, stops = onsets // FRAME, -(-(onsets + durations) // FRAME)
    roll, is_music = PianoRoll(plain.tables, 4)(ids[None])
    assert roll.shape[3] % 4 == 0
    for start, stop, pitch in zip(starts, stops, pitches, strict=True):
        assert roll[0, 1, pitch, start] == 1
        assert bool((roll[0, 0, pitch, start:stop] == 1).all())
    assert int(is_music.sum()) == stops.max()
    assert not roll[..., ~is_music[0]].any()
    assert int(roll[0, 1].sum()) == len(set(zip(starts, pitches, strict=True)))


def test_a_bag_in_another_key_differs_in_octaves_alone(tunes: Dataset, plain: RemiTokenizer) -> None:
    score, bag = tunes.score(tunes.pieces[0]), NoteBag(plain.tables)
    here, there = (
        bag(torch.from_numpy(plain.encode(each))[None])[0] for each in (score, transpose(score, 3))
    )
    assert len(here) == bag.size
    differs = (here - there).abs() > 1e-6
    assert differs.any()
    assert set(torch.nonzero(differs)[:, 0].tolist()) <= set(range(12, 23))


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("layers", [1, 3])
def test_a_row_does_not_depend_on_the_others(
    encoder: str, layers: int, tunes: Dataset, plain: RemiTokenizer
) -> None:
    """Padding changes nothing: a short piece has the same logits alone and beside a long one."""
    classifier = model(encoder, plain, layers)
    rows = streams(tunes, plain, 3)
    for _ in range(2):  # so that the running statistics are not those of a new model
        classifier(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)).sum().backward()
    classifier.eval()
    together = classifier(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True))
    assert together.shape == (3, 3)
    for row, ids in zip(together, rows, strict=True):
        assert torch.allclose(row, classifier(ids[None])[0], atol=1e-4)
        assert torch.allclose(row, classifier(pad(ids, (0, 37))[None])[0], atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=1e-4)  # and it does depend on the music


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("notes", [0, 1])
def test_a_clip_shorter_than_a_convolution(encoder: str, notes: int, plain: RemiTokenizer) -> None:
    words = ["BOS_None", "Bar_None", "TimeSig_4/4", "Position_0", "Pitch_60", "Duration_0.1.24"]
    ids = torch.tensor([[plain.vocab.index(word) for word in words[: 6 if notes else 3]]])
    classifier = model(encoder, plain, 3)
    for _ in range(2):
        logits = classifier(ids)
        assert bool(logits.isfinite().all())
        logits.sum().backward()
        assert all(bool(p.grad.isfinite().all()) for p in classifier.parameters() if p.grad is not None)
        classifier.eval()


def test_a_roll_ends_after_its_most_frames(plain: RemiTokenizer) -> None:
    words = ["BOS_None"] + ["Bar_None", "TimeSig_4/4", "Position_0", "Pitch_60", "Duration_1.0.24"] * 260
    ids = torch.tensor([[plain.vocab.index(word) for word in words]])
    roll, is_music = PianoRoll(plain.tables, 4)(ids)
    assert roll.shape[3] == MOST_FRAMES
    assert int(roll[0, 1].sum()) == MOST_FRAMES // 16  # a note in each bar
    assert int(is_music.sum()) == MOST_FRAMES - 12  # the last one lasts a beat
