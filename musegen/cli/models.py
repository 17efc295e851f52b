"""`musegen models`: list the bundled models, which can be named in place of a checkpoint folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from musegen.checkpoint.names import model_facts, released_folder, released_models
from musegen.cli.parse import Flag, parse
from musegen.console import print_json, say


@dataclass(frozen=True)
class Models:
    """List the bundled models: what each generates, its size, data, licence and metrics.

    Each can be named in place of a checkpoint; your own folder of the same name takes precedence.

    $ musegen models
    $ musegen models --json
    """

    json: Flag = False
    """Print the list as JSON."""


def main(argv: list[str]) -> None:
    """Print the bundled models."""
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
            f"there are no bundled models in {released_folder()}; "
            "train your own with: musegen train lm DATA --out checkpoints/NAME"
        )


def _shown(model: dict[str, Any]) -> dict[str, Any]:
    """The facts about a model, formatted for people."""
    pieces = ", ".join(f"{count:,} {split}" for split, count in model["pieces"].items())
    return {
        "name": model["name"],
        "writes": model["writes"],
        "size": f"{model['bytes'] / 1e6:.1f} MB",
        "data": f"{model['data']}: {pieces} pieces",
        "licence": model["licence"],
        f"{model['split']} figures": model["figures"],
    }
