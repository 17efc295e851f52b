"""Whether an accompaniment model reaches the targets set for it, on the test pieces of a dataset.

    python -m benchmarks.accompaniment CKPT DATASET [--samples 4] [--seed 0] [--json]

For voices (chorales): parallel fifths and octaves, crossed voices, notes out of range and chord tones,
compared with the composer's own voices. For other accompaniments (songs): similarity to the human one in
pitch classes, groove and density, compared with the accompaniment of a random training piece and with block
chords, by the paired differences over pieces. Definitions: musegen/evaluation/measures.py; sampling: the
checkpoint's settings.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from benchmarks.runner import benchmark
from musegen.checkpoint.folder import Checkpoint
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError
from musegen.evaluation.accompaniment import Values, measure_accompaniments
from musegen.evaluation.likelihood import model_view
from musegen.metrics.bootstrap import Interval, bootstrap_mean
from musegen.models.seq2seq import Seq2Seq

PARALLELS = 0.9
"""Parallel fifths and octaves together, per piece."""
CROSSING = 0.04
"""Share of the frames with crossed voices."""
CHORD_TONES = 0.05
"""Distance from the composer's rate."""
LIKENESSES = {"pitch_class_similarity": 1, "groove_similarity": 1, "log_density_ratio": -1}
"""1 where higher is better, -1 where lower is."""


class Bar(NamedTuple):
    """A target, and what was measured: means over pieces, with 95% bootstrap intervals."""

    what: str
    model: Interval
    beside: Interval
    """The composer's, or the baseline's."""
    wanted: str
    met: bool


def voice_bars(values: Values) -> Iterator[Bar]:
    """The targets for voices, compared with the composer's."""
    pair = values["model"], values["human"]
    model, human = (bootstrap_mean(own["parallel_fifths"] + own["parallel_octaves"]) for own in pair)
    met = model.mean <= PARALLELS
    yield Bar("parallel fifths and octaves per piece", model, human, f"at most {PARALLELS}", met)
    model, human = (bootstrap_mean(own["voice_crossing"]) for own in pair)
    yield Bar("share of frames crossed", model, human, f"at most {CROSSING}", model.mean <= CROSSING)
    model, human = (bootstrap_mean(own["range_errors"]) for own in pair)
    yield Bar("notes out of range per piece", model, human, "none", model.mean == 0)
    model, human = (bootstrap_mean(own["chord_tone_rate"]) for own in pair)
    met = abs(model.mean - human.mean) <= CHORD_TONES
    yield Bar("chord-tone rate", model, human, f"within {CHORD_TONES} of the composer's", met)


def song_bars(values: Values) -> Iterator[Bar]:
    """The targets for songs: for each similarity, the interval of the gain over each baseline is above 0."""
    for name, sign in LIKENESSES.items():
        for baseline in ("random_retrieval", "block_chords"):
            ours, theirs = values["model"][name], values[baseline][name]
            gain = bootstrap_mean(sign * (ours - theirs))
            wanted = f"better than {baseline.replace('_', ' ')}; better by {_shown(gain)}"
            yield Bar(
                name.replace("_", " "), bootstrap_mean(ours), bootstrap_mean(theirs), wanted, gain.low > 0
            )


def bars(values: Values) -> list[Bar]:
    """The targets for voices if the tracks are voices, else those for songs; both require the melody kept."""
    own = voice_bars(values) if "parallel_fifths" in values["model"] else song_bars(values)
    kept = [bootstrap_mean(values[system]["melody_preserved"]) for system in ("model", "human")]
    return [*own, Bar("melody kept", kept[0], kept[1], "always", kept[0].low == 1)]


def table(found: Sequence[Bar]) -> str:
    """The targets as text."""
    lines = [f"{'':<37}{'model':>22}{'reference':>22}"]
    for bar in found:
        numbers = f"{bar.what:<37}{_shown(bar.model):>22}{_shown(bar.beside):>22}"
        lines.append(f"{numbers}  {'met' if bar.met else 'NOT MET'} ({bar.wanted})")
    return "\n".join(lines)


def _shown(interval: Interval) -> str:
    mean, low, high = (f"{value:.3f}" for value in interval)
    return mean if low == high else f"{mean} ({low}–{high})"


def forbidding_parallels(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with its model in memory, for which parallel octaves and fifths are nearly impossible.

    Raises:
        ConfigError: the model does not write voices on a grid.
    """
    model = checkpoint.model
    parallel = model.decoder.parallel if isinstance(model, Seq2Seq) else None
    if parallel is None:
        raise ConfigError("--rules is for models that write voices on a grid")
    with torch.no_grad():
        parallel.bias[[0, 7]] = -50.0
    return replace(checkpoint, module=model)  # its exported graphs, if it has any, allow them


@benchmark(table)
def main(
    checkpoint: Checkpoint,
    dataset: Dataset,
    /,
    *,
    samples: int = 4,
    seed: int = 0,
    limit: int = sys.maxsize,
    rules: bool = False,
) -> list[Bar]:
    """Evaluate an accompaniment model, and compare it with the targets.

    Args:
        checkpoint: the folder of an accompaniment model
        dataset: a prepared dataset
        samples: accompaniments per piece
        seed: of the samples
        limit: the most pieces to use
        rules: forbid parallel octaves and fifths
    """
    view = model_view(checkpoint, dataset)
    if rules:
        checkpoint = forbidding_parallels(checkpoint)
    return bars(measure_accompaniments(checkpoint, dataset, view, samples=samples, seed=seed, limit=limit))
