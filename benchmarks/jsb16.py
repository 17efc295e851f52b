"""Bach's chorales in four voices on sixteenth notes: nats per slot, as scored by Coconet and its successors.

    python -m benchmarks.jsb16 --data DATA [--metres AW] [--seeds 3] [--out DIR] [train's flags]
    python -m benchmarks.jsb16 --data DATA [--metres AW] --checkpoint CKPT

DATA is Jsb16thSeparated.json, the canonical split (229, 76 and 77 pieces): what each voice sounds at each
sixteenth note, a pitch or silence. A slot is one voice at one sixteenth note. Every slot of every piece is
scored, including the first ones, given all slots before it (soprano, alto, tenor, bass, then the next
sixteenth note); total nats over total slots. In this data a repeated pitch counts as held: so equal
neighbours are held in the token sequence, striking a pitch that already sounds is masked, and the two
representations correspond one to one (see benchmarks/sounding.py). Bar lines, time signatures and the end
cost nothing.

Without --metres all pieces are in 4/4 from the first sixteenth note on, as if nothing were known of bars.
With --metres AW, the folder of Allan and Williams, the model receives the true time signature and pickup of
each piece, which the published models did not. Every flag of `musegen train lm` is passed on.
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.allan_williams import Chorale, chorale_score, read_chorales
from benchmarks.runner import Flags, benchmark
from benchmarks.runs import checkpoints, dataset_of, table, train_grid, with_mean
from benchmarks.sounding import SILENCE, hold_or_draw_costs, lm_view, piece_nats
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.data.dataset import Dataset
from musegen.evaluation.likelihood import filled_up

VOICES = 4
POSITIONS = 4
SPLITS = ("valid", "test")
PUBLISHED = (
    ("Coconet, chronological", 0.436, None),
    ("Transformer", 0.417, None),
    ("Music Transformer", 0.335, None),
)
"""Validation results, cited from memory."""


class Row(NamedTuple):
    """A line of the table, in nats per slot."""

    system: str
    valid: float
    test: float | None


def read_pieces(data: Path, metres: Path | None) -> Iterator[Chorale]:
    """The pieces of the canonical split, with their true time signatures if `metres` is set."""
    if metres is not None:
        yield from read_chorales(metres)
        return
    for split, pieces in json.loads(data.read_text("utf-8")).items():
        for number, frames in enumerate(pieces):
            sounds = np.array(frames, np.int64)
            yield Chorale(f"{split}{number:03}", split, False, (4, 4), 0, sounds, [])  # noqa: FBT003


def build_dataset(pieces: Sequence[Chorale], out: Path) -> Dataset:
    """The musegen dataset of the pieces."""
    scores = ((f"{each.split}/{each.name}", chorale_score(each, "sixteenth")) for each in pieces)
    return dataset_of(scores, out / "midi", out / "data", "Soprano")


def mean_nats(checkpoint: Checkpoint, dataset: Dataset, lengths: dict[str, int], split: str) -> float:
    """Nats per slot of a split.

    Args:
        checkpoint: a language model that writes a grid of four voices on sixteenths.
        dataset: of the pieces.
        lengths: of each piece in sixteenths.
        split: "valid" or "test".

    Raises:
        DataError: the checkpoint is no such model, or a piece cannot be encoded.
    """
    view, tables = lm_view(checkpoint, dataset, split, (POSITIONS, VOICES)), checkpoint.tokenizer.tables
    nats, slots = 0.0, 0
    for index, each in piece_nats(checkpoint, view, view.indices(split)):
        begin = round(filled_up(view, index, tables) * POSITIONS)
        name = Path(view.pieces[index].name).name
        music = each[begin : begin + lengths[name]]
        assert len(music) == lengths[name], f"{name}: {len(music)} of {lengths[name]} sixteenths"
        nats, slots = nats + float(music.sum()), slots + music.numel()
    return nats / slots


def score(folder: Path, dataset: Dataset, pieces: Sequence[Chorale]) -> Row:
    """The line of a checkpoint."""
    checkpoint = load_checkpoint(folder)
    lengths = {piece.name: len(piece.frames) for piece in pieces}
    return Row(folder.name, *(mean_nats(checkpoint, dataset, lengths, split) for split in SPLITS))


def trivial(pieces: Sequence[Chorale]) -> Row:
    """The line of a trivial baseline: a voice holds its pitch, or samples another one."""
    frames = {
        split: [np.where(piece.frames < 0, SILENCE, piece.frames) for piece in pieces if piece.split == split]
        for split in ("train", *SPLITS)
    }
    means = [
        sum(hold_or_draw_costs(frames["train"], frames[split])) / sum(each.size for each in frames[split])
        for split in SPLITS
    ]
    return Row("hold or sample a pitch", *means)


@benchmark(partial(table, title="nats per slot", digits=4))
def main(
    *,
    data: Path,
    metres: Path | None = None,
    seeds: int = 3,
    checkpoint: Path | None = None,
    out: Path = Path("out/jsb16"),
    flags: Flags,
) -> list[Row]:
    """Train and score; the table also has a trivial baseline and published results.

    Args:
        data: Jsb16thSeparated.json
        metres: Allan and Williams' folder, for the true time signatures
        seeds: number of runs to average
        checkpoint: score this checkpoint instead of training
        out: folder for everything that is made
        flags: passed on to `musegen train`
    """

    def train_one(seed: int) -> Path:
        return train_grid("lm", dataset, own / f"seed-{seed}", seed=seed, positions=POSITIONS, flags=flags)

    own = out / ("metres" if metres else "plain")
    pieces = list(read_pieces(data, metres))
    dataset = build_dataset(pieces, own)
    rows = [score(each, dataset, pieces) for each in checkpoints(checkpoint, seeds, flags, train_one)]
    return [*with_mean(rows), trivial(pieces), *(Row(*each) for each in PUBLISHED)]
