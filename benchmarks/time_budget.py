"""Training in a given time: what was asked, predicted and taken, what validation took, and the result.

    python -m benchmarks.time_budget lm folk --times 2m 8m

The time is from the first step to the last file.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytorch_lightning as pl

import musegen.training.train as training
from benchmarks.runner import Flags, benchmark
from musegen.api.datasets import open_data
from musegen.checkpoint.folder import load_checkpoint
from musegen.cli.parse import parse
from musegen.cli.train import Train
from musegen.config.ranges import seconds_in
from musegen.families import family_of
from musegen.training.budget import predicted


class Validations(pl.Callback):
    """Adds up the seconds of the validations, with what is written after each."""

    def __init__(self) -> None:
        self.seconds = self._began = 0.0

    def on_validation_start(self, _trainer: Any, _module: Any) -> None:
        """Begin."""
        self._began = time.monotonic()

    def on_validation_end(self, _trainer: Any, _module: Any) -> None:
        """End: this is the last callback."""
        self.seconds += time.monotonic() - self._began


def run(family: str, data: str, limit: str, words: list[str]) -> dict[str, Any]:
    """Train for a time; the figures of the run."""
    dataset, marks, forecast, watch = open_data(data), list[float](), list[float](), Validations()
    announce, callbacks = training._announce, training._callbacks  # noqa: SLF001

    def timed(run: Any, *rest: Any) -> None:
        announce(run, *rest)
        forecast.append(predicted(run.config, run.timing)[0])
        marks.append(time.monotonic())

    training._announce = timed  # type: ignore[assignment]  # noqa: SLF001
    training._callbacks = lambda *rest: [*callbacks(*rest), watch]  # noqa: SLF001
    default = Train(data=data, out=Path("-"), run=family_of(family).config())
    config = parse(Train, [data, "--out", "-", *words], prog="train", default=default).run
    config = replace(config, trainer=replace(config.trainer, max_time=limit))
    try:
        with TemporaryDirectory() as folder:
            out = training.train(config, dataset, Path(folder) / "out", say=lambda _: None)
            taken, checkpoint = time.monotonic() - marks[0], load_checkpoint(out)
    finally:
        training._announce, training._callbacks = announce, callbacks  # noqa: SLF001
    asked, settings = seconds_in(limit), checkpoint.config
    return {
        "asked": asked,
        "predicted": forecast[0],
        "taken": taken,
        "validation": watch.seconds / taken,
        "steps": settings.trainer.max_steps,
        "best step": checkpoint.metrics["step"],
        "hidden": settings.model.hidden_size,
        "batch": settings.optim.batch_tokens,
        "valid": {name: round(value, 4) for name, value in checkpoint.metrics["valid"].items() if value},
    }


def show(found: list[dict[str, Any]]) -> str:
    """A line for each run."""
    return "\n".join(
        "{asked:.0f} s asked, {predicted:.0f} predicted, {taken:.0f} taken, {validation:.1%} validation; "
        "hidden {hidden}, batches of {batch}, best at step {best step} of {steps}: {valid}".format(**each)
        for each in found
    )


@benchmark(show, is_good=lambda found: all(0.9 <= row["taken"] / row["asked"] <= 1.1 for row in found))
def main(family: str, data: str, /, *, times: Sequence[str], flags: Flags) -> list[dict[str, Any]]:
    """Train for each of some times.

    Args:
        family: lm, seq2seq or vae.
        data: a dataset, a folder of music or a built-in corpus.
        times: such as 2m 8m.
        flags: of musegen train.
    """
    rows = []
    for limit in times:
        rows.append(run(family, data, limit, flags))
        print(show(rows[-1:]), flush=True)
    return rows
