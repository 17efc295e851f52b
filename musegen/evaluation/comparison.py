"""Two sets of music, feature by feature: real music and generated, beside two random halves of the real."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray
from symusic import Score

from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.data.pool import parallel
from musegen.data.sources import Source, find_sources, read_source, single_pieces
from musegen.errors import DataError
from musegen.metrics.bootstrap import bootstrap_mean
from musegen.metrics.features import FEATURES, features
from musegen.metrics.overlap import Likeness, likeness
from musegen.music.reading.sandbox import Died

Floats = NDArray[np.float64]
DISTANT = 300
"""Pieces of a set between which distances are taken, drawn at random where there are more: their number grows
with the square."""
LEAST = 0.001
"""Overlap in the mean over features."""
FEWEST = 4
"""Real pieces, so that each half has two."""


class Unreadable(NamedTuple):
    """A file that is no music, and why."""

    path: str
    reason: str


class MusicSet(NamedTuple):
    """What was found of a set of music."""

    name: str
    values: dict[str, Floats]
    """Of each feature, (pieces, size); NaN where a piece has no value."""
    unreadable: list[Unreadable]

    @property
    def pieces(self) -> int:
        """How many could be read."""
        return len(next(iter(self.values.values())))


class Compared(NamedTuple):
    """What was held against each other."""

    real: MusicSet
    generated: MusicSet


class EvaluationArguments(TypedDict, total=False):
    """What `musegen evaluate` may ask of the models of a family; what is missing or None has its default."""

    samples: int | None
    """How many pieces, clips or accompaniments are drawn."""
    seed: int | None
    """Of all that is drawn; 0 by default."""
    limit: int | None
    """At most so many pieces or clips of the split are measured by what is written of them."""


def samples_and_seed(arguments: EvaluationArguments, samples: int) -> tuple[int, int]:
    """As they are in the arguments, by default so many samples and seed 0."""
    wanted = arguments.get("samples")
    return samples if wanted is None else wanted, arguments.get("seed") or 0


class Evaluation(NamedTuple):
    """What `musegen evaluate` says of a checkpoint."""

    figures: dict[str, Any]
    """Ready for JSON."""
    compared: Compared | None = None
    """Music of the model's own and real music, where there is enough of both."""


def measure_files(path: Path, *, workers: int | None = None) -> MusicSet:
    """The features of every music file under a folder, or of one; what cannot be read is listed.

    Raises:
        DataError: no music file is there, or none can be read.
    """
    sources = list(single_pieces(find_sources(path, None)))
    found: list[dict[str, Floats]] = []
    unreadable = []
    measured = parallel(_measure, sources, workers=workers)
    for source, result in zip(sources, progress(measured, len(sources), f"Measuring {path}"), strict=True):
        if isinstance(result, dict):
            found.append(result)
        else:
            reason = result.reason if isinstance(result, Died) else str(result)
            where = path / source.name if path.is_dir() else path
            unreadable.append(Unreadable(str(where), reason))
    if not found:
        raise DataError(f"{path}: none of its {len(sources)} files can be read: {unreadable[0].reason}")
    return MusicSet(str(path), _columns(found), unreadable)


def _measure(source: Source) -> dict[str, Floats] | str:
    """The features of a piece, or why it cannot be read."""
    intake = read_source(source)
    return intake.reason or features(Score.from_midi(intake.data))


def measure_dataset(dataset: Dataset, split: str | None = None) -> MusicSet:
    """The features of a dataset's pieces, of one split or of all.

    Raises:
        DataError: there is no such piece.
    """
    pieces = dataset.split(split) if split else dataset.pieces
    if not pieces:
        raise DataError(f"dataset {dataset.name} has no {split} pieces")
    scores = map(dataset.score, progress(pieces, len(pieces), f"Measuring {dataset.name}"))
    return MusicSet(
        f"{dataset.name}, {split}" if split else dataset.name, _columns(map(features, scores)), []
    )


def _columns(found: Iterable[dict[str, Floats]]) -> dict[str, Floats]:
    rows = list(found)
    return {name: np.stack([row[name] for row in rows]) for name in FEATURES}


def _lost(music: MusicSet) -> str:
    """What is missing in a set, to end a line with; empty where nothing is."""
    if not music.unreadable:
        return ""
    first, *others = music.unreadable
    more = f", nor can {len(others)} more" if others else ""
    return f"; {first.path} cannot be read ({first.reason}){more}"


def compare(real: MusicSet, generated: MusicSet, *, seed: int = 0) -> dict[str, Any]:
    """Means of each feature, and how alike the two sets are in it (see `Likeness`), with 95% intervals.

    Beside it the same of two random halves of the real set: no generated set is expected to be more
    like the real one than that. Intervals are bootstraps over pieces.

    Args:
        real: at least `FEWEST` pieces.
        generated: at least 2.
        seed: of what is drawn.

    Raises:
        DataError: too few pieces.
    """
    for each, fewest in ((real, FEWEST), (generated, 2)):
        if each.pieces < fewest:
            raise DataError(
                f"{each.name}: a comparison takes {fewest} pieces or more, here: {each.pieces}{_lost(each)}"
            )
    first, second = _halves(real, seed)
    found = {
        name: {
            **_side_by_side(name, (real, generated), ("real", "generated"), seed),
            "halves": _side_by_side(name, (first, second), ("first", "second"), seed),
        }
        for name in progress(FEATURES, len(FEATURES), "Comparing")
    }
    return {
        "real": _facts(real),
        "generated": _facts(generated),
        "overlap": _mean(found.values()),
        "halves_overlap": _mean(each["halves"] for each in found.values()),
        "seed": seed,
        "features": found,
    }


def _halves(music: MusicSet, seed: int) -> tuple[MusicSet, MusicSet]:
    order = np.random.default_rng(seed).permutation(music.pieces)
    cut = music.pieces // 2
    first, second = (
        music._replace(values={name: values[chosen] for name, values in music.values.items()})
        for chosen in (order[:cut], order[cut:])
    )
    return first, second


def _side_by_side(name: str, sets: Sequence[MusicSet], labels: tuple[str, str], seed: int) -> dict[str, Any]:
    """Of a feature the means of both sets, of a number, or histograms; overlap and divergence."""
    values = [_known(music.values[name]) for music in sets]
    drawn = [each[_some(len(each), seed)] for each in values]
    alike = likeness(*drawn, seed=seed)
    means = (
        {"mean": each.mean(axis=0).tolist() if len(each) else []}
        if each.shape[1] > 1
        else bootstrap_mean(each[:, 0], seed=seed)._asdict()
        for each in values
    )
    return {**dict(zip(labels, means, strict=True)), **_alike(alike, labels)}


def _alike(alike: Likeness, labels: tuple[str, str]) -> dict[str, Any]:
    return {
        "overlap": alike.overlap._asdict(),
        "kl": alike.kl._asdict(),
        "intra_inter": {
            labels[0]: {"overlap": alike.overlap_real.mean, "kl": alike.kl_real.mean},
            labels[1]: {"overlap": alike.overlap_generated.mean, "kl": alike.kl_generated.mean},
        },
    }


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values).any(axis=1)]


def _some(count: int, seed: int) -> NDArray[np.int64]:
    """The numbers of at most `DISTANT` of so many pieces."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:DISTANT])


def _mean(found: Iterable[dict[str, Any]]) -> float:
    """The geometric mean of the overlaps, so that what is wholly wrong is not made up for by the rest.

    Over the features that have a value; an overlap counts as `LEAST` or more.
    """
    overlaps = np.array([each["overlap"]["mean"] for each in found])
    return float(np.exp(np.log(np.maximum(overlaps[~np.isnan(overlaps)], LEAST)).mean()))


def _facts(music: MusicSet) -> dict[str, Any]:
    return {
        "name": music.name,
        "pieces": music.pieces,
        "unreadable": [each._asdict() for each in music.unreadable],
    }
