"""Piano rolls under models of frames: nats per frame, as in Boulanger-Lewandowski (2012) and others.

    python -m benchmarks.frames --data ROLLS.mat [--seeds 3] [--out DIR] [train's flags]
    python -m benchmarks.frames --data ROLLS.mat --checkpoint CKPT

ROLLS is one of the published files: see benchmarks/piano_rolls.py, which scores language models on the same
frames. Training pieces are given to `musegen train frames` as MIDI, one frame per quarter note, with all its
flags (--model.output independent, nade or rbm). The rolls of the file are scored as they are: all frames but
the first of each piece, total nats over total frames. The likelihood of an RBM is estimated by annealed
importance sampling: "error" is the standard error of the estimate on the test set.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

from symusic import Score, TimeSignature, Track

from benchmarks.piano_rolls import PUBLISHED, Piece, read_rolls, rolls_of, switching
from benchmarks.runner import Flags, benchmark
from benchmarks.runs import dataset_of, table, train, with_mean
from musegen.checkpoint.folder import load_checkpoint
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError
from musegen.evaluation.frame_nats import CHAINS, STEPS, roll_nats
from musegen.models.frames import FrameModel
from musegen.music.rolls import Roll, put_roll

TICKS = 480


class Row(NamedTuple):
    """A line of the table, in nats per frame."""

    system: str
    valid: float | None = None
    test: float | None = None
    error: float | None = None


def as_score(roll: Roll) -> Score:
    """A roll as one track in 4/4, a frame per quarter note."""
    score = Score(TICKS)
    score.time_signatures.append(TimeSignature(0, 4, 4))
    score.tracks = [Track("Piano")]
    put_roll(score.tracks[0], roll, 1, TICKS)
    return score


def build_dataset(pieces: Sequence[Piece], out: Path) -> Dataset:
    """The musegen dataset of the pieces."""
    scores = (
        (f"{piece.split}/{piece.name}", as_score(roll))
        for piece in pieces
        for roll in rolls_of([piece], piece.split)
    )
    return dataset_of(scores, out / "frames-midi", out / "frames-data", "1")


def score(folder: Path, pieces: Sequence[Piece], *, chains: int, steps: int) -> Row:
    """The row of a checkpoint."""
    model = load_checkpoint(folder).model
    if not isinstance(model, FrameModel):
        raise ConfigError(f"{folder} is no model of frames: train one with musegen train frames")
    valid, test = (
        roll_nats(cast(FrameModel, model), rolls_of(pieces, split), chains=chains, steps=steps)
        for split in ("valid", "test")
    )
    return Row(folder.name, valid.per_frame, test.per_frame, test.error or None)


@benchmark(partial(table, title="nats per frame", digits=3))
def main(
    *,
    data: Path,
    seeds: int = 3,
    checkpoint: Path | None = None,
    chains: int = CHAINS,
    steps: int = STEPS,
    out: Path = Path("out/piano-rolls"),
    flags: Flags,
) -> list[Row]:
    """Train and score; the table also has a trivial baseline and published results.

    Args:
        data: a file of piano rolls such as JSB_Chorales.mat
        seeds: number of runs to average
        checkpoint: score this checkpoint instead of training
        chains: of the estimate for an RBM
        steps: of the estimate for an RBM
        out: folder for everything that is made
        flags: passed on to `musegen train`
    """
    if checkpoint and flags:
        raise ConfigError(f"{flags[0]} is a flag of training, but with --checkpoint nothing is trained")
    pieces, own = read_rolls(data), out / data.stem
    folders = [checkpoint] if checkpoint else []
    if checkpoint is None:
        dataset = build_dataset(pieces, own)
        for seed in range(seeds):
            words = ["--seed", str(seed), "--roll.positions", "1", *flags]
            folders.append(train("frames", dataset.path, own / f"frames-{seed}", *words))
    rows = with_mean([score(folder, pieces, chains=chains, steps=steps) for folder in folders])
    floor = switching(pieces)
    published = PUBLISHED.get(data.stem, {})
    rows.append(Row(floor.system, floor.valid, floor.test))
    return [*rows, *(Row(name, test=nats) for name, nats in published.items())]
