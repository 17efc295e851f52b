"""What a model in training writes: a file at every validation, to listen to."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from symusic.core import ScoreTick

from musegen.api.model import Model
from musegen.config.settings import TrainConfig
from musegen.data.dataset import Dataset
from musegen.data.selection import select
from musegen.errors import DataError, MusegenError
from musegen.generation.accompany import Players, accompany, first_bars
from musegen.generation.assemble import dress_like, join
from musegen.generation.clips import Clip, take_clip
from musegen.generation.latent import decode_latents, latent_of
from musegen.generation.pieces import generate
from musegen.generation.request import Request, Result
from musegen.models.lm import LanguageModel
from musegen.models.seq2seq import Seq2Seq
from musegen.models.vae import VAE
from musegen.music.excerpt import end_to_end
from musegen.music.writing.midi import write_score
from musegen.tokenizers import Tokenizer

BARS = 8


def write_sample(
    path: Path,
    config: TrainConfig,
    dataset: Dataset,
    tokenizer: Tokenizer,
    model: Model,
    data: dict[str, Any],
) -> None:
    """Write eight bars of a new piece, or of an accompaniment to a validation piece, or two clips of it.

    Args:
        path: the MIDI file.
        config: of the run.
        dataset: its music.
        tokenizer: of what the model writes.
        model: in eval mode.
        data: the checkpoint's manifest.
    """
    rosters = [entry["programs"] for entry in data["train"]]
    program = data["program"]
    if isinstance(model, LanguageModel):
        [result] = generate(
            model,
            tokenizer,
            Request(bars=BARS),
            seed=config.seed,
            default_tempo=data["tempo"],
            default_program=program,
            rosters=rosters,
        )
    elif isinstance(model, VAE):
        write_score(_given_back(config, dataset, tokenizer, model), path)
        return
    else:
        result = _accompaniment(config, dataset, tokenizer, model, Players.of(data))
    write_score(result.score, path)


def _given_back(config: TrainConfig, dataset: Dataset, tokenizer: Tokenizer, model: VAE) -> ScoreTick:
    """A clip of a validation piece, and after it the same as the model gives it back."""
    clip = _first_clip(config, dataset, tokenizer, model.clip_bars)
    [result] = decode_latents(
        model,
        tokenizer,
        latent_of(model, clip.ids)[None],
        clip.metre,
        ticks_per_quarter=clip.score.ticks_per_quarter,
    )
    dress_like(result.score, clip.score, tokenizer)
    return end_to_end([clip.score, result.score], model.clip_bars)


def _first_clip(config: TrainConfig, dataset: Dataset, tokenizer: Tokenizer, bars: int) -> Clip:
    for piece in dataset.split("valid") or dataset.split("train"):
        with suppress(MusegenError):  # of one metre at first, or without a note
            score = select(dataset, piece, config.data).score
            return take_clip(score, tokenizer, bars, one_line=config.data.tracks == "melody")
    raise DataError("no piece begins with a clip")


def _accompaniment(
    config: TrainConfig,
    dataset: Dataset,
    tokenizer: Tokenizer,
    model: Seq2Seq,
    players: Players,
) -> Result:
    pieces = dataset.split("valid") or dataset.split("train")
    melodies = (
        select(dataset, piece, config.data, pairs=True).melody for piece in pieces if piece.melody >= 0
    )
    melody = next(first for each in melodies if each is not None and (first := first_bars(each, BARS)))
    [result] = accompany(
        model, tokenizer, melody, sampling=config.sampling, seed=config.seed, players=players
    )
    return join(melody, result, 0)
