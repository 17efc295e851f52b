"""`musegen classify`: label music files with a classifier."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from musegen.cli.outputs import CheckpointName
from musegen.cli.parse import Flag, parse
from musegen.cli.tables import print_table
from musegen.console import print_json, say
from musegen.errors import ConfigError, DataError


@dataclass(frozen=True)
class Classify:
    """Label music files: the most likely label of each, and the probabilities of all labels.

    Long music is read in windows, whose probabilities are averaged. Files that cannot be read are listed, and
    the others are labelled all the same.

    $ musegen classify checkpoints/who tune.mid other.mid
    $ musegen classify checkpoints/who my_midis/ --json
    """

    checkpoint: CheckpointName
    """The folder of a classifier, or its name under ./checkpoints."""
    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILES")]
    """Music files, or folders of them."""
    json: Flag = False
    """Print the result as JSON."""


def main(argv: list[str]) -> None:
    """Label every file that can be read, and print the result."""
    arguments = parse(Classify, argv, prog="musegen classify")
    if not arguments.files:
        raise ConfigError("FILES must be given: name one or more music files (musegen classify --help)")
    for path in arguments.files:
        if not path.exists():
            raise ConfigError(f"{path} does not exist: name a music file, or a folder of them")

    import musegen
    from musegen.api.labels import classify_files

    result = classify_files(musegen.load(arguments.checkpoint), arguments.files)
    for each in result["unreadable"]:
        say(f"not labelled: {each['path']}: {each['reason']}")
    if not result["files"]:
        raise DataError("none of the files can be labelled, for the reasons above")
    if arguments.json:
        print_json(result)
    else:
        _print(result["files"])


def _print(files: list[dict[str, Any]]) -> None:
    """Print a row per file to stdout."""
    names = sorted(files[0]["probabilities"])
    rows = [
        [each["path"], each["label"], *(f"{each['probabilities'][name]:.1%}" for name in names)]
        for each in files
    ]
    print_table(["", "label", *names], rows, left=("", "label"), whole=("label",), width=120)
