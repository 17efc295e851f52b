"""`musegen evaluate`: how well a model predicts held-out music, and how good its own music is."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import tyro

from musegen.api.datasets import held_out_data
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


ROWS = {
    "errors": "mean absolute errors over notes",
    "takes": "overlap with real performances: of takes, and of two halves of these",
}
"""Tables of a performer, and their titles."""


@dataclass(frozen=True)
class Evaluate:
    """Measure nats per token and bits per note on whole pieces; lower is better.

    Beside these are the figures of n-grams of the same tokens, fitted to the training pieces, and a line says
    which of them the model has not passed.

    A language model also generates pieces with the time signatures and lengths of those of the split, and the
    two sets are compared feature by feature, as by `musegen compare`; of pieces over 40 bars, the first 40.

    A clip model (VAE) reconstructs held-out clips from their posterior mean by greedy decoding; note F1 is
    compared with that of the nearest training clip. Samples from its latent space, the smoothness of its
    interpolations and its sliders are measured too.

    A performer plays held-out scores: the errors of its medians stand beside those of the score itself and of
    the medians by pitch and position in the bar; its takes are compared with real performances.

    An accompaniment model (seq2seq) also accompanies the melodies of the pieces, next to three references:
    the human accompaniment, that of a random training piece transposed into the key, and rule-based block
    chords. One trained with holes is measured by kind of hole, next to the frequencies of training.

    A classifier labels the pieces: accuracy, macro F1 and its mistakes, next to the most frequent label and
    n-grams of the music of each label. With --folds its settings are cross-validated instead.

    $ musegen evaluate checkpoints/mine
    $ musegen evaluate checkpoints/mine datasets/other --split valid --json
    $ musegen evaluate folk my_midis/ --split all
    $ musegen evaluate checkpoints/chorale --samples 4
    $ musegen evaluate checkpoints/mine --samples 0
    $ musegen evaluate checkpoints/who --folds 10 --out folds/
    """

    checkpoint: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CKPT")]
    """A checkpoint folder, its name under ./checkpoints, or a bundled model (`musegen models`)."""
    data: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")] = None
    """A dataset, a folder of music or a built-in corpus. Default: the training dataset of the model."""
    split: Literal["train", "valid", "test", "all"] = "test"
    """The split; `all` is for music that the model was not trained on."""
    samples: int | None = setting(None, (lambda value: 0 <= value <= 1000, "from 0 (none) to 1000"))
    """Number of samples: of accompaniments per melody (default: 1), of clips from the latent space (default:
    200), of pieces from a language model (default: 50; at least 2), or of takes per score (default: 1). 0: no
    samples, nor what is measured on them."""
    seed: int | None = setting(None, SEED)
    """Random seed of the samples. Default: 0."""
    limit: int | None = setting(None, ONE_UP)
    """Maximum number of melodies to accompany, or of clips to reconstruct, spread evenly over the split.
    Default: as many as take a few minutes: for example 77 chorales, about 33 songs or 1,000 clips."""
    folds: str | None = None
    """Classifiers only: cross-validation with this number of folds, or leave-one-out. Versions of a piece
    and groups of the dataset stay together; each fold is a training with the checkpoint's settings."""
    out: Path | None = None
    """Output folder for evaluation.json and a picture: the distributions of language models (comparison.png),
    or the mistakes of classifiers (confusion.png)."""
    force: Flag = False
    """Write into a folder that is not empty; files of these names are replaced."""
    json: Flag = False
    """Print the result as JSON."""


def main(argv: list[str]) -> None:
    """Evaluate a checkpoint, and print its metrics."""
    arguments = parse(Evaluate, argv, prog="musegen evaluate")

    if arguments.out:
        refuse_taken(arguments.out, force=arguments.force)

    import torch

    from musegen.checkpoint.folder import load_checkpoint

    device = "cuda" if torch.cuda.is_available() else "cpu"
    checkpoint = load_checkpoint(find_checkpoint(arguments.checkpoint), device=device)
    _refuse_unfitting(checkpoint, arguments)
    dataset = held_out_data(checkpoint, arguments.data)
    is_own = dataset.sha256 == checkpoint.data["dataset_sha256"]
    with output_folder(arguments.out) if arguments.out else nullcontext():
        figures = _figures(checkpoint, dataset, arguments)
        if arguments.out:
            write_json(arguments.out / "evaluation.json", figures)
    # Metrics on other music, or on a part of the split, are not those of the checkpoint.
    if is_own and arguments.limit is None:
        _record(checkpoint, figures, arguments)
    if arguments.json:
        print_json(figures)
        return
    _print(figures, "its training data" if is_own else f"the training pieces of {dataset.name}")


def _print(figures: dict[str, Any], training: str) -> None:
    """Print the result; `training` is what n-grams are fitted to, in words."""
    tables = {name for name, value in figures.items() if isinstance(value, dict | list)}
    print_facts({name: value for name, value in figures.items() if name not in tables})
    if "by_kind" in figures:
        from musegen.cli.likelihood import print_likelihood

        print_likelihood(figures, training)
    if "fills" in figures:
        from musegen.cli.likelihood import print_fills

        print_fills(figures["fills"])
    if "systems" in figures:
        from musegen.evaluation import labelling, measures, reconstruction

        known = measures.MEASURES | reconstruction.MEASURES | labelling.MEASURES
        print_systems(figures["systems"], known)
    if "confusion" in figures:
        print_rows(figures["classes"], "by label")
        print_rows(figures["confusion"], "how often each label (row) was predicted as each (column)")
    if "interpolation" in figures:
        _print_latent_space(figures)
    for name, title in ROWS.items():
        if name in figures:
            print_rows(figures[name], title)
    if "comparison" in figures:
        print_comparison(figures["comparison"])


def _refuse_unfitting(checkpoint: Checkpoint, arguments: Evaluate) -> None:
    """Refuse options that the model's family does not have, before music is prepared.

    Raises:
        ConfigError: the option, and which models have it.
    """
    family = family_of(checkpoint.config.family)
    for name, models in (("limit", "accompaniment and clip models"), ("folds", "classifiers")):
        if getattr(arguments, name) is not None and name in family.skips:
            raise ConfigError(
                f"--{name} is for {models}: {checkpoint.path.name} is of family {family.name}; leave it out"
            )
    refuse_samples(arguments.samples, checkpoint.path.name, family.name)


def refuse_samples(samples: int | None, model: str, family: str) -> None:
    """Refuse samples of a family that has none, and fewer than its evaluation needs, unless it is none.

    Raises:
        ConfigError: which models have samples, or how many it needs.
    """
    row, least = family_of(family), family_of(family).min_samples
    if samples is not None and "samples" in row.skips:
        raise ConfigError(
            f"--samples is for models that write music: {model} is of family {family}; leave it out"
        )
    if samples is not None and 0 < samples < least:
        raise ConfigError(
            f"--samples is {samples}: {model} is of family {family}, whose samples are compared with real "
            f"music: {least} or more, or 0 for none"
        )


def _figures(checkpoint: Checkpoint, dataset: Dataset, arguments: Evaluate) -> dict[str, Any]:
    from musegen.display.confusion import write_confusion
    from musegen.display.distributions import write_distributions

    family = family_of(checkpoint.config.family)
    options = {name: getattr(arguments, name) for name in ("samples", "seed", "limit", "folds")}
    figures, compared, _ = load(family.evaluate)(checkpoint, dataset, arguments.split, **options)
    if arguments.out and "confusion" in figures:
        write_confusion(figures["confusion"], arguments.out / "confusion.png")
    if arguments.out and compared:
        write_distributions(compared.real, compared.generated, arguments.out / "comparison.png")
    return cast(dict[str, Any], figures)


def _record(checkpoint: Checkpoint, figures: dict[str, Any], arguments: Evaluate) -> None:
    """Write the figures to metrics.json; bundled models keep the metrics that they were released with."""
    from musegen.checkpoint.folder import write_metrics

    if checkpoint.path in released_models().values():
        return
    # Without samples, what was measured on samples before stays.
    split = figures["split"]
    before = checkpoint.metrics.get(split, {}) if arguments.samples == 0 else {}
    try:
        write_metrics(checkpoint.path, checkpoint.metrics | {split: before | figures})
    except OSError as error:  # the metrics of a read-only checkpoint are printed all the same
        say(f"not written to metrics.json: {(error.strerror or str(error)).lower()}")


def _print_latent_space(figures: dict[str, Any]) -> None:
    if "samples" in figures:
        print_rows(figures["samples"], "sampled clips against real ones: overlap of features, and copying")
    paths = figures["interpolation"]
    if paths["pairs"]:
        title = f"interpolation, {paths['pairs']} pairs, {paths['num']} steps: Spearman of step and distance"
        print_rows(paths["systems"], title)
    if "sliders" in figures:
        rows = {
            name: row["spearman"] | {"missed": row["missed"], "notes": row["notes"]}
            for name, row in figures["sliders"]["sliders"].items()
        }
        print_rows(rows, "sliders: Spearman correlation of the setting of each (row) with each attribute")
        print_rows(figures["sliders"]["corpus"], "the same between the attributes of real clips")
