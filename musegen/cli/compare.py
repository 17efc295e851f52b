"""`musegen compare`: compare two sets of music, feature by feature."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from musegen.api.datasets import DATASETS
from musegen.cli.outputs import output_folder
from musegen.cli.parse import Flag, parse
from musegen.cli.tables import INTERVALS, interval, number, print_table
from musegen.config.ranges import SEED, setting
from musegen.console import print_json, say
from musegen.errors import ConfigError
from musegen.files import refuse_taken, write_json

if TYPE_CHECKING:
    from musegen.evaluation.comparison import MusicSet


@dataclass(frozen=True)
class Compare:
    """Measure how similar generated music is to real music; no model is needed.

    For each feature: the mean of each set, and the overlap of the distances within and between the sets (Yang
    and Lerch 2020), which is 1 for sets that are alike. For reference, the same for two random halves of the
    real set. Files that cannot be read are listed.

    $ musegen compare real_midis/ generated_midis/
    $ musegen compare datasets/mine out/ --split test --out comparison/
    """

    real: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="REAL")]
    """Real music: a folder, a music file or a dataset."""
    generated: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="GENERATED")]
    """Generated music: a folder, a music file or a dataset."""
    split: Literal["all", "train", "valid", "test"] = "all"
    """The split of a dataset."""
    seed: int = setting(0, SEED)
    """Random seed of the halves, of the sample of 300 pieces from larger sets, and of the bootstrap."""
    out: Path | None = None
    """Output folder for comparison.json and comparison.png, which shows the distributions."""
    force: Flag = False
    """Write into a folder that is not empty; files of these names are replaced."""
    json: Flag = False
    """Print the result as JSON."""


def main(argv: list[str]) -> None:
    """Compare two sets of music, and print the result."""
    arguments = parse(Compare, argv, prog="musegen compare")
    if arguments.out:
        refuse_taken(arguments.out, force=arguments.force)

    from musegen.display.distributions import write_distributions
    from musegen.evaluation.comparison import compare

    with output_folder(arguments.out) if arguments.out else nullcontext():
        real, generated = (_music(name, arguments.split) for name in (arguments.real, arguments.generated))
        comparison = compare(real, generated, seed=arguments.seed)
        if arguments.out:
            write_json(arguments.out / "comparison.json", comparison)
            write_distributions(real, generated, arguments.out / "comparison.png")
    for music in (real, generated):
        for path, reason in music.unreadable:
            say(f"not read: {path}: {reason}")
    if arguments.json:
        print_json(comparison)
    else:
        print_comparison(comparison)


def _music(name: str, split: str) -> MusicSet:
    """Measure a dataset, by its path or its name under ./datasets, or music files.

    Raises:
        ConfigError: nothing has that name.
        DataError: it contains no music.
    """
    from musegen.data.dataset import Dataset
    from musegen.evaluation.comparison import measure_dataset, measure_files

    path = Path(name)
    for folder in (path, DATASETS / name):
        if (folder / "dataset.json").is_file():
            return measure_dataset(Dataset.open(folder), None if split == "all" else split)
    if not path.exists():
        raise ConfigError(f"{name} does not exist: name a folder of music, a music file or a dataset")
    return measure_files(path)


def print_comparison(comparison: dict[str, Any]) -> None:
    """Print a comparison to stdout, a row per feature, and below the definitions of the features."""
    from musegen.metrics.features import FEATURES

    titles = (
        "",
        _title(comparison["real"]),
        _title(comparison["generated"]),
        "overlap",
        "KL",
        "of halves",
        "KL",
    )
    rows = []
    for name, each in comparison["features"].items():
        halves = each["halves"]
        cells = [each[column] for column in ("real", "generated", "overlap")]
        shown = [interval(cell, ".3g") if "low" in cell else "" for cell in cells]  # a histogram has no mean
        rest = (each["kl"], halves["overlap"], halves["kl"])
        rows.append([FEATURES[name].label, *shown, *(number(of["mean"], ".2f") for of in rest)])
    notes = [f"{FEATURES[name].label}: {FEATURES[name].meaning}" for name in comparison["features"]]
    notes.append("KL: divergence, in nats, of the distances within a set from those between the sets")
    if missing := len(FEATURES) - len(rows):
        notes.append(f"left out: {missing} features without a value in the real music")
    whole = ("", "overlap", "KL", "of halves")
    total = (
        "geometric mean",
        "",
        "",
        f"{comparison['overlap']:.3f}",
        "",
        f"{comparison['halves_overlap']:.3f}",
        "",
    )
    print_table(titles, rows, notes, total=total, whole=whole, width=120, caption=INTERVALS)


def _title(facts: dict[str, Any]) -> str:
    return f"{facts['name']} ({facts['pieces']:,})"
