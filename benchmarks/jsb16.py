"""Bach's chorales in four voices on sixteenths: nats a note slot, as Coconet and its successors were scored.

    python -m benchmarks.jsb16 --data DATA [--metres AW] [--seeds 3] [--out DIR] [train's flags]
    python -m benchmarks.jsb16 --data DATA [--metres AW] --checkpoint CKPT

DATA is Jsb16thSeparated.json, the canonical split (229, 76 and 77 pieces): what each voice sounds at each
sixteenth, a pitch or silence. Every slot of every piece is scored, the first ones too, each given all before
it (soprano, alto, tenor, bass, then the next sixteenth); total nats over total slots. A repeated pitch counts
as held there: so in the grid's stream equal neighbours are held, the striking of a pitch that sounds is
masked, and the two writings are one to one (see benchmarks/sounding.py). Bar lines, metres and the end cost
nothing.

Without --metres all is in 4/4 from the first sixteenth on, as if nothing were known of bars. With --metres
AW, the folder of Allan and Williams, the model is told the true metre and pickup of each piece, which the
published models were not. Every flag of `musegen train lm` is passed on.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.allan_williams import Chorale, read_chorales, write_chorale
from benchmarks.sounding import SILENCE, hold_or_draw_costs, slot_nats
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.errors import DataError, MusegenError
from musegen.evaluation.likelihood import filled_up, length_batches, model_view, padded
from musegen.models.lm import LanguageModel
from musegen.tokenizers import GridTokenizer

VOICES = 4
SPLITS = ("valid", "test")
PUBLISHED = (
    ("Coconet, chronological", 0.436, None),
    ("Transformer", 0.417, None),
    ("Music Transformer", 0.335, None),
)
"""Validation, as recalled from the papers and not checked here."""


class Row(NamedTuple):
    """A line of the table, in nats a slot."""

    system: str
    valid: float
    test: float | None


def read_pieces(data: Path, metres: Path | None) -> Iterator[Chorale]:
    """The pieces of the canonical split, with their true metres if these are given."""
    if metres is not None:
        yield from read_chorales(metres)
        return
    for split, pieces in json.loads(data.read_text("utf-8")).items():
        for number, frames in enumerate(pieces):
            yield Chorale(
                name=f"{split}{number:03}",
                split=split,
                is_minor=False,
                metre=(4, 4),
                pickup=0,
                frames=np.array(frames, np.int64),
                notes=[],
            )


def build_dataset(pieces: Sequence[Chorale], out: Path) -> Dataset:
    """The pieces as MIDI files under OUT/midi, and the product's dataset of them, made once."""
    if not (out / "data").exists():
        for piece in pieces:
            write_chorale(piece, out / "midi", piece.split, "sixteenth")
        prepare(str(out / "midi"), out / "data", melody="Soprano")
    return Dataset.open(out / "data")


def train(dataset: Dataset, out: Path, seed: int, flags: Sequence[str]) -> Path:
    """Train a language model by the product's own command."""
    from musegen.cli.train import main as train_main

    words = ["lm", str(dataset.path), "--out", str(out), "--seed", str(seed), "--force"]
    train_main([*words, "--tokenizer", "grid", "--tokenizer.positions", "4", *flags])
    return out


def piece_nats(
    checkpoint: Checkpoint, dataset: Dataset, lengths: dict[str, int], split: str
) -> dict[str, float]:
    """The nats of each piece of a split, summed over its slots.

    Args:
        checkpoint: a language model that writes a grid of four voices on sixteenths.
        dataset: in which equal neighbours are held.
        lengths: of each piece in sixteenths.
        split: "valid" or "test".

    Raises:
        DataError: the checkpoint is another, or a piece cannot be encoded.
    """
    tokenizer, model = checkpoint.tokenizer, checkpoint.model
    if not isinstance(model, LanguageModel) or not isinstance(tokenizer, GridTokenizer):
        raise DataError(f"{checkpoint.path} is no language model that writes a grid")
    if (tokenizer.positions, tokenizer.voices) != (4, VOICES):
        raise DataError(f"{checkpoint.path} does not write four voices on sixteenths")
    view = model_view(checkpoint, dataset)
    indices = view.indices(split)
    if len(indices) < len(dataset.split(split)):
        raise DataError(f"not every {split} piece can be encoded: {view.skipped}")
    nats = {}
    for batch in length_batches(view, indices):
        _, ids = padded(view, batch, next(model.parameters()).device)
        with torch.inference_mode():
            logits, _ = model(ids[:, :-1], model.init_state(len(batch)))
        for row, index in enumerate(batch):
            each = slot_nats(logits[row].cpu(), view.stream(index), tokenizer.tables)
            begin = round(filled_up(view, index, tokenizer.tables) * tokenizer.positions)
            name = Path(view.pieces[index].name).name
            music = each[begin : begin + lengths[name]]
            assert len(music) == lengths[name], f"{name}: {len(music)} of {lengths[name]} sixteenths"
            nats[name] = float(music.sum())
    return nats


def score(folder: Path, dataset: Dataset, pieces: Sequence[Chorale]) -> Row:
    """The line of a checkpoint."""
    checkpoint = load_checkpoint(folder)
    lengths = {piece.name: len(piece.frames) for piece in pieces}
    means = []
    for split in SPLITS:
        nats = piece_nats(checkpoint, dataset, lengths, split)
        means.append(sum(nats.values()) / (VOICES * sum(lengths[name] for name in nats)))
    return Row(folder.name, *means)


def trivial(pieces: Sequence[Chorale]) -> Row:
    """The line of a system by which a voice goes on as it is, or draws another pitch."""
    frames = {
        split: [np.where(piece.frames < 0, SILENCE, piece.frames) for piece in pieces if piece.split == split]
        for split in ("train", *SPLITS)
    }
    means = [
        sum(hold_or_draw_costs(frames["train"], frames[split])) / sum(each.size for each in frames[split])
        for split in SPLITS
    ]
    return Row("hold or draw a pitch", *means)


def table(rows: Sequence[Row]) -> str:
    """The rows as text."""
    lines = [f"{'nats a slot':<28}{'valid':>8}{'test':>8}"]
    for each in rows:
        test = f"{each.test:>8.4f}" if each.test is not None else f"{'':>8}"
        lines.append(f"{each.system:<28}{each.valid:>8.4f}{test}".rstrip())
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.jsb16",
        description=__doc__.split("\n")[0] if __doc__ else None,
        allow_abbrev=False,
    )
    parser.add_argument("--data", type=Path, required=True, help="Jsb16thSeparated.json")
    parser.add_argument("--metres", type=Path, help="Allan and Williams' folder: tell the true metres")
    parser.add_argument("--seeds", type=int, default=3, help="runs to average (default 3)")
    parser.add_argument("--checkpoint", type=Path, help="score this one and train none")
    parser.add_argument("--out", type=Path, default=Path("out/jsb16"), help="for all that is made")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments, flags = parser.parse_known_args(argv)
    if arguments.checkpoint and flags:
        parser.error(f"{flags[0]} is a flag of training, and --checkpoint trains none")
    out = arguments.out / ("told" if arguments.metres else "plain")
    try:
        pieces = list(read_pieces(arguments.data, arguments.metres))
        dataset = build_dataset(pieces, out)
        folders = [arguments.checkpoint] if arguments.checkpoint else []
        seeds = range(0 if folders else arguments.seeds)
        folders += [train(dataset, out / f"seed-{seed}", seed, flags) for seed in seeds]
        rows = [score(folder, dataset, pieces) for folder in folders]
    except (MusegenError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if len(rows) > 1:
        means = (float(np.mean([row[column] for row in rows])) for column in (1, 2))
        rows.append(Row(f"mean of {len(rows)} seeds", *means))
    rows += [trivial(pieces), *(Row(*each) for each in PUBLISHED)]
    print(json.dumps([row._asdict() for row in rows], indent=2) if arguments.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
