"""Evaluation of a language model: its likelihood, and its music compared with real music."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Unpack

import numpy as np
from symusic import Score
from torch import nn

from musegen.checkpoint.folder import Checkpoint
from musegen.console import progress, say
from musegen.data.dataset import Dataset
from musegen.evaluation.comparison import (
    MIN_REAL_PIECES,
    Compared,
    Evaluation,
    EvaluationArguments,
    MusicSet,
    compare,
    samples_and_seed,
)
from musegen.evaluation.likelihood import model_view, split_likelihood
from musegen.evaluation.ngrams import likelihood_figures
from musegen.families import family_of, load
from musegen.generation.from_checkpoint import Wanted
from musegen.metrics.features import FEATURES, features
from musegen.music.excerpt import excerpt
from musegen.music.metre import bar_ticks
from musegen.music.reading.read import read_midi
from musegen.music.writing.midi import midi_bytes

SAMPLES = 50
"""The default number of pieces that a model generates."""
MOST_BARS = 40
"""Of longer pieces only the first bars are compared, on both sides: form depends on the length."""


class Form(NamedTuple):
    """The metre and length of a piece."""

    metre: tuple[int, int]
    """The first metre."""
    bars: int
    ends: bool
    """Whether the last bar is the end of the piece, which is not cut."""


def evaluate_lm(
    checkpoint: Checkpoint, dataset: Dataset, split: str = "test", **arguments: Unpack[EvaluationArguments]
) -> Evaluation:
    """Likelihood of a split, and generated music compared with the split, feature by feature.

    Args:
        checkpoint: of a language model.
        dataset: the music.
        split: "train", "valid", "test" or "all".
        **arguments: `samples`, pieces to generate, with the metres and lengths of the split's pieces, of at
            most `MOST_BARS` bars, by default `SAMPLES`; 0 for none; and `seed`.
            The likelihood is of the whole split, without a `limit`.

    Raises:
        DataError: the split is empty, or nothing in it can be encoded.
    """
    samples, seed = samples_and_seed(arguments, SAMPLES)
    view = model_view(checkpoint, dataset)
    found = split_likelihood(checkpoint, dataset, view, split)
    figures = likelihood_figures(checkpoint, dataset, view, split, found)
    return compared_with_real(checkpoint, dataset, split, figures, samples=samples, seed=seed)


def compared_with_real(
    checkpoint: Checkpoint, dataset: Dataset, split: str, figures: dict[str, Any], *, samples: int, seed: int
) -> Evaluation:
    """Figures with a comparison of generated pieces with those of a split, feature by feature.

    Args:
        checkpoint: of a model that generates pieces.
        dataset: the music.
        split: "train", "valid", "test" or "all".
        figures: of the model.
        samples: how many pieces it generates, with the metres and lengths of the split's pieces; 0 for none.
        seed: of all random numbers.
    """
    scores, forms = real_pieces(checkpoint, map(dataset.score, dataset.split(split)), MOST_BARS)
    if not samples:
        return Evaluation(figures)
    order = np.random.default_rng(seed).permutation(len(forms))
    chosen = [forms[order[i % len(forms)]] for i in range(samples if len(scores) >= MIN_REAL_PIECES else 0)]
    made = list(progress(written(checkpoint, chosen, seed), len(chosen), "Writing"))
    if len(made) < 2:
        say(
            f"the model's music is not compared with real music: {len(scores)} real pieces, of "
            f"{MIN_REAL_PIECES} or more, and {len(made)} of the model, of 2 or more"
        )
        return Evaluation(figures)
    real = progress(scores, len(scores), f"Measuring {dataset.name}")
    compared = Compared(music_set(f"{dataset.name}, {split}", real), music_set(checkpoint.path.name, made))
    return Evaluation(figures | {"comparison": compare(*compared, seed=seed)}, compared, made)


def real_pieces(checkpoint: Checkpoint, pieces: Iterable[Score], bars: int) -> tuple[list[Score], list[Form]]:
    """The pieces for a comparison with a model, cut to at most `bars` bars, and their forms.

    Pieces without notes and pieces in a metre that the model does not know are left out.
    """
    scores, forms = [], []
    for whole in pieces:
        form, score = form_of(whole, bars), excerpt(whole, 0, bars)
        if score.note_num() and form.metre in checkpoint.tokenizer.time_signatures:
            scores.append(score)
            forms.append(form)
    return scores, forms


def form_of(score: Score, most: int) -> Form:
    """The form of a score, cut to at most `most` bars."""
    mark, bars = score.time_signatures[0], len(bar_ticks(score)) - 1
    return Form((mark.numerator, mark.denominator), min(bars, most), bars <= most)


def music_set(name: str, scores: Iterable[Score]) -> MusicSet:
    """The features of some scores; scores without notes are left out."""
    rows = [features(score) for score in scores if score.note_num()]
    return MusicSet(name, {each: np.array([row[each] for row in rows]) for each in FEATURES}, [])


def written(
    checkpoint: Checkpoint, forms: Sequence[Form], seed: int, model: nn.Module | None = None
) -> Iterator[Score]:
    """Generate a piece in each of the forms; the scores are written to MIDI and read back.

    Args:
        checkpoint: of a model that generates pieces.
        forms: of the pieces; equal forms are generated together.
        seed: of all random numbers.
        model: instead of the checkpoint's own, with the same tokenizer.
    """
    checkpoint = replace(checkpoint, module=model or checkpoint.model)
    generate = load(family_of(checkpoint.config.family).verbs["generate"])
    counts = Counter(forms)
    # With one seed the pieces of every form would have the same random numbers, and most forms have one
    # piece.
    seeds = np.random.SeedSequence(seed).generate_state(len(counts)).tolist()
    for (form, count), own_seed in zip(counts.items(), seeds, strict=True):
        wanted = Wanted(own_seed, count, form.bars, form.metre, ends=form.ends)
        for result in generate(checkpoint, wanted).results:
            if result.score.note_num():
                yield read_midi(midi_bytes(result.score))[0]
