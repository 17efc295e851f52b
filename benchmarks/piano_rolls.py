"""Piano rolls: nats per frame given all earlier frames, as in Boulanger-Lewandowski (2012) and others.

    python -m benchmarks.piano_rolls --data ROLLS.mat [--seeds 3] [--out DIR] [train's flags]
    python -m benchmarks.piano_rolls --data ROLLS.mat --checkpoint CKPT

ROLLS is one of the published files (traindata, validdata, testdata: frames by 88 keys, one per quarter
note); reading it requires SciPy. A frame is a set of pitches, so it is represented as lines of a grid, the
highest pitch first, then silence, with equal neighbours of a line held. Each piece is preceded by one bar
with the same chord, so that every line is present; this bar is not scored, and indicates by how many
semitones a training piece was transposed. Ids that would break the order, or strike a pitch that sounds,
are masked: so the representation is one to one, and the sum over the lines is the exact joint -ln P of the
frame. All frames except the first of each piece are scored, total nats over total frames. Every flag of
`musegen train lm` is passed on.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from symusic import Note, Score, TimeSignature, Track

from benchmarks import sounding
from benchmarks.allan_williams import sounding_spans
from benchmarks.runner import Flags, benchmark
from benchmarks.runs import dataset_of, grid_models, table, with_mean
from benchmarks.sounding import SILENCE, Bools, Ints, legal_ids, lm_view
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.data.dataset import Dataset
from musegen.errors import DataError
from musegen.evaluation.frame_nats import switching_nats
from musegen.music.rolls import KEYS, LOWEST, Roll
from musegen.tokenizers import Kind, Tables
from musegen.tokenizers.grid import MAX_VOICES

TICKS = 480
BEFORE = 4
"""Quarter notes of the bar before each piece."""
CHORD = 72
"""Its highest pitch; each line is one semitone below the line above it."""
SPLITS = {"train": "traindata", "valid": "validdata", "test": "testdata"}
ALONE = "independent outputs"
PUBLISHED = {
    "JSB_Chorales": {f"LSTM, {ALONE}": 8.45, f"TCN, {ALONE}": 8.10, "RNN-NADE": 5.56, "LSTM-RTRBM": 4.72},
    "Nottingham": {f"GRU, {ALONE}": 3.46, f"LSTM, {ALONE}": 3.29, f"TCN, {ALONE}": 3.07},
}
"""Results on the test sets, by file name; some may rest on music transposed to a common key."""


class Row(NamedTuple):
    """A line of the table, in nats per frame."""

    system: str
    valid: float | None = None
    test: float | None = None


class Piece(NamedTuple):
    """A piece of the split."""

    name: str
    split: str
    lines: Ints
    """(frames, lines) the pitches of each frame from the highest down, then -1."""


def read_rolls(path: Path) -> list[Piece]:
    """The pieces of a file of rolls.

    Raises:
        DataError: it cannot be read, or a frame has more pitches than a grid has lines.
    """
    from scipy.io import loadmat

    try:
        rolls = {split: loadmat(path)[key][0] for split, key in SPLITS.items()}
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} is no file of piano rolls: {error}") from error
    lines = max(int(np.asarray(roll).sum(axis=1).max()) for pieces in rolls.values() for roll in pieces)
    if lines > MAX_VOICES:
        raise DataError(f"{path} has frames of {lines} pitches; a grid has at most {MAX_VOICES} lines")
    return [
        Piece(f"{split}{number:03}", split, ranked(np.asarray(roll), lines))
        for split, pieces in rolls.items()
        for number, roll in enumerate(pieces)
    ]


def ranked(roll: np.ndarray[Any, Any], lines: int) -> Ints:
    """The pitches of each frame of a roll (frames, 88) from the highest down, (frames, lines)."""
    keys = np.where(roll > 0, np.arange(roll.shape[1]) + LOWEST, -1)
    return np.asarray(-np.sort(-keys, axis=1)[:, :lines], np.int64)


def as_score(lines: Ints) -> Score:
    """A piece after the bar with the chord: one track per line, one quarter note per frame, in 4/4."""
    score = Score(TICKS)
    score.time_signatures.append(TimeSignature(0, 4, 4))
    score.tracks = [Track(f"Line {number + 1}") for number in range(lines.shape[1])]
    for number, track in enumerate(score.tracks):
        track.notes.append(Note(0, TICKS, CHORD - number, 80))
    for span in sounding_spans(lines, 1):
        onset = (BEFORE + span.onset) * TICKS
        score.tracks[span.voice].notes.append(Note(onset, span.duration * TICKS, span.pitch, 80))
    return score


def build_dataset(pieces: Sequence[Piece], out: Path) -> Dataset:
    """The musegen dataset of the pieces."""
    scores = ((f"{piece.split}/{piece.name}", as_score(piece.lines)) for piece in pieces)
    return dataset_of(scores, out / "midi", out / "data", "1")


def legal_lines(ids: Ints, tables: Tables) -> Bools:
    """The ids allowed at each slot, (frames * lines, V): on each line only pitches below the line above."""
    states = sounding.sounding(ids, tables)
    pitches = np.where(states == SILENCE, -1, states)
    above = np.concatenate([np.full_like(pitches[:, :1], SILENCE), pitches[:, :-1]], axis=1).ravel()
    before = np.concatenate([np.full_like(pitches[:1], -1), pitches[:-1]]).ravel()
    legal = legal_ids(ids, tables)
    legal[:, tables.ids(Kind.PITCH)] &= tables.pitch[tables.ids(Kind.PITCH)] < above[:, None]
    legal[before >= above] &= tables.kind != Kind.HOLD
    return legal


def mean_nats(checkpoint: Checkpoint, dataset: Dataset, pieces: Sequence[Piece], split: str) -> float:
    """Nats per frame of a split.

    Raises:
        DataError: the checkpoint is no language model of such a grid, or a piece cannot be encoded.
    """
    view = lm_view(checkpoint, dataset, split, (1, pieces[0].lines.shape[1]))
    spans = {piece.name: (BEFORE + 1, BEFORE + len(piece.lines)) for piece in pieces}
    return sounding.mean_nats(checkpoint, view, split, spans, legal_lines)


def switching(pieces: Sequence[Piece]) -> Row:
    """The row of the baseline of `switching_nats`."""
    costs = [
        switching_nats(rolls_of(pieces, "train"), rolls_of(pieces, split)) for split in ("valid", "test")
    ]
    return Row("independent keys", *(each.per_frame for each in costs))


def rolls_of(pieces: Sequence[Piece], split: str) -> list[Roll]:
    """The rolls of a split, (frames, KEYS) each."""
    keys = np.arange(LOWEST, LOWEST + KEYS)
    return [(each.lines[:, :, None] == keys).any(axis=1) for each in pieces if each.split == split]


@benchmark(partial(table, title="nats per frame", digits=3))
def main(
    *,
    data: Path,
    seeds: int = 3,
    checkpoint: Path | None = None,
    out: Path = Path("out/piano-rolls"),
    flags: Flags,
) -> list[Row]:
    """Train and score; the table also has a trivial baseline and published results.

    Args:
        data: a file of piano rolls such as JSB_Chorales.mat
        seeds: number of runs to average
        checkpoint: score this checkpoint instead of training
        out: folder for everything that is made
        flags: passed on to `musegen train`
    """
    pieces, own = read_rolls(data), out / data.stem
    dataset = build_dataset(pieces, own)
    folders = grid_models(
        "lm", dataset, own / "seed", positions=1, fixed=checkpoint, seeds=seeds, flags=flags
    )
    rows = []
    for folder, model in zip(folders, map(load_checkpoint, folders), strict=True):
        nats = (mean_nats(model, dataset, pieces, split) for split in ("valid", "test"))
        rows.append(Row(folder.name, *nats))
    published = PUBLISHED.get(data.stem, {})
    return [*with_mean(rows), switching(pieces), *(Row(name, test=nats) for name, nats in published.items())]
