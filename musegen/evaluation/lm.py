"""Everything that is measured of a language model: its likelihood, and what it writes beside real music."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from symusic import Score

from musegen.checkpoint.folder import Checkpoint
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.evaluation.comparison import FEWEST, MusicSet, compare
from musegen.evaluation.likelihood import evaluate_checkpoint
from musegen.generation.pieces import generate
from musegen.generation.rejection import generate_ending
from musegen.generation.request import Request, Result
from musegen.metrics.features import FEATURES, features
from musegen.models.lm import LanguageModel
from musegen.music.excerpt import excerpt
from musegen.music.metre import bar_ticks
from musegen.music.reading.read import read_midi
from musegen.music.writing.midi import midi_bytes

SAMPLES = 50
"""Pieces that a model writes, unless another number is asked for."""
MOST_BARS = 40
"""Of a piece that is compared: of longer ones their first bars, on both sides; form depends on the length."""


class Written(NamedTuple):
    """What was compared."""

    real: MusicSet
    generated: MusicSet


class Form(NamedTuple):
    """What a piece is like on the outside."""

    metre: tuple[int, int]
    """With which it begins."""
    bars: int
    ends: bool
    """Whether its last bar is the end of the piece; it was cut else."""


def evaluate_lm(
    checkpoint: Checkpoint, dataset: Dataset, split: str = "test", *, samples: int = SAMPLES, seed: int = 0
) -> tuple[dict[str, Any], Written | None]:
    """Likelihood of a split; and music of the model's own held against the split, feature by feature.

    Args:
        checkpoint: of a language model.
        dataset: the music.
        split: "train", "valid", "test" or "all".
        samples: pieces that it writes, in the metres and as long as the split's pieces, of `MOST_BARS` bars
            at most as these are cut; fewer than 2: none are compared.
        seed: of all that is drawn.

    Returns:
        The figures, and what was compared; None where there is too little of either.

    Raises:
        DataError: the split is empty, or nothing in it can be encoded.
    """
    figures = evaluate_checkpoint(checkpoint, dataset, split)
    scores, forms = real_pieces(checkpoint, map(dataset.score, dataset.split(split)), MOST_BARS)
    if samples < 2 or len(scores) < FEWEST:
        return figures, None
    order = np.random.default_rng(seed).permutation(len(forms))
    chosen = [forms[order[i % len(forms)]] for i in range(samples)]
    found = music_set(checkpoint.path.name, progress(written(checkpoint, chosen, seed), samples, "Writing"))
    if found.pieces < 2:
        return figures, None
    real = progress(scores, len(scores), f"Measuring {dataset.name}")
    compared = Written(music_set(f"{dataset.name}, {split}", real), found)
    return figures | {"comparison": compare(*compared, seed=seed)}, compared


def real_pieces(checkpoint: Checkpoint, pieces: Iterable[Score], bars: int) -> tuple[list[Score], list[Form]]:
    """The pieces that a model can be held against, of so many bars at most, and their forms.

    Left out are those without notes, and those in a metre that the model does not know.
    """
    scores, forms = [], []
    for whole in pieces:
        form, score = form_of(whole, bars), excerpt(whole, 0, bars)
        if score.note_num() and form.metre in checkpoint.tokenizer.time_signatures:
            scores.append(score)
            forms.append(form)
    return scores, forms


def form_of(score: Score, most: int) -> Form:
    """The form of a score, of which so many bars are taken."""
    mark, bars = score.time_signatures[0], len(bar_ticks(score)) - 1
    return Form((mark.numerator, mark.denominator), min(bars, most), bars <= most)


def music_set(name: str, scores: Iterable[Score]) -> MusicSet:
    """The features of some scores; those without notes are left out."""
    rows = [features(score) for score in scores if score.note_num()]
    return MusicSet(name, {each: np.array([row[each] for row in rows]) for each in FEATURES}, [])


def written(
    checkpoint: Checkpoint, forms: Sequence[Form], seed: int, model: LanguageModel | None = None
) -> Iterator[Score]:
    """What a model writes, as it is read back from its file: a piece in each of the forms.

    Args:
        checkpoint: of a language model.
        forms: wanted; what is written comes in the order of their kinds.
        seed: of all that is drawn.
        model: another one than the checkpoint's own, of the same tokenizer.
    """
    model = model or checkpoint.model  # type: ignore[assignment]
    assert isinstance(model, LanguageModel)
    kinds = Counter(forms)
    # Of one seed the pieces of every kind would begin with the same numbers, and many kinds have but one.
    seeds = np.random.SeedSequence(seed).generate_state(len(kinds)).tolist()
    for (form, count), own_seed in zip(kinds.items(), seeds, strict=True):
        request = Request(bars=form.bars, time_signature=form.metre, ends=form.ends)

        def write(num: int, seed: int, request: Request = request) -> list[Result]:
            return generate(
                model,
                checkpoint.tokenizer,
                request,
                num=num,
                sampling=checkpoint.config.sampling,
                seed=seed,
                rosters=[entry["programs"] for entry in checkpoint.data["train"]],
            )

        share = checkpoint.data.get("ends_on_tonic", 0.0) if form.ends else 0.0
        for result in generate_ending(write, share, num=count, seed=own_seed):
            if result.score.note_num():
                yield read_midi(midi_bytes(result.score))[0]
