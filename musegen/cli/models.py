"""`musegen models`: what is installed, and can be named instead of a checkpoint's folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from musegen.checkpoint.names import model_facts, released_folder, released_models
from musegen.cli.parse import Flag, parse
from musegen.console import print_json, say


@dataclass(frozen=True)
class Models:
    """List the models that come with musegen: what each writes, its size, data, licence and figures.

    Each can be named wherever a checkpoint is wanted; a folder of your own of that name goes first.

    $ musegen models
    $ musegen models --json
    """

    json: Flag = False
    """Print the list as JSON."""


def main(argv: list[str]) -> None:
    """Print what is installed."""
    arguments = parse(Models, argv, prog="musegen models")
    models = [model_facts(folder) for folder in released_models().values()]
    if arguments.json:
        print_json(models)
    elif models:
        from musegen.cli.tables import print_facts

        for model in models:
            print_facts(_shown(model))
    else:
        say(
            f"no models are installed ({released_folder()} has none); "
            "make one of your own with: musegen train lm DATA --out checkpoints/NAME"
        )


def _shown(model: dict[str, Any]) -> dict[str, Any]:
    """The facts of a model as people read them."""
    pieces = ", ".join(f"{count:,} {split}" for split, count in model["pieces"].items())
    return {
        "name": model["name"],
        "writes": model["writes"],
        "size": f"{model['bytes'] / 1e6:.1f} MB",
        "data": f"{model['data']}: {pieces} pieces",
        "licence": model["licence"],
        f"{model['split']} figures": model["figures"],
    }
