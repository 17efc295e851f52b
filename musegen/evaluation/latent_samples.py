"""Similarity of a VAE's samples to real clips, and how much they copy."""

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import numpy as np
from symusic.core import ScoreTick

from musegen.config.autoencoder import VAETrainConfig
from musegen.data.novelty import NoveltyIndex, copied
from musegen.evaluation.clip_sets import ClipSet
from musegen.generation.clip_verbs import generate_clips
from musegen.generation.from_checkpoint import Wanted
from musegen.generation.latent import latent_of
from musegen.metrics.lines import intervals
from musegen.music.notes import note_arrays
from musegen.tokenizers.tables import Ints

SAMPLES = 200
"""The default number of clips of each system."""


def measure_samples(
    clips: ClipSet, index: NoveltyIndex | None, *, num: int = SAMPLES, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Samples compared with real clips: the overlap of each system with these, and how much it copies.

    The first system are real clips, the next as many others ("real, other half"); then clips sampled from the
    mixture fitted to the training clips ("mixture", the default of `musegen generate`), from the prior if
    there is one, and reconstructions of real clips ("given back"). Features that the real clips do not have,
    such as the intervals of drums, are left out.

    Args:
        clips: of the split, and the model.
        index: of the training pieces; None: how much is copied is not measured.
        num: clips of each system, at most half of the split.
        seed: of all random numbers.
    """
    rows: dict[str, dict[str, float]] = {}
    real: list[ScoreTick] = []
    for name, scores in _systems(clips, num, seed):
        real = real or scores
        sounding = [score for score in scores if score.note_num()]
        empty = {"empty": float(len(scores) - len(sounding))}
        rows[name] = overlaps(sounding, real) | _character(sounding, index) | empty
    return rows


def pitches_of(score: ScoreTick) -> Ints:
    """MIDI pitches of all notes."""
    return np.concatenate([np.zeros(0, np.int64), *(note_arrays(track)[2] for track in score.tracks)])


def durations_of(score: ScoreTick) -> Ints:
    """Durations of all notes in 24ths of a quarter note."""
    durations = np.concatenate([np.zeros(0, np.int64), *(note_arrays(track)[1] for track in score.tracks)])
    return np.asarray(np.round(durations * 24 / score.ticks_per_quarter), np.int64)


FEATURES: dict[str, Callable[[ScoreTick], Ints]] = {
    "pitch": pitches_of,
    "duration": durations_of,
    "interval": intervals,
}


def overlap(first: Ints, second: Ints) -> float:
    """Overlap of two distributions of integers: the sum over values of the smaller share, 0 to 1."""
    values = np.unique(np.concatenate([first, second]))
    shares = [np.searchsorted(np.sort(each), values, side="right") for each in (first, second)]
    p, q = (np.diff(counts, prepend=0) / max(1, counts[-1]) for counts in shares)
    return float(np.minimum(p, q).sum())


def overlaps(first: Sequence[ScoreTick], second: Sequence[ScoreTick]) -> dict[str, float]:
    """The overlap in each feature that the second set has."""
    values = {
        name: [np.concatenate([np.zeros(0), *map(read, each)]) for each in (first, second)]
        for name, read in FEATURES.items()
    }
    return {name: overlap(*each) for name, each in values.items() if len(each[1])}


def _character(scores: Sequence[ScoreTick], index: NoveltyIndex | None) -> dict[str, float]:
    """Mean number of notes, range in semitones, and how much is copied from training pieces."""
    if not scores:
        columns = ("notes", "range") + ("copied_run", "copied_whole") * (index is not None)
        return dict.fromkeys(columns, float("nan"))
    pitches = [pitches_of(score) for score in scores]
    shape = {"notes": float(np.mean([*map(len, pitches)])), "range": float(np.mean([*map(np.ptp, pitches)]))}
    if index is None:
        return shape
    found = [copied(score, index) for score in scores]
    whole = [each.longest >= len(each.runs) for each in found]
    return shape | {
        "copied_run": float(np.mean([each.longest for each in found])),
        "copied_whole": float(np.mean(whole)),
    }


def _systems(clips: ClipSet, num: int, seed: int) -> Iterator[tuple[str, list[ScoreTick]]]:
    """The clips of every system, the two real ones first."""
    drawn = clips.draw(2 * num, np.random.default_rng(seed))
    real, other = drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :]
    yield "real", [clips.score(int(index)) for index in real]
    yield "real, other half", [clips.score(int(index)) for index in other]
    has_prior = cast(VAETrainConfig, clips.checkpoint.config).is_variational
    for name, is_prior in {"mixture": False, **({"prior": True} if has_prior else {})}.items():
        generated = generate_clips(clips.checkpoint, Wanted(seed, len(real), prior=is_prior))
        yield name, [result.score for result in generated.results]
    z = np.stack([latent_of(clips.machine, clips.ids(int(index))) for index in other])
    yield "given back", clips.decode(z, [clips.metre(int(index)) for index in other])
