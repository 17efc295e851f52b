"""Whether generated music has the label that was requested, by a classifier of real music.

    python -m benchmarks.labels CKPT CLASSIFIER DATASET [--num 40] [--bars 8] [--guidance 0 1 2]
        [--split test] [--metre 4/4] [--seed 0] [--json]

The classifier was trained on the training pieces of the dataset alone, and so was the language model. It
labels the first bars of held-out real pieces; for each guidance pieces of the language model, as many of each
label, all in one metre and of the same number of bars; and, as the trivial system, training pieces of the
requested label (a perfect copy). Accuracy is balanced: the mean over the labels of the share of pieces that
are assigned to the label, with 95% bootstrap intervals over pieces within labels. "copied" is the share of
bars that some training piece has, on a grid of sixteenths (drums included). Target: with guidance 1 or more,
at least 80% of the accuracy on real pieces, and no step of guidance down beyond its interval.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from symusic import Score
from symusic.core import ScoreTick

from benchmarks.runner import benchmark, need_lm
from musegen.api.model import Model
from musegen.checkpoint.folder import Checkpoint
from musegen.cli.tables import print_facts, print_rows
from musegen.console import progress
from musegen.data.dataset import Dataset, IndexEntry
from musegen.data.piece_labels import label_pieces
from musegen.data.selection import select
from musegen.errors import ConfigError, MusegenError, attempt
from musegen.evaluation.labelling import classes_of
from musegen.generation.from_checkpoint import Wanted, generate_pieces
from musegen.generation.guidance import LabelRequest
from musegen.metrics.bootstrap import DRAWS, Interval
from musegen.music.excerpt import excerpt
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays
from musegen.music.reading.read import read_midi
from musegen.music.writing.midi import midi_bytes

WANTED = 0.8
"""The target, as a share of the accuracy on real pieces."""
GRID = 4
"""Positions per quarter note on which bars are compared."""
Bar = frozenset[tuple[int, int]]
"""The positions and pitches of a bar."""


def bars_of(score: Score) -> Iterator[Bar]:
    """The bars with notes, drums included."""
    lines = bar_ticks(score)
    columns = [note_arrays(track) for track in score.tracks if len(track.notes)]
    onsets, pitches = (np.concatenate([each[index] for each in columns]) for index in (0, 2))
    bar = np.searchsorted(lines, onsets, side="right") - 1
    place = np.round((onsets - lines[bar]) * GRID / score.tpq).astype(int)
    for number in np.unique(bar):
        own = bar == number
        yield frozenset(zip(place[own].tolist(), pitches[own].tolist(), strict=True))


def copied_bars(score: Score, known: set[Bar]) -> float:
    """The share of the bars of a score that are among known ones."""
    return float(np.mean([bar in known for bar in bars_of(score)]))


def balanced(hits: dict[str, list[bool]], seed: int) -> Interval:
    """The mean over labels of the share of hits, resampled within each label."""
    rng, rows = np.random.default_rng(seed), [np.array(each, np.float64) for each in hits.values()]
    drawn = [each[rng.integers(len(each), size=(DRAWS, len(each)))].mean(axis=1) for each in rows]
    low, high = np.quantile(np.mean(drawn, axis=0), [0.025, 0.975])
    return Interval(float(np.mean([each.mean() for each in rows])), float(low), float(high))


class Judge:
    """A classifier, and the bars of the training pieces.

    Args:
        model: the classifier.
        known: the bars.
        seed: of the intervals.
    """

    def __init__(self, model: Model, known: set[Bar], seed: int) -> None:
        self._model, self._known, self._seed = model, known, seed

    def row(self, scores: dict[str, list[Score]]) -> dict[str, Any]:
        """The figures of some pieces of each label."""
        hits: dict[str, list[bool]] = {}
        copies: list[float] = []
        for label, own in scores.items():
            found = [self._model.classify(score) for score in own]
            hits[label] = [each.label == label for each in found]
            copies += [copied_bars(score, self._known) for score in own]
        accuracy = balanced(hits, self._seed)
        each = {label: float(np.mean(own)) for label, own in hits.items()}
        return {
            "pieces": sum(map(len, hits.values())),
            "accuracy": accuracy.mean,
            "low": accuracy.low,
            "high": accuracy.high,
            "copied": float(np.mean(copies)),
            **each,
        }


def real(
    dataset: Dataset, checkpoint: Checkpoint, split: str, labels: Sequence[str], most: int | None, bars: int
) -> dict[str, list[Score]]:
    """The first bars of pieces of a split by label, at most so many of each."""
    found: dict[str, list[Score]] = {label: [] for label in labels}
    pieces: list[IndexEntry] = []
    for name in ("valid", "test") if split == "held-out" else (split,):
        pieces += dataset.split(name)
    for piece in pieces:
        own = next((label for label in piece.labels.values() if label in found), None)
        if own is None or (most is not None and len(found[own]) >= most):
            continue
        score = _beginning(dataset, checkpoint, piece, bars)
        if score is not None:
            found[own].append(score)
    return found


def _beginning(dataset: Dataset, checkpoint: Checkpoint, piece: IndexEntry, bars: int) -> ScoreTick | None:
    """The first bars with the tracks that the model reads; None if they have no notes."""
    chosen = attempt(select, dataset, piece, checkpoint.config.data)
    if isinstance(chosen, MusegenError):
        return None
    score = excerpt(chosen.score, 0, bars)
    return score if score.note_num() else None


def written(checkpoint: Checkpoint, label: str, num: int, guidance: float, **more: Any) -> list[Score]:
    """Pieces of the language model, read back from their files."""
    wanted = Wanted(num=num, labels=LabelRequest((label,), guidance), ends=False, **more)
    results = generate_pieces(checkpoint, wanted).results
    return [read_midi(midi_bytes(each.score))[0] for each in results if each.score.note_num()]


def shuffled(dataset: Dataset, seed: int) -> Dataset:
    """The same with its pieces in another order."""
    order = np.random.default_rng(seed).permutation(len(dataset.pieces))
    return Dataset(dataset.path, dataset.info, [dataset.pieces[number] for number in order])


def verdicts(rows: dict[str, dict[str, Any]], guidance: Iterable[float]) -> dict[str, str]:
    """Whether the targets are met."""
    held_out = rows["real, held out"]["accuracy"]
    by_guidance = [rows[f"guidance {each:g}"] for each in guidance]
    best = max(row["accuracy"] for row in by_guidance)
    down = [after["high"] < before["low"] for before, after in pairwise(by_guidance)]
    share = best / held_out if held_out else float("nan")
    return {
        "of the accuracy on real pieces": f"{share:.2f}, {'met' if share >= WANTED else 'NOT MET'}",
        "no step of guidance down": "NOT MET" if any(down) else "met",
    }


def show(found: dict[str, Any]) -> None:
    """Print the rows, and the verdicts below."""
    print_rows(found["rows"], "balanced accuracy with its interval, bars copied, accuracy of each label")
    print_facts({name: value for name, value in found.items() if name != "rows"})


@benchmark(show)
def main(
    checkpoint: Checkpoint,
    classifier: Checkpoint,
    dataset: Dataset,
    /,
    *,
    num: int = 40,
    bars: int = 8,
    guidance: Sequence[float] = (0.0, 1.0, 2.0),
    split: Literal["valid", "test", "held-out"] = "test",
    metre: str = "4/4",
    seed: int = 0,
) -> dict[str, Any]:
    """All figures.

    Args:
        checkpoint: the folder of a language model that knows labels
        classifier: the folder of a classifier of the same labels
        dataset: the dataset both were trained on
        num: pieces of each label
        bars: of each piece
        guidance: how closely labels are followed
        split: split of the real pieces; held-out: valid and test
        metre: time signature of the generated pieces
        seed: random seed
    """
    need_lm(checkpoint)
    labels = classes_of(classifier)
    names = {name.partition("=")[2] for name in checkpoint.config.model.labels}
    if missing := [label for label in labels if label not in names]:
        raise ConfigError(
            f"{checkpoint.path.name} does not know {', '.join(missing)}, as the classifier does"
        )
    named, _, _ = label_pieces(
        dataset, checkpoint.config.data, checkpoint.config.model.labels, lambda _: None
    )
    mixed, numerator_and_unit = shuffled(named, seed), tuple(map(int, metre.split("/")))
    train = real(named, checkpoint, "train", labels, None, 1 << 20)
    known = {bar for scores in train.values() for score in scores for bar in bars_of(score)}
    judge, rows = Judge(Model(classifier), known, seed), dict[str, dict[str, Any]]()
    rows["real, held out"] = judge.row(real(named, checkpoint, split, labels, None, bars))
    rows["copies of training pieces"] = judge.row(real(mixed, checkpoint, "train", labels, num, bars))
    more = {"seed": seed, "bars": bars, "time_signature": numerator_and_unit}
    for each in progress(guidance, len(guidance), "Writing"):
        own = {label: written(checkpoint, label, num, each, **more) for label in labels}
        rows[f"guidance {each:g}"] = judge.row(own)
    return {"rows": rows, "verdicts": verdicts(rows, guidance)}
