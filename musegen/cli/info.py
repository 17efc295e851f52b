"""`musegen info`: describe a music file, a dataset or a checkpoint."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from musegen.cli.parse import Flag, parse
from musegen.console import print_json, say
from musegen.errors import ConfigError, MidiError
from musegen.files import resume_command


@dataclass(frozen=True)
class Info:
    """Describe music files, datasets and checkpoints.

    Of the metrics of a checkpoint the totals are printed; --json has all.

    $ musegen info out/001.mid
    $ musegen info datasets/mine checkpoints/mine
    """

    paths: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PATHS")]
    """Music files, datasets and checkpoints; datasets, checkpoints and bundled models also by name."""
    json: Flag = False
    """Print the result as JSON: an object, or a list for several paths."""


def main(argv: list[str]) -> None:
    """Print the facts of each path."""
    arguments = parse(Info, argv, prog="musegen info")
    if not arguments.paths:
        raise ConfigError(
            "PATHS must be given: name a music file, a dataset or a checkpoint (musegen info --help)"
        )

    from musegen.cli.tables import print_facts

    facts = [_facts(name) for name in arguments.paths]
    if arguments.json:
        print_json(facts if len(facts) > 1 else facts[0])
    else:
        for each in facts:
            print_facts(_totals(each))
        named = zip(arguments.paths, facts, strict=True)
        models = [name for name, each in named if each["kind"] == "checkpoint"]
        if len(models) > 1:
            say(f"side by side, measured on the same pieces: musegen compare-models {' '.join(models)}")


def _totals(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts with the metrics of each split without their tables."""
    if facts["kind"] != "checkpoint":
        return facts
    from musegen.checkpoint.names import main_figures

    def totals(found: dict[str, Any]) -> dict[str, Any]:
        plain = {name: value for name, value in found.items() if not isinstance(value, dict)}
        return {name: value for name, value in plain.items() if name != "not_passed"} | main_figures(found)

    metrics = {
        name: totals(found) if isinstance(found, dict) else found for name, found in facts["metrics"].items()
    }
    return facts | {"metrics": metrics}


def _facts(name: str) -> dict[str, Any]:
    from musegen.api.datasets import DATASETS
    from musegen.checkpoint.folder import refuse_unfinished
    from musegen.checkpoint.names import checkpoint_facts, checkpoint_places
    from musegen.data.dataset import Dataset, dataset_facts
    from musegen.music.facts import file_facts

    here, *others = checkpoint_places(name)
    for path in (here, DATASETS / name, *others):
        if path.is_file():
            try:
                return file_facts(path)
            except MidiError as error:
                raise MidiError(f"{error}; name a MIDI, MusicXML or ABC file") from error
        if (path / "dataset.json").is_file():
            return dataset_facts(Dataset.open(path))
        if (path / "SHA256SUMS").is_file():
            if command := resume_command(path):
                say(f"the training of {path} has not ended: resume it with: {command}")
            return checkpoint_facts(path)
        refuse_unfinished(path)
    if Path(name).is_dir():
        raise ConfigError(
            f"{name} is neither a dataset (no dataset.json) nor a checkpoint (no SHA256SUMS): "
            f"for a folder of music, make a dataset first: musegen prepare {name} --out datasets/NAME"
        )
    raise ConfigError(f"{name} does not exist: name a music file, a dataset or a checkpoint")
