"""Fine-tuning on a few tunes: bits per note on unseen ones, before and after.

    python -m benchmarks.fine_tuning folk nottingham/MIDI/melody openewld bach-chorales essenFolksong

For each source three draws of 20 tunes (of pieces with several tracks the melody), on which the checkpoint is
fine-tuned with default settings, and 60 others on which both are measured. `--old` fine-tunes as musegen 1.0
did: the learning rate and the steps of a training from nothing.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.runner import benchmark
from musegen.api.datasets import open_data
from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.config.settings import TrainConfig
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.evaluation.likelihood import model_view, split_likelihood, total_figures
from musegen.music.writing.midi import write_score
from musegen.training.train import train

TUNES, UNSEEN = 20, 60
OLD = {"optim.lr": 5e-3, "trainer.max_steps": 200, "trainer.val_check_interval": 25}


def drawn(dataset: Dataset, seed: int, folder: Path) -> tuple[Dataset, Dataset]:
    """Datasets of some tunes and of others."""
    pieces = [piece for piece in dataset.pieces if piece.melody >= 0]
    chosen = random.Random(f"{dataset.name}{seed}").sample(pieces, TUNES + UNSEEN)  # noqa: S311
    for number, piece in enumerate(chosen):
        score = dataset.score(piece)
        melody = score.tracks[piece.melody]
        score.tracks.clear()
        score.tracks.append(melody)
        write_score(score, folder / ("mine" if number < TUNES else "unseen") / f"{number:03}.mid")
    whole = folder / "test.csv"
    whole.write_text("".join(f"{number:03}.mid,test\n" for number in range(TUNES, TUNES + UNSEEN)))
    mine = prepare(str(folder / "mine"), folder / "datasets" / "mine")
    return mine, prepare(str(folder / "unseen"), folder / "datasets" / "unseen", split=whole)


def bits_per_note(checkpoint: Checkpoint, dataset: Dataset) -> float:
    """Of the test split under a checkpoint."""
    found = split_likelihood(checkpoint, dataset, model_view(checkpoint, dataset), "test")
    return float(total_figures(found)["bits_per_note"])


def show(found: dict[str, Any]) -> str:
    """A line for each draw, and the mean change."""
    lines = ["source draw before after change"]
    lines += [
        "{source} {draw} {before:.3f} {after:.3f} {change:+.1%}".format(**row) for row in found["draws"]
    ]
    return "\n".join([*lines, f"mean change {found['mean']:+.1%}, worst {found['worst']:+.1%}"])


@benchmark(show, is_good=lambda found: found["mean"] <= -0.08 and found["worst"] <= 0)
def main(
    checkpoint: Checkpoint, sources: Sequence[str], /, *, draws: int = 3, old: bool = False
) -> dict[str, Any]:
    """Fine-tune a language model on a few tunes of each source.

    Args:
        checkpoint: a language model of melodies.
        sources: folders of music, datasets or built-in corpora.
        draws: of each source.
        old: with the settings of a training from nothing.
    """
    rows = list[dict[str, Any]]()
    for name in sources:
        dataset = open_data(name)
        for draw in range(draws):
            with TemporaryDirectory() as folder:
                mine, unseen = drawn(dataset, draw, Path(folder))
                config, fixed = TrainConfig(), frozenset[str]()
                if old:
                    optim = replace(config.optim, lr=OLD["optim.lr"])
                    trainer = replace(config.trainer, max_steps=200, val_check_interval=25)
                    config, fixed = replace(config, optim=optim, trainer=trainer), frozenset(OLD)
                out = train(config, mine, Path(folder) / "out", init=checkpoint.path, fixed=fixed)
                before, after = (bits_per_note(each, unseen) for each in (checkpoint, load_checkpoint(out)))
            row = {"source": dataset.name, "draw": draw, "before": before, "after": after}
            rows.append(row | {"change": after / before - 1})
            print(show({"draws": rows[-1:], "mean": 0, "worst": 0}).splitlines()[1], flush=True)
    changes = [float(row["change"]) for row in rows]
    return {"draws": rows, "mean": sum(changes) / len(changes), "worst": max(changes)}
