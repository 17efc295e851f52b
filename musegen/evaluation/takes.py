"""Evaluation of a performer: its medians and takes compared with how people played."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Unpack, cast

import numpy as np
import torch
from torch.nn import functional

from musegen.checkpoint.folder import Checkpoint
from musegen.config.performer import PerformerTrainConfig
from musegen.console import progress
from musegen.data.dataset import Dataset, IndexEntry
from musegen.data.selection import select
from musegen.errors import DataError
from musegen.evaluation.comparison import Evaluation, EvaluationArguments, samples_and_seed
from musegen.evaluation.likelihood import heading
from musegen.generation.takes import medians, predict, sample_takes
from musegen.metrics.overlap import overlap
from musegen.models.performer import QUANTITIES, SCALES, Performer, classes_of
from musegen.music.notes import Floats, Ints
from musegen.music.performance import DRUMS, Played, Sheet, frame_of, notes_of, played_beside, sheet_of

SAMPLES = 1
"""The default number of takes of each piece."""
MS_PER_SIXTEENTH = 15_000.0
"""At one quarter note per minute."""
SHOWN = {"shift": 30, "velocity": 32, "stretch": 24}
"""Bins of the distributions that are compared."""


class Performed(NamedTuple):
    """A piece: its score, and how it was played."""

    sheet: Sheet
    real: Played

    @property
    def ms_per_sixteenth(self) -> Floats:
        """(N,) the length of a 16th at each note, in milliseconds."""
        return MS_PER_SIXTEENTH / self.sheet.tempo

    @property
    def place(self) -> list[tuple[int, int]]:
        """Pitch and position in the bar of each note."""
        return list(zip(self.sheet.features[:, 0].tolist(), self.sheet.features[:, 2].tolist(), strict=True))


def performed_pieces(
    checkpoint: Checkpoint, dataset: Dataset, pieces: Sequence[IndexEntry]
) -> list[Performed]:
    """The pieces of a dataset as a performer sees them."""
    config = cast(PerformerTrainConfig, checkpoint.config)
    found = []
    for piece in pieces:
        score = select(dataset, piece, config.data).score
        notes = notes_of(score)
        sheet = sheet_of(notes, frame_of(score), config.score.positions)
        found.append(Performed(sheet, played_beside(notes, sheet, config.score.positions)))
    return found


def evaluate_performer(
    checkpoint: Checkpoint, dataset: Dataset, split: str = "test", **arguments: Unpack[EvaluationArguments]
) -> Evaluation:
    """Errors of the medians beside those of simpler systems, nats per note, and the overlap of takes.

    Args:
        checkpoint: of a performer.
        dataset: of played music.
        split: "train", "valid", "test" or "all".
        **arguments: `samples`, the takes of each piece, by default 1; and `seed`.

    Raises:
        DataError: the split is empty.
    """
    samples, seed = samples_and_seed(arguments, SAMPLES)
    pieces = performed_pieces(checkpoint, dataset, dataset.split(split))
    if not pieces:
        raise DataError(f"dataset {dataset.name} has no pieces in its split {split}")
    before = performed_pieces(checkpoint, dataset, dataset.split("train"))
    figures = heading(checkpoint, dataset, split) | compare_systems(checkpoint, before, pieces)
    if samples:
        figures["takes"] = compare_takes(checkpoint, pieces, num=samples, seed=seed)
    return Evaluation(figures)


def compare_systems(
    checkpoint: Checkpoint, before: Sequence[Performed], pieces: Sequence[Performed]
) -> dict[str, Any]:
    """Mean absolute errors of the medians of a performer, and of simpler systems.

    Args:
        checkpoint: of a performer.
        before: the training pieces, to which the simpler systems are fitted.
        pieces: what is predicted.
    """
    model = cast(Performer, checkpoint.model)
    usual = Usual.of(before)
    nats, notes = 0.0, 0
    predicted: dict[str, list[Played]] = {name: [] for name in ("score", "median", "model")}
    for piece in progress(pieces, len(pieces), "Playing"):
        logits = predict(model, piece.sheet)
        nats += _nats(logits, piece)
        notes += len(piece.sheet.tempo)
        predicted["score"].append(usual.on_the_grid(piece))
        predicted["median"].append(usual.by_place(piece))
        predicted["model"].append(medians(logits))
    systems = {name: errors(pieces, played) for name, played in predicted.items()}
    return {
        "pieces": len(pieces),
        "notes": notes,
        "nats_per_note": nats / notes,
        "bits_per_note": nats / notes / float(np.log(2)),
        "timing_error_ms": systems["model"]["timing_error_ms"],
        "velocity_error": systems["model"]["velocity_error"],
        "errors": systems,
    }


class Usual(NamedTuple):
    """How notes are played in general: medians over training pieces."""

    velocity: float
    shifts: Mapping[tuple[int, int], float]
    """In 16ths, by pitch and position in the bar."""
    velocities: Mapping[tuple[int, int], float]

    @classmethod
    def of(cls, pieces: Sequence[Performed]) -> "Usual":
        """The medians of some pieces."""
        places = np.array([place for piece in pieces for place in piece.place])
        shift = np.concatenate([piece.real.shift for piece in pieces])
        velocity = np.concatenate([piece.real.velocity for piece in pieces])
        found, which = np.unique(places, axis=0, return_inverse=True)
        order = np.argsort(which, kind="stable")
        groups = np.split(order, np.cumsum(np.bincount(which))[:-1])
        keys = [tuple(each) for each in found.tolist()]
        return cls(
            float(np.median(velocity)),
            {key: float(np.median(shift[own])) for key, own in zip(keys, groups, strict=True)},
            {key: float(np.median(velocity[own])) for key, own in zip(keys, groups, strict=True)},
        )

    def on_the_grid(self, piece: Performed) -> Played:
        """Every note on its position, all with one velocity."""
        nothing = np.zeros(len(piece.sheet.tempo))
        return Played(nothing, nothing + self.velocity, nothing)

    def by_place(self, piece: Performed) -> Played:
        """The medians by pitch and position in the bar."""
        shift = np.array([self.shifts.get(place, 0.0) for place in piece.place])
        velocity = np.array([self.velocities.get(place, self.velocity) for place in piece.place])
        return Played(shift, velocity, np.zeros(len(shift)))


def errors(pieces: Sequence[Performed], played: Sequence[Played]) -> dict[str, float]:
    """Mean absolute errors over all notes: of timing in milliseconds, and of velocity."""
    pairs = list(zip(pieces, played, strict=True))
    timing = [np.abs(own.shift - piece.real.shift) * piece.ms_per_sixteenth for piece, own in pairs]
    velocity = [np.abs(own.velocity - piece.real.velocity) for piece, own in pairs]
    return {
        "timing_error_ms": float(np.concatenate(timing).mean()),
        "velocity_error": float(np.concatenate(velocity).mean()),
    }


def compare_takes(
    checkpoint: Checkpoint, pieces: Sequence[Performed], *, num: int = 1, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Overlap of the distributions of takes with those of people, and of two halves of these, 0 to 1.

    Args:
        checkpoint: of a performer.
        pieces: as they were played; for the halves, every other piece.
        num: of takes of each.
        seed: of all random numbers.
    """
    model = cast(Performer, checkpoint.model)
    found = {}
    real = [_histograms([piece], [piece.real]) for piece in pieces]
    made = _histograms(*_sampled(model, pieces, num, seed))
    for name in QUANTITIES:
        own = np.array([each[name] for each in real])  # (pieces, bins)
        if own.sum():
            halves = own[::2].sum(axis=0), own[1::2].sum(axis=0)
            found[name] = {
                "takes": _overlap(own.sum(axis=0), made[name]),
                "halves": _overlap(*halves) if len(own) > 1 else float("nan"),
            }
    return found


def _sampled(
    model: Performer, pieces: Sequence[Performed], num: int, seed: int
) -> tuple[list[Performed], list[Played]]:
    takes = []
    for number, piece in enumerate(progress(pieces, len(pieces), "Playing")):
        logits = predict(model, piece.sheet)
        takes += [
            (piece, take)
            for take in sample_takes(model, piece.sheet, logits, num=num, seed=seed + number * 65_537)
        ]
    return [piece for piece, _ in takes], [take for _, take in takes]


def _histograms(pieces: Sequence[Performed], played: Sequence[Played]) -> dict[str, Ints]:
    """The counts of each quantity in equal bins, (bins,)."""
    counts = {}
    for name in QUANTITIES:
        low, width, classes = SCALES[name]
        values = np.concatenate(list(_values(pieces, played, name)))
        values = np.clip(values, low, low + width * classes)
        counts[name] = np.histogram(values, SHOWN[name], (low, low + width * classes))[0]
    return counts


def _values(pieces: Sequence[Performed], played: Sequence[Played], name: str) -> Iterator[Floats]:
    for piece, own in zip(pieces, played, strict=True):
        values = getattr(own, name)
        yield values[piece.sheet.features[:, 1] < DRUMS] if name == "stretch" else values


def _overlap(first: Ints, second: Ints) -> float:
    return float(overlap(first / first.sum(), second / second.sum()))


def _nats(logits: Mapping[str, torch.Tensor], piece: Performed) -> float:
    """The negative log-likelihood of how a piece was played, in nats."""
    total = 0.0
    is_pitched = torch.from_numpy(piece.sheet.features[:, 1] < DRUMS)
    for name in QUANTITIES:
        targets = classes_of(name, torch.from_numpy(np.asarray(getattr(piece.real, name), np.float64)))
        nats = functional.cross_entropy(logits[name], targets, reduction="none")
        total += float((nats * is_pitched if name == "stretch" else nats).sum())
    return total
