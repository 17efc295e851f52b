"""`musegen evaluate`: how well a model predicts music that it has not seen, and what it writes to it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import tyro

from musegen.api.datasets import open_data, training_data
from musegen.checkpoint.names import find_checkpoint, released_models
from musegen.cli.compare import print_comparison
from musegen.cli.outputs import output_folder
from musegen.cli.parse import Flag, parse
from musegen.cli.tables import print_facts, print_rows, print_systems
from musegen.config.ranges import ONE_UP, SEED, setting
from musegen.console import print_json, say
from musegen.errors import ConfigError
from musegen.families import family_of, load
from musegen.files import refuse_taken, write_json

if TYPE_CHECKING:
    from musegen.checkpoint.folder import Checkpoint
    from musegen.data.dataset import Dataset


@dataclass(frozen=True)
class Evaluate:
    """Measure nats a token and bits a note on whole pieces; lower is better.

    A language model also writes pieces in the metres and as long as the split's pieces, which are held
    against these feature by feature, as `musegen compare` does; of pieces longer than 40 bars the first 40.

    A model of clips gives back the clips that stand nowhere in its training music, from the mean of their
    posterior, greedily: how many of their notes it finds again is measured, beside the nearest training clip.
    So is what it draws from its latent space, how smoothly it leads from clip to clip, and its sliders.

    An accompanist also accompanies the pieces' melodies, beside three yardsticks: the human accompaniment,
    that of a training piece drawn at random and moved into the key, and block chords from a rule.

    $ musegen evaluate checkpoints/mine
    $ musegen evaluate checkpoints/mine datasets/other --split valid --json
    $ musegen evaluate folk my-midis --split all
    $ musegen evaluate checkpoints/chorale --samples 4
    """

    checkpoint: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CKPT")]
    """A checkpoint's folder, its name under ./checkpoints, or an installed model (`musegen models`)."""
    data: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")] = None
    """A dataset, a folder of music or a built-in corpus. Unset: the dataset the model was trained on."""
    split: Literal["train", "valid", "test", "all"] = "test"
    """Which pieces; of music that the model was not trained on, all of them may be meant."""
    samples: int | None = setting(None, (lambda value: 1 <= value <= 1000, "from 1 to 1000"))
    """Accompaniments to each melody, of an accompanist (unset: 1); clips drawn from a latent space (200);
    pieces of a language model's own (50; from 2 up)."""
    seed: int | None = setting(None, SEED)
    """Of what is drawn. Unset: 0."""
    limit: int | None = setting(None, ONE_UP)
    """Accompany at most so many melodies, or give back so many clips, evenly spread over the split. Unset: as
    many as take a few minutes: all 77 chorales of a test split, or a third of 100 songs, or 1,000 clips."""
    out: Path | None = None
    """A folder for evaluation.json and, of a language model, comparison.png, distributions side by side."""
    force: Flag = False
    """Write into a folder that is not empty; what is there under these names is replaced."""
    json: Flag = False
    """Print the result as JSON."""


def main(argv: list[str]) -> None:
    """Evaluate a checkpoint and print its figures."""
    arguments = parse(Evaluate, argv, prog="musegen evaluate")

    if arguments.out:
        refuse_taken(arguments.out, force=arguments.force)

    import torch

    from musegen.checkpoint.folder import load_checkpoint, write_metrics

    device = "cuda" if torch.cuda.is_available() else "cpu"
    checkpoint = load_checkpoint(find_checkpoint(arguments.checkpoint), device=device)
    dataset = open_data(arguments.data) if arguments.data else training_data(checkpoint.dataset)
    with output_folder(arguments.out) if arguments.out else nullcontext():
        figures = _figures(checkpoint, dataset, arguments)
        if arguments.out:
            write_json(arguments.out / "evaluation.json", figures)
    # What other music gives is no property of the checkpoint, nor what a part of the split gives.
    # A model that comes with musegen keeps the figures that it came with.
    is_own = checkpoint.path not in released_models().values()
    if dataset.sha256 == checkpoint.data["dataset_sha256"] and arguments.limit is None and is_own:
        try:
            write_metrics(checkpoint.path, checkpoint.metrics | {arguments.split: figures})
        except OSError as error:  # a checkpoint that may only be read has its figures all the same
            say(f"not written to metrics.json: {(error.strerror or str(error)).lower()}")
    if arguments.json:
        print_json(figures)
        return
    parts = ("systems", "samples", "interpolation", "sliders", "comparison", "by_kind")
    tables = {name for name in parts if isinstance(figures.get(name), dict)}
    print_facts({name: value for name, value in figures.items() if name not in tables})
    if "by_kind" in figures:
        print_rows(figures["by_kind"], "by kind of token")
    if "systems" in figures:
        from musegen.evaluation import measures, reconstruction

        print_systems(figures["systems"], measures.MEASURES | reconstruction.MEASURES)
    if "interpolation" in figures:
        _print_latent_space(figures)
    if "comparison" in figures:
        print_comparison(figures["comparison"])


def _figures(checkpoint: Checkpoint, dataset: Dataset, arguments: Evaluate) -> dict[str, Any]:
    from musegen.display.distributions import write_distributions

    family = family_of(checkpoint.config.family)
    asked = {name: getattr(arguments, name) for name in ("samples", "seed", "limit")}
    if asked["limit"] is not None and "limit" in family.skips:
        raise ConfigError(
            f"--limit is for accompanists and models of clips: {checkpoint.path.name} is of family "
            f"{checkpoint.config.family}; leave it out"
        )
    figures, compared = load(family.evaluate)(checkpoint, dataset, arguments.split, **asked)
    if arguments.out and compared:
        write_distributions(compared.real, compared.generated, arguments.out / "comparison.png")
    return cast(dict[str, Any], figures)


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
