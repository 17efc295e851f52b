"""`musegen evaluate`: how well a model predicts music that it has not seen."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from musegen.cli.parse import Flag, parse
from musegen.cli.places import DATASETS, find_checkpoint, open_data
from musegen.cli.tables import print_facts
from musegen.console import print_json, say


@dataclass(frozen=True)
class Evaluate:
    """Measure nats a token and bits a note on whole pieces; lower is better.

    $ musegen evaluate checkpoints/mine
    $ musegen evaluate checkpoints/mine datasets/other --split valid --json
    """

    checkpoint: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CKPT")]
    """A checkpoint's folder, or its name under ./checkpoints."""
    data: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")] = None
    """A dataset, a folder of music or a built-in corpus. Unset: the dataset the model was trained on."""
    split: Literal["train", "valid", "test"] = "test"
    """Which pieces."""
    json: Flag = False
    """Print the result as JSON."""


def main(argv: list[str]) -> None:
    """Evaluate a checkpoint and print its figures."""
    arguments = parse(Evaluate, argv, prog="musegen evaluate")

    from musegen.checkpoint import load_checkpoint, write_metrics
    from musegen.evaluation.likelihood import evaluate_checkpoint

    checkpoint = load_checkpoint(find_checkpoint(arguments.checkpoint), device=_device())
    dataset = open_data(arguments.data or str(DATASETS / checkpoint.dataset))
    figures = evaluate_checkpoint(checkpoint, dataset, arguments.split)
    if dataset.sha256 == checkpoint.data["dataset_sha256"]:  # what other music gives is no property of it
        try:
            write_metrics(checkpoint.path, checkpoint.metrics | {arguments.split: figures})
        except OSError as error:  # a checkpoint that may only be read has its figures all the same
            say(f"not written to metrics.json: {(error.strerror or str(error)).lower()}")
    if arguments.json:
        print_json(figures)
    else:
        print_facts(figures)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
