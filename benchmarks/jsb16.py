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
from benchmarks.runs import dataset_of, grid_models, table, with_mean
from benchmarks.sounding import SILENCE, Ints, hold_or_draw_costs, lm_view, mean_nats
from musegen.checkpoint.folder import load_checkpoint
from musegen.data.dataset import Dataset

VOICES = 4
POSITIONS = 4
SPLITS = ("valid", "test")
PUBLISHED = {"Coconet, chronological": 0.436, "Transformer": 0.417, "Music Transformer": 0.335}
"""Validation results, cited from memory."""


class Row(NamedTuple):
    """A line of the table, in nats per slot."""

    system: str
    valid: float
    test: float | None = None


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


def score(folder: Path, dataset: Dataset, pieces: Sequence[Chorale]) -> Row:
    """The line of a checkpoint.

    Raises:
        DataError: it is no language model of a grid of four voices, or a piece cannot be encoded.
    """
    checkpoint = load_checkpoint(folder)
    views = [lm_view(checkpoint, dataset, split, (POSITIONS, VOICES)) for split in SPLITS]
    spans = {piece.name: (0, len(piece.frames)) for piece in pieces}
    means = (mean_nats(checkpoint, view, split, spans) for view, split in zip(views, SPLITS, strict=True))
    return Row(folder.name, *(nats / VOICES for nats in means))


def trivial(pieces: Sequence[Chorale]) -> Row:
    """The line of a trivial baseline: a voice holds its pitch, or samples another one."""
    frames: dict[str, list[Ints]] = {split: [] for split in ("train", *SPLITS)}
    for piece in pieces:
        frames[piece.split].append(np.where(piece.frames < 0, SILENCE, piece.frames))
    costs = [sum(hold_or_draw_costs(frames["train"], frames[split])) for split in SPLITS]
    slots = [sum(each.size for each in frames[split]) for split in SPLITS]
    return Row("hold or sample a pitch", costs[0] / slots[0], costs[1] / slots[1])


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
    own = out / ("metres" if metres else "plain")
    pieces = list(read_pieces(data, metres))
    dataset = build_dataset(pieces, own)
    folders = grid_models(
        "lm", dataset, own / "seed", positions=POSITIONS, fixed=checkpoint, seeds=seeds, flags=flags
    )
    rows = [score(folder, dataset, pieces) for folder in folders]
    return [*with_mean(rows), trivial(pieces), *(Row(*each) for each in PUBLISHED.items())]
