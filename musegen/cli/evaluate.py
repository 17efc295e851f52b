"""`musegen evaluate`: how well a model predicts music that it has not seen, and what it writes to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from musegen.cli.parse import Flag, parse
from musegen.cli.places import DATASETS, find_checkpoint, open_data
from musegen.cli.tables import print_facts, print_rows, print_systems
from musegen.console import print_json, say
from musegen.errors import ConfigError

if TYPE_CHECKING:
    from musegen.checkpoint import Checkpoint
    from musegen.data.dataset import Dataset


@dataclass(frozen=True)
class Evaluate:
    """Measure nats a token and bits a note on whole pieces; lower is better.

    A model of clips gives back the clips that stand nowhere in its training music, from the mean of their
    posterior, greedily: how many of their notes it finds again is measured, beside the nearest training clip.
    So is what it draws from its latent space, how smoothly it leads from clip to clip, and its sliders.

    An accompanist also accompanies the pieces' melodies, beside three yardsticks: the human accompaniment,
    that of a training piece drawn at random and moved into the key, and block chords from a rule.

    $ musegen evaluate checkpoints/mine
    $ musegen evaluate checkpoints/mine datasets/other --split valid --json
    $ musegen evaluate checkpoints/chorale --samples 4
    """

    checkpoint: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CKPT")]
    """A checkpoint's folder, or its name under ./checkpoints."""
    data: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")] = None
    """A dataset, a folder of music or a built-in corpus. Unset: the dataset the model was trained on."""
    split: Literal["train", "valid", "test"] = "test"
    """Which pieces."""
    samples: int | None = None
    """Accompaniments to each melody, of an accompanist (unset: 1); clips drawn from a latent space (200)."""
    seed: int | None = None
    """Of what is drawn. Unset: 0."""
    limit: int | None = None
    """Accompany at most so many melodies, or give back so many clips, evenly spread over the split. Unset: as
    many as take a few minutes: all 77 chorales of a test split, or a third of 100 songs, or 1,000 clips."""
    json: Flag = False
    """Print the result as JSON."""


def main(argv: list[str]) -> None:
    """Evaluate a checkpoint and print its figures."""
    arguments = parse(Evaluate, argv, prog="musegen evaluate")

    from musegen.checkpoint import load_checkpoint, write_metrics

    checkpoint = load_checkpoint(find_checkpoint(arguments.checkpoint), device=_device())
    dataset = open_data(arguments.data or str(DATASETS / checkpoint.dataset))
    figures = _figures(checkpoint, dataset, arguments)
    # What other music gives is no property of the checkpoint, nor what a part of the split gives.
    if dataset.sha256 == checkpoint.data["dataset_sha256"] and arguments.limit is None:
        try:
            write_metrics(checkpoint.path, checkpoint.metrics | {arguments.split: figures})
        except OSError as error:  # a checkpoint that may only be read has its figures all the same
            say(f"not written to metrics.json: {(error.strerror or str(error)).lower()}")
    if arguments.json:
        print_json(figures)
        return
    parts = ("systems", "samples", "interpolation", "sliders")
    print_facts({name: value for name, value in figures.items() if name not in parts})
    if "systems" in figures:
        from musegen.evaluation import measures, reconstruction

        print_systems(figures["systems"], measures.MEASURES | reconstruction.MEASURES)
    if "samples" in figures:
        _print_latent_space(figures)


def _figures(checkpoint: Checkpoint, dataset: Dataset, arguments: Evaluate) -> dict[str, Any]:
    from musegen.evaluation.accompaniment import evaluate_accompanist
    from musegen.evaluation.likelihood import evaluate_checkpoint
    from musegen.evaluation.vae import evaluate_vae

    names = ("samples", "seed", "limit")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if checkpoint.config.family == "seq2seq":
        return evaluate_accompanist(checkpoint, dataset, arguments.split, **given)
    if checkpoint.config.family == "vae":
        return evaluate_vae(checkpoint, dataset, arguments.split, **given)
    if given:
        raise ConfigError(
            f"--{next(iter(given))} is for accompanists and models of clips: {checkpoint.path.name} is of "
            f"family {checkpoint.config.family}; leave it out"
        )
    return evaluate_checkpoint(checkpoint, dataset, arguments.split)


def _print_latent_space(figures: dict[str, Any]) -> None:
    print_rows(figures["samples"], "clips drawn beside real ones: overlap of features, and what is copied")
    found = figures["interpolation"]
    if found["pairs"]:
        title = (
            f"interpolation of {found['pairs']} pairs, {found['num']} steps: Spearman of step and distance"
        )
        print_rows(found["systems"], title)
    if "sliders" in figures:
        rows = {
            name: row["spearman"] | {"missed": row["missed"], "notes": row["notes"]}
            for name, row in figures["sliders"]["sliders"].items()
        }
        print_rows(rows, "sliders: Spearman of what each (row) was set to with each attribute")
        print_rows(figures["sliders"]["corpus"], "the same between attributes of real clips")


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
