"""What a model in training writes: a file at every validation, to listen to."""

from pathlib import Path
from typing import Any

from musegen.checkpoint import Model
from musegen.config import TrainConfig
from musegen.data.dataset import Dataset
from musegen.data.selection import select
from musegen.generation.accompany import Players, accompany, first_bars
from musegen.generation.assemble import join
from musegen.generation.requests import Result
from musegen.generation.tasks import Request, generate
from musegen.models.lm import LanguageModel
from musegen.models.seq2seq import Seq2Seq
from musegen.music.write import write_score
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
    """Write eight bars: of a new piece, or of an accompaniment to a validation piece.

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
    else:
        result = _accompaniment(config, dataset, tokenizer, model, Players.of(data))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_score(result.score, path)


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
    [result] = accompany(model, tokenizer, melody, seed=config.seed, players=players)
    return join(melody, result, 0)
