"""Compare real and generated music, feature by feature, and two random halves of the real music."""

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
MAX_PIECES = 300
"""Maximum number of pieces of a set for distances, since these grow with its square."""
MIN_OVERLAP = 0.001
"""Minimum overlap in the mean over features."""
MIN_REAL_PIECES = 4
"""Minimum number of real pieces, so that each half has two."""


class Unreadable(NamedTuple):
    """A file that cannot be read, and why."""

    path: str
    reason: str


class MusicSet(NamedTuple):
    """The features of a set of music."""

    name: str
    values: dict[str, Floats]
    """(pieces, size) of each feature; NaN where a piece has no value."""
    unreadable: list[Unreadable]

    @property
    def pieces(self) -> int:
        """The number of pieces that could be read."""
        return len(next(iter(self.values.values())))

    @property
    def measured(self) -> list[str]:
        """The features that have a value in some piece."""
        return [name for name, values in self.values.items() if not np.isnan(values).any(axis=1).all()]


class Compared(NamedTuple):
    """The two sets that were compared."""

    real: MusicSet
    generated: MusicSet


class EvaluationArguments(TypedDict, total=False):
    """Options of `musegen evaluate`; those that are missing or None have their defaults."""

    samples: int | None
    """How many pieces, clips or accompaniments are generated; 0 for none."""
    seed: int | None
    """Of all random numbers; default: 0."""
    limit: int | None
    """The maximum number of pieces to accompany or of clips to reconstruct."""
    folds: str | None
    """Of a cross-validation: how many, or "leave-one-out"."""


def samples_and_seed(arguments: EvaluationArguments, samples: int) -> tuple[int, int]:
    """The number of samples and the seed in the arguments, or their defaults: `samples` and 0."""
    wanted = arguments.get("samples")
    return samples if wanted is None else wanted, arguments.get("seed") or 0


class Evaluation(NamedTuple):
    """The result of `musegen evaluate`."""

    figures: dict[str, Any]
    """Ready for JSON."""
    compared: Compared | None = None
    """Generated and real music, if there is enough of both."""
    samples: Sequence[Score] = ()
    """The generated pieces of `compared`."""


def measure_files(path: Path, *, workers: int | None = None) -> MusicSet:
    """The features of every music file in a folder, or of one file; unreadable files are listed.

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


def _unread(music: MusicSet) -> str:
    """The end of a message about unreadable files; empty if there are none."""
    if not music.unreadable:
        return ""
    first, *others = music.unreadable
    more = f", nor can {len(others)} more" if others else ""
    return f"; {first.path} cannot be read ({first.reason}){more}"


def compare(real: MusicSet, generated: MusicSet, *, seed: int = 0) -> dict[str, Any]:
    """Means of each feature, and the similarity of the two sets in it (see `Likeness`), with 95% intervals.

    A feature without a value in any real piece, such as the intervals of drums, is left out. Where only
    other pieces lack one, such as all generated ones, their numbers are None.

    It also compares two random halves of the real set: no generated set is expected to be more similar to the
    real one than these. Intervals are bootstraps over pieces.

    Args:
        real: at least `MIN_REAL_PIECES` pieces.
        generated: at least 2.
        seed: of all random numbers.

    Raises:
        DataError: too few pieces.
    """
    for each, least in ((real, MIN_REAL_PIECES), (generated, 2)):
        if each.pieces < least:
            raise DataError(
                f"{each.name}: a comparison needs {least} pieces or more, here: {each.pieces}{_unread(each)}"
            )
    first, second = _halves(real, seed)
    found = {
        name: {
            **_side_by_side(name, (real, generated), ("real", "generated"), seed),
            "halves": _side_by_side(name, (first, second), ("first", "second"), seed),
        }
        for name in progress(real.measured, len(real.measured), "Comparing")
    }
    return {
        "real": _facts(real),
        "generated": _facts(generated),
        "overlap": _mean(found.values()),
        "halves_overlap": _mean(each["halves"] for each in found.values()),
        "seed": seed,
        "features": {name: _null_for_nan(each) for name, each in found.items()},
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
    """The means (or mean histograms) of a feature in both sets, and their overlap and divergence."""
    values = [each[~np.isnan(each).any(axis=1)] for each in (music.values[name] for music in sets)]
    # At most `MAX_PIECES` of each set, in their order.
    drawn = [
        each[np.sort(np.random.default_rng(seed).permutation(len(each))[:MAX_PIECES])] for each in values
    ]
    similarity = likeness(*drawn, seed=seed)
    means = (
        {"mean": each.mean(axis=0).tolist() if len(each) else []}
        if each.shape[1] > 1
        else bootstrap_mean(each[:, 0], seed=seed)._asdict()
        for each in values
    )
    return {**dict(zip(labels, means, strict=True)), **_similarity(similarity, labels)}


def _similarity(similarity: Likeness, labels: tuple[str, str]) -> dict[str, Any]:
    return {
        "overlap": similarity.overlap._asdict(),
        "kl": similarity.kl._asdict(),
        "intra_inter": {
            labels[0]: {"overlap": similarity.overlap_real.mean, "kl": similarity.kl_real.mean},
            labels[1]: {"overlap": similarity.overlap_generated.mean, "kl": similarity.kl_generated.mean},
        },
    }


def _mean(found: Iterable[dict[str, Any]]) -> float:
    """The geometric mean of the overlaps, so that one that is completely wrong counts.

    Over the features with a value; overlaps are at least `MIN_OVERLAP`.
    """
    overlaps = np.array([each["overlap"]["mean"] for each in found])
    return float(np.exp(np.log(np.maximum(overlaps[~np.isnan(overlaps)], MIN_OVERLAP)).mean()))


def _null_for_nan(value: Any) -> Any:
    """Nested dicts with None in place of NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {name: _null_for_nan(each) for name, each in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value


def _facts(music: MusicSet) -> dict[str, Any]:
    return {
        "name": music.name,
        "pieces": music.pieces,
        "unreadable": [each._asdict() for each in music.unreadable],
    }
