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

from benchmarks.allan_williams import sounding_spans
from benchmarks.runner import Flags, benchmark
from benchmarks.runs import checkpoints, dataset_of, table, train_grid, with_mean
from benchmarks.sounding import SILENCE, Bools, Ints, legal_ids, lm_view, piece_nats, sounding
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.data.dataset import Dataset
from musegen.errors import DataError
from musegen.tokenizers import Kind, Tables
from musegen.tokenizers.grid import MAX_VOICES

LOWEST = 21
"""MIDI pitch of the first key."""
TICKS = 480
BEFORE = 4
"""Quarter notes of the bar before each piece."""
CHORD = 72
"""Its highest pitch; each line is one semitone below the line above it."""
KEYS = {"train": "traindata", "valid": "validdata", "test": "testdata"}
PUBLISHED = {
    "JSB_Chorales": (
        ("LSTM, independent outputs", 8.45),
        ("TCN, independent outputs", 8.10),
        ("RNN-NADE", 5.56),
        ("LSTM-RTRBM", 4.72),
    ),
    "Nottingham": (
        ("GRU, independent outputs", 3.46),
        ("LSTM, independent outputs", 3.29),
        ("TCN, independent outputs", 3.07),
    ),
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
        rolls = {split: loadmat(path)[key][0] for split, key in KEYS.items()}
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
    states = sounding(ids, tables)
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
    frames = {piece.name: len(piece.lines) for piece in pieces}
    nats, count = 0.0, 0
    for index, each in piece_nats(checkpoint, view, view.indices(split), legal_lines):
        last = frames[Path(view.pieces[index].name).name]
        scored = each[BEFORE + 1 : BEFORE + last]
        assert len(scored) == last - 1
        nats, count = nats + float(scored.sum()), count + len(scored)
    return nats / count


def switching(pieces: Sequence[Piece]) -> Row:
    """The row of a baseline in which each key switches on or off independently, as often as in training.

    For each key it counts how often it sounds after a frame in which it did, and after one in which it did
    not, adding 0.5 to every count; the cost of a frame is the sum over the keys.
    """

    def keys(piece: Piece) -> Bools:
        return np.asarray((piece.lines[:, :, None] == np.arange(128)).any(axis=1))  # (frames, 128)

    counts = np.full((2, 2, 128), 0.5)  # [before, now, key]
    costs = {split: [0.0, 0] for split in ("valid", "test")}
    for piece in pieces:
        if piece.split == "train":
            rolls = keys(piece)
            for before in (0, 1):
                for now in (0, 1):
                    counts[before, now] += ((rolls[:-1] == before) & (rolls[1:] == now)).sum(axis=0)
    nats = -np.log(counts / counts.sum(axis=1, keepdims=True))
    for piece in pieces:
        if piece.split != "train":
            rolls = keys(piece).astype(np.int64)
            costs[piece.split][0] += float(nats[rolls[:-1], rolls[1:], np.arange(128)].sum())
            costs[piece.split][1] += len(rolls) - 1
    means = {split: total / frames for split, (total, frames) in costs.items() if frames}
    return Row("independent keys", **means)


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

    def train_one(seed: int) -> Path:
        return train_grid("lm", dataset, own / f"seed-{seed}", seed=seed, positions=1, flags=flags)

    pieces, own = read_rolls(data), out / data.stem
    dataset = build_dataset(pieces, own)
    rows = []
    for folder in checkpoints(checkpoint, seeds, flags, train_one):
        model = load_checkpoint(folder)
        rows.append(
            Row(folder.name, *(mean_nats(model, dataset, pieces, each) for each in ("valid", "test")))
        )
    published = PUBLISHED.get(data.stem, ())
    return [*with_mean(rows), switching(pieces), *(Row(name, test=nats) for name, nats in published)]
