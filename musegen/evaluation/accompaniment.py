"""An accompaniment model and three baselines: the human accompaniment, another piece's, and block chords.

All accompany the same melodies and are measured in the same way, on their MIDI files read back.
"""

from collections.abc import Iterator
from typing import NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray
from symusic import Score

from musegen.checkpoint.folder import Checkpoint
from musegen.console import progress
from musegen.data.dataset import Dataset
from musegen.data.selection import select
from musegen.data.views import TokenView
from musegen.errors import DataError
from musegen.evaluation.baselines import MelodyAndScore, block_chords, random_retrieval
from musegen.evaluation.comparison import Evaluation, EvaluationArguments, samples_and_seed
from musegen.evaluation.filling import evaluate_filling
from musegen.evaluation.likelihood import model_view, split_likelihood
from musegen.evaluation.measures import MEASURES, Standards, measure, standards, without_melody
from musegen.evaluation.ngrams import likelihood_figures
from musegen.generation.assemble import join
from musegen.generation.from_checkpoint import generate_accompaniments
from musegen.metrics.bootstrap import bootstrap_mean
from musegen.music.writing.midi import midi_bytes
from musegen.tokenizers import GridTokenizer
from musegen.tokenizers.grid import UNNAMED

SAMPLED_IDS = 100_000
"""Number of tokens of the pieces that are accompanied by default: a few minutes on a CPU."""
LN2 = float(np.log(2))
SYSTEMS = ("model", "human", "random_retrieval", "block_chords")
Values = dict[str, dict[str, NDArray[np.float64]]]
"""The measures of each system, (pieces,) each: the mean over a piece's samples, NaN without a value."""


class Library(NamedTuple):
    """The training pieces, for retrieval and for reference."""

    pieces: dict[str, MelodyAndScore]
    """By name."""
    known: Standards


def evaluate_seq2seq(
    checkpoint: Checkpoint, dataset: Dataset, split: str = "test", **arguments: Unpack[EvaluationArguments]
) -> Evaluation:
    """Likelihood of a split, and the measures of every system, means over pieces with 95% intervals.

    Args:
        checkpoint: of an accompaniment model (seq2seq).
        dataset: the music.
        split: "train", "valid", "test" or "all".
        **arguments: `samples`, accompaniments per piece with the checkpoint's settings, by default 1, 0 for
            none, which leaves the likelihood alone; `seed`; and `limit`, the maximum number of pieces to
            accompany, evenly spread over the split, by default as many as have `SAMPLED_IDS` tokens. The
            likelihood is of all pieces.

    Raises:
        DataError: the split is empty, or nothing in it can be encoded.
    """
    (samples, seed), limit = samples_and_seed(arguments, 1), arguments.get("limit")
    view, own = model_view(checkpoint, dataset), dict[str, NDArray[np.float64]]()
    if checkpoint.config.fills:
        figures = evaluate_filling(checkpoint, dataset, view, split)
        samples = samples if can_accompany(checkpoint) else 0
    else:
        found = split_likelihood(checkpoint, dataset, view, split)
        figures = likelihood_figures(checkpoint, dataset, view, split, found)
        own |= {"nats_per_beat": found.nats / found.beats, "bits_per_note": found.nats / found.notes / LN2}
    if not samples:
        return Evaluation(figures)
    values = measure_accompaniments(checkpoint, dataset, view, split, samples=samples, seed=seed, limit=limit)
    values["model"] = own | values["model"]
    figures |= {
        "accompanied": len(values["model"]["chord_tone_rate"]),
        "samples": samples,
        "seed": seed,
        "systems": {system: _intervals(of_system) for system, of_system in values.items()},
    }
    return Evaluation(figures)


def can_accompany(checkpoint: Checkpoint) -> bool:
    """Whether a model writes the other tracks of a melody; not if only bars were missing in training."""
    config = checkpoint.config
    return config.pairs or (config.data.holes != "bars" and bool(checkpoint.tokenizer.config.programs))


def _intervals(values: dict[str, NDArray[np.float64]]) -> dict[str, dict[str, float]]:
    """Mean and interval of each measure with a value, in the order of `MEASURES`."""
    known = {name: values[name] for name in MEASURES if name in values and not np.isnan(values[name]).all()}
    return {name: bootstrap_mean(own)._asdict() for name, own in known.items()}


def measure_accompaniments(
    checkpoint: Checkpoint,
    dataset: Dataset,
    view: TokenView,
    split: str = "test",
    *,
    samples: int = 1,
    seed: int = 0,
    limit: int | None = None,
) -> Values:
    """The measures of every system by piece; see `evaluate_seq2seq` for the arguments."""
    indices = view.indices(split)
    if not indices:
        raise DataError(f"dataset {dataset.name} has no {split} pieces that the model can read")
    indices = _spread(indices, limit or max(1, int(SAMPLED_IDS / np.diff(view.offsets)[indices].mean())))
    library = _library(checkpoint, dataset, view)
    chords = list(library.known.ranges) if len(library.known.ranges) == 3 else ("Chords",)
    rows: dict[str, list[dict[str, float]]] = {}
    for index in progress(indices, len(indices), "Accompanying"):
        name = view.pieces[index].name
        piece = _piece(checkpoint, dataset, view, index)
        others = [other for title, other in library.pieces.items() if title != name]
        rng = np.random.default_rng(seed + index)
        made = {
            "model": _samples(checkpoint, piece, samples, seed + index),
            "human": [piece.score],
            "random_retrieval": [random_retrieval(piece, others, rng) for _ in range(samples) if others],
            "block_chords": [block_chords(piece, chords)],
        }
        human = _read_back(piece.score)
        for system, versions in made.items():
            found = [measure(_read_back(version), human, library.known) for version in versions]
            if found:
                rows.setdefault(system, []).append(_means(found))
    return {system: _columns(rows[system]) for system in SYSTEMS if system in rows}


def _spread(indices: list[int], count: int) -> list[int]:
    """At most `count` of the indices, evenly spread."""
    chosen = np.linspace(0, len(indices) - 1, min(count, len(indices))).round()
    return [indices[int(at)] for at in chosen]


def _library(checkpoint: Checkpoint, dataset: Dataset, view: TokenView) -> Library:
    """The training pieces of a dataset; copied bars count only if the checkpoint was trained on them."""
    indices = view.indices("train")
    pieces = {
        view.pieces[index].name: _piece(checkpoint, dataset, view, index)
        for index in progress(indices, len(indices), "Reading training pieces")
    }
    is_own = dataset.sha256 == checkpoint.data["dataset_sha256"]
    accompaniments = [without_melody(piece.score) for piece in pieces.values()]
    # A model that fills knows the voice of the melody, too.
    written = {track.name.strip().casefold() for score in accompaniments for track in score.tracks}
    known = standards(accompaniments, [name for name in _parts(checkpoint) if name.casefold() in written])
    return Library(pieces, known if is_own else known._replace(bars=frozenset()))


def _parts(checkpoint: Checkpoint) -> list[str]:
    """Names of the voices of the model; empty if its tracks are not single voices or have no names."""
    tokenizer = checkpoint.tokenizer
    names = [part.name for part in tokenizer.parts]
    named = isinstance(tokenizer, GridTokenizer) and not any(name.startswith(UNNAMED) for name in names)
    return names if named else []


def _piece(checkpoint: Checkpoint, dataset: Dataset, view: TokenView, index: int) -> MelodyAndScore:
    """A piece as the model sees it, the melody first."""
    accompaniment, melody, _ = select(dataset, view.pieces[index], checkpoint.config.data, pairs=True)
    assert melody is not None
    whole = accompaniment.copy()
    whole.tracks = [melody.tracks[0], *accompaniment.tracks]
    return MelodyAndScore(whole, 0)


def _samples(checkpoint: Checkpoint, piece: MelodyAndScore, num: int, seed: int) -> Iterator[Score]:
    """The model's accompaniments, with the melody as the first track."""
    melody = piece.score.copy()
    melody.tracks = piece.score.tracks[:1]
    for result in generate_accompaniments(checkpoint, melody, num=num, seed=seed):
        yield join(melody, result, 0).score


def _read_back(score: Score) -> Score:
    """The score written to MIDI and read back, without empty tracks."""
    read = Score.from_midi(midi_bytes(score, user_tracks=(0,)))
    read.tracks = [track for track in read.tracks if len(track.notes)]
    return read


def _means(found: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each measure over the samples with a value."""
    known = {name: [row[name] for row in found if not np.isnan(row.get(name, np.nan))] for name in MEASURES}
    return {name: float(np.mean(values)) for name, values in known.items() if values}


def _columns(rows: list[dict[str, float]]) -> dict[str, NDArray[np.float64]]:
    names = [name for name in MEASURES if any(name in row for row in rows)]
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}
