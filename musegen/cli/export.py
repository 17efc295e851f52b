"""`musegen export`: a model as ONNX files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from musegen.checkpoint.names import find_checkpoint
from musegen.cli.outputs import CheckpointName
from musegen.cli.parse import Flag, parse
from musegen.console import say
from musegen.errors import ConfigError


@dataclass(frozen=True)
class Export:
    """Export a model to ONNX: its sampling step with weights, masks and filters, to run without musegen.

    Beside the file are the model's other functions, the inputs of a first step, and a card (.md) that lists
    all inputs and outputs and has an example.

    $ musegen export folk --onnx folk.onnx
    """

    checkpoint: CheckpointName
    """A checkpoint folder, its name under ./checkpoints, or a bundled model (`musegen models`)."""
    onnx: Path
    """The file of the step, ending with .onnx."""
    force: Flag = False
    """Replace files that exist."""


def main(argv: list[str]) -> None:
    """Write the files; print their paths on stdout."""
    arguments = parse(Export, argv, prog="musegen export")
    path = arguments.onnx
    if path.suffix != ".onnx":
        raise ConfigError(f"--onnx is {path}: it must end with .onnx")
    if path.exists() and not arguments.force:
        raise ConfigError(f"--onnx {path} exists: name another file, or replace it with --force")
    folder = find_checkpoint(arguments.checkpoint)
    from musegen.checkpoint.folder import load_checkpoint
    from musegen.cli.outputs import output_folder
    from musegen.generation.standalone import export_model

    with output_folder(path.parent):
        written = export_model(load_checkpoint(folder), path)
    for file in written:
        print(file)
    say(f"how to run it: {path.with_suffix('.md')}")
