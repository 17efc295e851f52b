"""`musegen novelty`: does music copy the training pieces of a model?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from musegen.cli.parse import Flag, parse
from musegen.cli.tables import print_table
from musegen.config.ranges import setting
from musegen.console import print_json, say
from musegen.errors import ConfigError, DataError


@dataclass(frozen=True)
class Novelty:
    """Find the longest run of notes that each file shares with the training pieces of a dataset.

    Runs match in any key, at any tempo and at any position: intervals and ratios of inter-onset times are
    compared, line by line. Real pieces share runs too: for reference, the test split is measured as well.

    $ musegen novelty out/*.mid --against datasets/mine
    $ musegen novelty out/ --against checkpoints/mine --json
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILES")]
    """Music files, or folders of them."""
    against: Annotated[str, tyro.conf.arg(metavar="DATA")]
    """The training data: a dataset, or a checkpoint, whose dataset is expected under ./datasets."""
    min_run: int = setting(12, (lambda value: 2 <= value <= 10_000, "from 2 to 10000 notes"))
    """Runs of at least this many notes count as copied in the reported percentage of copied notes."""
    json: Flag = False
    """Print the result as JSON."""


def main(argv: list[str]) -> None:
    """Search every file that can be read, and print the result."""
    arguments = parse(Novelty, argv, prog="musegen novelty")
    if not arguments.files:
        raise ConfigError("FILES must be given: name one or more music files (musegen novelty --help)")
    for path in arguments.files:
        if not path.exists():
            raise ConfigError(f"{path} does not exist: name a music file, or a folder of them")

    from musegen.api.datasets import training_dataset
    from musegen.evaluation.copies import novelty

    result = novelty(arguments.files, training_dataset(arguments.against), min_run=arguments.min_run)
    for each in result["unreadable"]:
        say(f"not read: {each['path']}: {each['reason']}")
    if not result["files"]:
        raise DataError("none of the files can be read, for the reasons above")
    if arguments.json:
        print_json(result)
    else:
        print_novelty(result)


def print_novelty(result: dict[str, Any]) -> None:
    """Print the result to stdout, a row per file."""
    titles = ("", "longest run", "in bar", f"in runs of {result['min_run']}+", "as long in real", "from")
    rows = [
        (
            file["path"],
            str(file["longest"]),
            str(file["bar"]),
            f"{file['share']:.0%}",
            "–" if result["held_out"] is None else f"{file['held_out_as_long']:.0%}",
            ", ".join(file["pieces"][:3]) + (", ..." if len(file["pieces"]) > 3 else ""),
        )
        for file in result["files"]
    ]
    print_table(titles, rows, _summary(result), left=("", "from"), whole=(), width=120)


def _summary(result: dict[str, Any]) -> list[str]:
    min_run, base, files = result["min_run"], result["held_out"], result["all_files"]
    lines = [f"{files['files']} files: {_facts(files, min_run)}"]
    if base is None:
        return [
            *lines,
            f"dataset {result['dataset']} has no held-out pieces, so there is no base rate of real music",
        ]
    return [
        *lines,
        f"{base['pieces']} real {base['split']} pieces: {_facts(base, min_run)}",
        f"less than 5% of these share a run of {base['threshold']} notes; {files['copies']} of the files do",
    ]


def _facts(of: dict[str, Any], min_run: int) -> str:
    longest, share = of["longest"], of["share"]
    return (
        f"longest run: median {longest['median']:.0f} notes, maximum {longest['most']:.0f}; "
        f"{share['mean']:.1%} of the notes in runs of {min_run} or more"
    )
