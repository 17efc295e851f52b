"""`musegen compare-models`: models side by side, on the same pieces, and their learning curves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from musegen.api.datasets import held_out_data, training_dataset
from musegen.checkpoint.names import find_checkpoint
from musegen.cli.evaluate import refuse_samples
from musegen.cli.parse import Flag, parse
from musegen.cli.tables import print_table
from musegen.config.ranges import SEED, setting
from musegen.console import print_json, say
from musegen.errors import ConfigError, DataError

if TYPE_CHECKING:
    from musegen.checkpoint.folder import Checkpoint
    from musegen.data.dataset import Dataset
    from musegen.data.training_index import TrainingIndex


@dataclass(frozen=True)
class CompareModels:
    """Measure models of one family on the same pieces, and print one row per model.

    The pieces are those of the split that every model can read and none was trained on. The samples of
    language models are compared with them (overlap, see `musegen compare`), and searched for passages of the
    model's own training pieces (copied, see `musegen novelty`).

    $ musegen compare-models checkpoints/mine checkpoints/other
    $ musegen compare-models checkpoints/mine folk --samples 0 --plot curves.png
    """

    checkpoints: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CKPTS")]
    """Checkpoint folders, their names under ./checkpoints, or bundled models."""
    data: str | None = None
    """A dataset, a folder of music or a built-in corpus. Default: the training dataset of the first model."""
    split: Literal["valid", "test"] = "valid"
    """The split: `valid` to choose a model, `test` for the figures of the one that was chosen."""
    samples: int | None = setting(None, (lambda value: 0 <= value <= 1000, "from 0 (none) to 1000"))
    """Number of samples per model. Default: that of `musegen evaluate`."""
    seed: int | None = setting(None, SEED)
    """Random seed of the samples. Default: 0."""
    plot: Path | None = None
    """PNG file for the learning curves, training and validation, from the logs of the checkpoints."""
    force: Flag = False
    """Replace the file of --plot."""
    json: Flag = False
    """Print the result as JSON."""


def main(argv: list[str]) -> None:
    """Measure every model, and print the table."""
    arguments = parse(CompareModels, argv, prog="musegen compare-models")
    if not arguments.checkpoints:
        raise ConfigError("CKPTS must be given: name the models to compare (musegen compare-models --help)")
    _refuse_picture(arguments)

    import torch

    from musegen.checkpoint.folder import load_checkpoint
    from musegen.evaluation.copies import MIN_RUN
    from musegen.evaluation.side_by_side import measure_model, shared_pieces

    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = [load_checkpoint(find_checkpoint(name), device=device) for name in arguments.checkpoints]
    models = dict(zip(_names(found), found, strict=True))
    _refuse_families(models)
    for name, checkpoint in models.items():
        refuse_samples(arguments.samples, name, checkpoint.config.family)
    if arguments.plot:
        _plot(models, arguments.plot)
    dataset = held_out_data(found[0], arguments.data)
    shared = shared_pieces(found, dataset, arguments.split)
    rows = {
        name: measure_model(
            checkpoint,
            shared,
            arguments.split,
            _training_index(checkpoint, dataset) if arguments.samples != 0 else None,
            samples=arguments.samples,
            seed=arguments.seed,
        )
        for name, checkpoint in models.items()
    }
    result = {
        "family": found[0].config.family,
        "dataset": dataset.name,
        "split": arguments.split,
        "pieces": shared.pieces,
        "left_out": {"trained_on": shared.trained_on, "unreadable": shared.unreadable},
        "min_run": MIN_RUN,
        "models": rows,
    }
    if arguments.json:
        print_json(result)
    else:
        _print(result)


def _refuse_picture(arguments: CompareModels) -> None:
    plot = arguments.plot
    if plot and plot.suffix.lower() != ".png":
        raise ConfigError(f"--plot is {plot}: the learning curves are written as PNG: name a file.png")
    if plot and plot.exists() and not arguments.force:
        raise ConfigError(f"--plot {plot} exists already: name another file, or add --force")


def _refuse_families(models: dict[str, Checkpoint]) -> None:
    families = {name: each.config.family for name, each in models.items()}
    if len(set(families.values())) > 1:
        shown = ", ".join(f"{name} is of family {family}" for name, family in families.items())
        raise ConfigError(
            f"the models must be of one family, whose figures mean the same: {shown}; compare each alone"
        )


def _names(checkpoints: list[Checkpoint]) -> list[str]:
    """The names of the folders; the paths where two have the same name."""
    count = Counter(each.path.name for each in checkpoints)
    names = [each.path.name if count[each.path.name] == 1 else str(each.path) for each in checkpoints]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ConfigError(f"{twice[0]} is named twice: name each model once")
    return names


def _plot(models: dict[str, Checkpoint], path: Path) -> None:
    from musegen.display.curves import LOG, read_curves, write_curves

    curves = [read_curves(each.path, name) for name, each in models.items()]
    for (name, each), drawn in zip(models.items(), curves, strict=True):
        if drawn is None:
            has_log = (each.path / LOG).exists()
            why = "has no validation" if has_log else "is not part of the checkpoint"
            say(f"{name} has no learning curve (its training log {why})")
    drawn_curves = [each for each in curves if each]
    if not drawn_curves:
        raise DataError("--plot has nothing to draw: no checkpoint has a log; leave it out")
    write_curves(drawn_curves, path)
    say(f"learning curves: {path}")


def _training_index(checkpoint: Checkpoint, dataset: Dataset) -> TrainingIndex | None:
    """The training pieces of a model, from the dataset at hand if it is theirs; None, and why, without."""
    from musegen.data.training_index import open_training_index

    try:
        if checkpoint.data["dataset_sha256"] == dataset.sha256:
            own = dataset.as_recorded({piece["name"] for piece in checkpoint.data["train"]})
        else:
            own = training_dataset(str(checkpoint.path))
        return open_training_index(own)
    except DataError as error:
        say(f"what {checkpoint.path.name} copies is not measured: {error}")
        return None


COLUMNS = {
    "data": "data",
    "weights": "weights",
    "minutes": "minutes",
    "bits_per_note": "bits per note",
    "without_velocity_and_tempo": "without velocity and tempo",
    "ngram": "n-gram",
    "note_f1": "note F1 %",
    "overlap": "overlap",
    "accuracy": "accuracy %",
    "macro_f1": "macro F1 %",
    "copied": "copied %",
}
"""The columns, of which those without any value are not shown."""


def _print(result: dict[str, Any]) -> None:
    rows = result["models"]
    if any("without_velocity_and_tempo" in row for row in rows.values()):
        rows = {
            name: {"without_velocity_and_tempo": row["bits_per_note"]} | row for name, row in rows.items()
        }
    shown = [name for name in COLUMNS if any(row.get(name) is not None for row in rows.values())]
    cells = [[name, *(_cell(each, row) for each in shown)] for name, row in rows.items()]
    titles = ["", *(COLUMNS[each] for each in shown)]
    whole = ("", COLUMNS["data"], COLUMNS["ngram"], COLUMNS["copied"])
    print_table(titles, cells, _notes(result), left=("", "data"), whole=whole, width=120)


def _cell(name: str, row: dict[str, Any]) -> str:
    match name, row.get(name):
        case _, None:
            return "–"
        case "data", value:
            return f"{value} ({row['training_pieces']:,})"
        case "weights", value:
            return f"{value / 1e6:.2f} M"
        case "minutes", value:
            return f"{value:.1f}"
        case "ngram", value:
            return f"{value['bits_per_note']:.3f} ({value['name']})"
        case "note_f1" | "accuracy" | "macro_f1", value:
            return f"{100 * value:.1f}"
        case "copied", value:
            real = row["copied_real"]
            return f"{100 * value:.1f}" + (f" (real {100 * real:.1f})" if real is not None else "")
        case _, value:
            return f"{value:.3f}"


def _notes(result: dict[str, Any]) -> list[str]:
    left, rows = result["left_out"], result["models"]
    lines = [
        f"measured on {result['pieces']} {result['split']} pieces of {result['dataset']}; left out: "
        f"{left['trained_on']} that a model was trained on, {left['unreadable']} that not all can read",
        "minutes: of training, until the best validation",
    ]
    if any("note_f1" in row for row in rows.values()):
        lines.append("bits per note: of clips, given their points in the latent space")
    if any("ngram" in row for row in rows.values()):
        lines.append("n-gram: bits per note of the best short n-gram of the same tokens")
    if any("copied" in row for row in rows.values()):
        lines.append(
            f"copied: notes of the samples in runs of {result['min_run']} or more from the model's training "
            "pieces (real: the same of real held-out pieces)"
        )
    for name, row in rows.items():
        if row.get("not_passed"):
            lines.append(
                f"{name} has not passed the {row['not_passed'][0]['name']}: see musegen evaluate {name}"
            )
    if len({row["notes"] for row in rows.values()}) > 1:
        lines.append(
            "the models do not read the same notes of these pieces (the melody alone, or all tracks), "
            "so their bits per note do not compare"
        )
    return lines
