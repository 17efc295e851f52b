"""`musegen interpolate`: from one clip to another, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

import musegen
from musegen.cli.outputs import (
    CheckpointName,
    Row,
    Writing,
    output_folder,
    print_outputs,
    refuse_taken,
    say_likeness,
    write_outputs,
)
from musegen.cli.parse import parse
from musegen.config.options import InterpolateOptions, as_arguments
from musegen.console import say


@dataclass(frozen=True)
class Interpolate:
    """Write the way from one clip to another: both ends are your own clips, between them lie the model's.

    $ musegen interpolate checkpoints/folk-2bar a.mid b.mid --num 9 --out out/
    $ musegen interpolate checkpoints/folk-2bar a.mid b.mid --from-bar 1 17 --temperature 0.5 --out out/
    """

    checkpoint: CheckpointName
    """A checkpoint's folder, its name under ./checkpoints, or an installed model (`musegen models`)."""
    first: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="A")]
    """A music file: MIDI, MusicXML, ABC or kern."""
    last: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="B")]
    """Another, in the same metre."""
    out: Path
    """A folder for the files: 001.mid and so on, all.mid the steps end to end, all.png their piano rolls."""
    options: InterpolateOptions = field(default_factory=InterpolateOptions)
    writing: Writing = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Interpolate, write each step, and say how near the model's ends come to the user's."""
    arguments = parse(Interpolate, argv, prog="musegen interpolate")
    out = arguments.out
    refuse_taken(out, force=arguments.writing.force)
    model = musegen.load(arguments.checkpoint)
    with output_folder(out):
        pieces = model.interpolate(arguments.first, arguments.last, **as_arguments(arguments.options))
        row = Row(pieces, [piece.title for piece in pieces], model.clip_bars)
        manifest = write_outputs(model, pieces, out, ["interpolate", *argv], row=row)
    for name, path in (("first", arguments.first), ("last", arguments.last)):
        say_likeness(f"{path} as the model gives it back", manifest["measured"][name])
    print_outputs(out, manifest, pieces, as_json=arguments.writing.json)
    say(f"seed {pieces.seed}")
