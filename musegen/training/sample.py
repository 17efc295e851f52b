"""What a model in training writes: a file at every validation, to listen to; families.py says whose is which.

It is what the checkpoint would play by default, a little of it.
"""

from contextlib import suppress
from pathlib import Path
from typing import cast

from symusic.core import ScoreTick

from musegen.checkpoint.folder import Checkpoint
from musegen.config.settings import VAEConfig
from musegen.data.dataset import Dataset
from musegen.data.selection import select
from musegen.errors import DataError, MusegenError
from musegen.families import family_of, load
from musegen.generation.accompany import first_bars
from musegen.generation.assemble import join
from musegen.generation.clips import Clip, take_clip
from musegen.generation.from_checkpoint import (
    Wanted,
    generate_accompaniments,
    generate_pieces,
    generate_reconstruction,
)
from musegen.music.excerpt import end_to_end
from musegen.music.writing.midi import write_score

BARS = 8


def write_sample(path: Path, checkpoint: Checkpoint, dataset: Dataset) -> None:
    """Write the sample of a checkpoint's family as a MIDI file.

    Raises:
        MusegenError: it did not end, or there is nothing to begin with.
    """
    write_score(load(family_of(checkpoint.config.family).sample)(checkpoint, dataset), path)


def sample_piece(checkpoint: Checkpoint, _dataset: Dataset) -> ScoreTick:
    """Eight bars of a new piece."""
    return generate_pieces(checkpoint, Wanted(seed=checkpoint.config.seed, bars=BARS)).results[0].score


def sample_accompaniment(checkpoint: Checkpoint, dataset: Dataset) -> ScoreTick:
    """An accompaniment to the first eight bars of a validation piece's melody."""
    config = checkpoint.config
    pieces = dataset.split("valid") or dataset.split("train")
    melodies = (
        select(dataset, piece, config.data, pairs=True).melody for piece in pieces if piece.melody >= 0
    )
    melody = next(first for each in melodies if each is not None and (first := first_bars(each, BARS)))
    [result] = generate_accompaniments(checkpoint, melody, seed=config.seed)
    return join(melody, result, 0).score


def sample_reconstruction(checkpoint: Checkpoint, dataset: Dataset) -> ScoreTick:
    """A clip of a validation piece, and after it the same as the model gives it back."""
    clip = _first_clip(checkpoint, dataset)
    result = generate_reconstruction(checkpoint, clip, seed=checkpoint.config.seed)
    return end_to_end([clip.score, result.score], result.bars)


def _first_clip(checkpoint: Checkpoint, dataset: Dataset) -> Clip:
    data, bars = checkpoint.config.data, cast(VAEConfig, checkpoint.config.model).clip_bars
    for piece in dataset.split("valid") or dataset.split("train"):
        with suppress(MusegenError):  # of one metre at first, or without a note
            score = select(dataset, piece, data).score
            return take_clip(score, checkpoint.tokenizer, bars, one_line=data.tracks == "melody")
    raise DataError("no piece begins with a clip")
