"""Everything that is measured of a language model: its likelihood, and what it writes beside real music."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from symusic import Score

from musegen.checkpoint import Checkpoint
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.evaluation.comparison import FEWEST, MusicSet, compare
from musegen.evaluation.likelihood import evaluate_checkpoint
from musegen.generation.tasks import Request, generate
from musegen.metrics.features import FEATURES, features
from musegen.models.lm import LanguageModel
from musegen.music.excerpt import excerpt
from musegen.music.read import read_midi
from musegen.music.write import midi_bytes

SAMPLES = 50
"""Pieces that a model writes, unless another number is asked for."""
BARS = 16
"""Of each piece that is compared: form depends on the length."""


class Written(NamedTuple):
    """What was compared."""

    real: MusicSet
    generated: MusicSet


def evaluate_lm(
    checkpoint: Checkpoint, dataset: Dataset, split: str = "test", *, samples: int = SAMPLES, seed: int = 0
) -> tuple[dict[str, Any], Written | None]:
    """Likelihood of a split; and music of the model's own held against the split, feature by feature.

    Args:
        checkpoint: of a language model.
        dataset: the music.
        split: "train", "valid" or "test".
        samples: pieces that it writes, in the metres of the split's pieces, of `BARS` bars as these are cut;
            fewer than 2: none are compared.
        seed: of all that is drawn.

    Returns:
        The figures, and what was compared; None where there is too little of either.

    Raises:
        DataError: the split is empty, or nothing in it can be encoded.
    """
    figures = evaluate_checkpoint(checkpoint, dataset, split)
    assert isinstance(checkpoint.model, LanguageModel)
    scores = [excerpt(dataset.score(piece), 0, BARS) for piece in dataset.split(split)]
    scores = [score for score in scores if score.note_num()]
    if samples < 2 or len(scores) < FEWEST:
        return figures, None
    known = checkpoint.tokenizer.time_signatures
    metres = [metre for metre in map(first_metre, scores) if metre in known]
    chosen = [metres[i % len(metres)] for i in range(samples)] if metres else []
    own = written(checkpoint.model, checkpoint, chosen, BARS, seed)
    found = music_set(checkpoint.path.name, progress(own, len(chosen), "Writing"))
    if found.pieces < 2:
        return figures, None
    real = progress(scores, len(scores), f"Measuring {dataset.name}")
    compared = Written(music_set(f"{dataset.name}, {split}", real), found)
    return figures | {"comparison": compare(*compared, seed=seed)}, compared


def first_metre(score: Score) -> tuple[int, int]:
    """The metre with which a score begins."""
    mark = score.time_signatures[0]
    return mark.numerator, mark.denominator


def music_set(name: str, scores: Iterable[Score]) -> MusicSet:
    """The features of some scores; those without notes are left out."""
    rows = [features(score) for score in scores if score.note_num()]
    return MusicSet(name, {each: np.array([row[each] for row in rows]) for each in FEATURES}, [])


def written(
    model: LanguageModel, checkpoint: Checkpoint, metres: Sequence[tuple[int, int]], bars: int, seed: int
) -> Iterator[Score]:
    """What a model writes, as it is read back from its file: a piece in each of the metres."""
    for metre, count in Counter(metres).items():
        results = generate(
            model,
            checkpoint.tokenizer,
            Request(bars=bars, time_signature=metre),
            num=count,
            sampling=checkpoint.config.sampling,
            seed=seed,
            rosters=[entry["programs"] for entry in checkpoint.data["train"]],
        )
        for result in results:
            if result.score.note_num():
                yield read_midi(midi_bytes(result.score))[0]
