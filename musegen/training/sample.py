"""Samples of a model in training: a file at every validation, by a function of its family (see families.py).

Each is a short piece with the default settings of the checkpoint.
"""

from contextlib import suppress
from pathlib import Path
from typing import cast

from symusic.core import ScoreTick

from musegen.checkpoint.folder import Checkpoint
from musegen.config.autoencoder import VAEConfig
from musegen.config.performer import PerformerTrainConfig
from musegen.data.dataset import Dataset
from musegen.data.selection import select
from musegen.errors import DataError, MusegenError, attempt
from musegen.families import family_of, load
from musegen.generation.accompany import first_bars
from musegen.generation.assemble import join
from musegen.generation.clip_verbs import generate_reconstruction
from musegen.generation.clips import Clip, take_clip
from musegen.generation.frame_sampling import generate_frames
from musegen.generation.from_checkpoint import (
    Wanted,
    fill_piece,
    generate_accompaniments,
    generate_pieces,
)
from musegen.generation.humanize import humanize_file, score_file
from musegen.music.excerpt import end_to_end, excerpt
from musegen.music.free_time import as_recording
from musegen.music.gaps import Gap, Gapped, gap_spans, merged, split_notes
from musegen.music.performance import frame_of, written_score
from musegen.music.reading.midi_file import parse_midi
from musegen.music.reading.read import read_midi
from musegen.music.writing.midi import midi_bytes, write_score
from musegen.music.writing.midi_edit import read_events
from musegen.tokenizers import FreeTokenizer

BARS = 8


def write_sample(path: Path, checkpoint: Checkpoint, dataset: Dataset) -> None:
    """Write the sample of a checkpoint's family as a MIDI file.

    Raises:
        MusegenError: it did not end, or the dataset has nothing to start from.
    """
    write_score(load(family_of(checkpoint.config.family).sample)(checkpoint, dataset), path)


def sample_piece(checkpoint: Checkpoint, _dataset: Dataset) -> ScoreTick:
    """Eight bars of a new piece; in free time as many segments."""
    score = generate_pieces(checkpoint, Wanted(seed=checkpoint.config.seed, bars=BARS)).results[0].score
    return as_recording(score) if isinstance(checkpoint.tokenizer, FreeTokenizer) else score


def sample_accompaniment(checkpoint: Checkpoint, dataset: Dataset) -> ScoreTick:
    """An accompaniment to the first bars of a validation piece's melody; if only bars are filled, a fill."""
    config = checkpoint.config
    if config.fills and (config.data.holes == "bars" or not checkpoint.tokenizer.config.programs):
        return _sample_gap(checkpoint, dataset)
    pieces = dataset.split("valid") or dataset.split("train")
    selected = (attempt(select, dataset, piece, config.data, pairs=True) for piece in pieces)
    melodies = (each.melody for each in selected if not isinstance(each, MusegenError))
    melody = next(first for each in melodies if each is not None and (first := first_bars(each, BARS)))
    [result] = generate_accompaniments(checkpoint, melody, seed=config.seed)
    return join(melody, result, 0).score


def _sample_gap(checkpoint: Checkpoint, dataset: Dataset) -> ScoreTick:
    """The first eight bars of a validation piece, of which those in the middle are new."""
    pieces = dataset.split("valid") or dataset.split("train")
    selected = (attempt(select, dataset, piece, checkpoint.config.data) for piece in pieces)
    scores = (each.score for each in selected if not isinstance(each, MusegenError))
    whole = next(first for each in scores if (first := first_bars(each, BARS)))
    middle = Gap(max(1, BARS // 2 - 1), BARS // 2)
    gapped = Gapped(whole, [middle], range(len(whole.tracks)))
    [filled] = fill_piece(checkpoint, gapped, seed=checkpoint.config.seed)
    return merged(split_notes(whole, gap_spans(whole, [middle]), gapped.tracks)[0], filled.notes)


def sample_reconstruction(checkpoint: Checkpoint, dataset: Dataset) -> ScoreTick:
    """A clip of a validation piece, followed by its reconstruction."""
    clip = _first_clip(checkpoint, dataset)
    result = generate_reconstruction(checkpoint, clip, seed=checkpoint.config.seed)
    return end_to_end([clip.score, result.score], result.bars)


def sample_performance(checkpoint: Checkpoint, dataset: Dataset) -> ScoreTick:
    """The first eight bars of a validation piece's score, played."""
    config = cast(PerformerTrainConfig, checkpoint.config)
    piece = (dataset.split("valid") or dataset.split("train"))[0]
    score = written_score(excerpt(select(dataset, piece, config.data).score, 0, BARS), config.score.positions)
    data = midi_bytes(score)
    raw, _ = parse_midi(data)
    source = score_file(read_events(data), raw, frame_of(score), range(len(raw.tracks)))
    [take] = humanize_file(checkpoint, source, seed=config.seed)
    return read_midi(take.midi)[0]


def sample_frames(checkpoint: Checkpoint, _dataset: Dataset) -> ScoreTick:
    """Eight bars of a new piece."""
    return generate_frames(checkpoint, Wanted(seed=checkpoint.config.seed, bars=BARS)).results[0].score


def _first_clip(checkpoint: Checkpoint, dataset: Dataset) -> Clip:
    data, bars = checkpoint.config.data, cast(VAEConfig, checkpoint.config.model).clip_bars
    for piece in dataset.split("valid") or dataset.split("train"):
        with suppress(MusegenError):  # the metre changes, or there is no note
            score = select(dataset, piece, data).score
            return take_clip(score, checkpoint.tokenizer, bars, one_line=data.tracks == "melody")
    raise DataError("no piece has a clip for a sample")
