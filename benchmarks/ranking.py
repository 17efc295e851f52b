"""Whether the comparison of sets ranks music as it should: real music, then a model's, then random music.

    python -m benchmarks.ranking CKPT DATASET [--pieces 100] [--bars 40] [--seed 0] [--json]

Each set is compared with the test pieces of the dataset: other real pieces (validation split), pieces that
the model generates in the time signatures and lengths of the test pieces, pieces of the same model
untrained, the other real pieces with the pitches of each bar shuffled, and with pitches drawn at random
from the range of each track. All are cut to the same number of bars, because form depends on the length.
The reference for every row is the overlap of two halves of the test pieces, the highest that can be
expected.
"""

from typing import Any

import numpy as np
import torch
from symusic import Score

from benchmarks.runner import benchmark, need_lm
from musegen.checkpoint.build import build_model
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import number
from musegen.data.dataset import Dataset
from musegen.evaluation.comparison import MusicSet, compare
from musegen.evaluation.lm import MOST_BARS, music_set, real_pieces, written
from musegen.metrics.features import FEATURES
from musegen.models.lm import LanguageModel
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays, put_notes

ORDER = ("real", "model", "untrained", "shuffled in bars", "random pitches")
"""The order of the sets; the last three may come in any order after the model."""


def shuffled_in_bars(score: Score, rng: np.random.Generator) -> Score:
    """Each track with the pitches of every bar shuffled: bars keep their pitches and their rhythm."""
    bars, mixed = bar_ticks(score), score.copy()
    for track in mixed.tracks:
        onsets, durations, pitches, velocities = note_arrays(track)
        bar = np.searchsorted(bars, onsets, side="right")
        order = np.lexsort((rng.random(len(bar)), bar))
        put_notes(track, onsets, durations, pitches[order], velocities)
    return mixed


def random_pitches(score: Score, rng: np.random.Generator) -> Score:
    """Each track with random pitches from its range; the rhythm is unchanged."""
    noise = score.copy()
    for track in noise.tracks:
        onsets, durations, pitches, velocities = note_arrays(track)
        drawn = rng.integers(pitches.min(), pitches.max() + 1, len(pitches)) if len(pitches) else pitches
        put_notes(track, onsets, durations, drawn, velocities)
    return noise


def sets(checkpoint: Checkpoint, dataset: Dataset, pieces: int, bars: int, seed: int) -> dict[str, MusicSet]:
    """The test pieces, under "test", and every set of `ORDER`.

    Raises:
        ConfigError: the checkpoint is no language model.
    """
    need_lm(checkpoint)
    torch.manual_seed(seed)
    untrained = build_model(checkpoint.config, checkpoint.tokenizer).eval()
    assert isinstance(untrained, LanguageModel)
    rng = np.random.default_rng(seed)
    (test, forms), (other, _) = (
        real_pieces(checkpoint, map(dataset.score, dataset.split(split)[:pieces]), bars)
        for split in ("test", "valid")
    )
    made = {
        "test": test,
        "real": other,
        "model": written(checkpoint, forms, seed),
        "untrained": written(checkpoint, forms, seed, untrained),
        "shuffled in bars": [shuffled_in_bars(score, rng) for score in other],
        "random pitches": [random_pitches(score, rng) for score in other],
    }
    return {name: music_set(name, scores) for name, scores in made.items()}


def is_ranked(found: dict[str, dict[str, Any]]) -> bool:
    """Whether real music is above the model, and the model above all the others."""
    real, model, *others = (found[name]["overlap"] for name in ORDER)
    return bool(real > model > max(others))


def table(found: dict[str, dict[str, Any]]) -> str:
    """One row per feature, one column per set: the overlap with the test pieces, and that of their halves."""
    lines = [f"{'':<24}{'halves':>8}" + "".join(f"{name:>18}" for name in ORDER)]
    for name, row in found["real"]["features"].items():
        halves = number(row["halves"]["overlap"]["mean"], ".3f")
        cells = [number(found[each]["features"][name]["overlap"]["mean"], ".3f") for each in ORDER]
        lines.append(f"{FEATURES[name].label:<24}{halves:>8}" + "".join(f"{cell:>18}" for cell in cells))
    means = "".join(f"{found[each]['overlap']:>18.3f}" for each in ORDER)
    lines.append(f"{'geometric mean':<24}{found['real']['halves_overlap']:>8.3f}{means}")
    return "\n".join([*lines, "ranked as it should be" if is_ranked(found) else "NOT ranked as it should be"])


@benchmark(table, is_good=is_ranked)
def main(
    checkpoint: Checkpoint, dataset: Dataset, /, *, pieces: int = 100, bars: int = MOST_BARS, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """The comparison of every set with the test pieces.

    Args:
        checkpoint: the folder of a language model
        dataset: the dataset it was trained on
        pieces: the most pieces of each set
        bars: the most bars of each piece
        seed: random seed
    """
    made = sets(checkpoint, dataset, pieces, bars, seed)
    return {name: compare(made["test"], made[name], seed=seed) for name in ORDER}
