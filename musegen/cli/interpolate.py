"""`musegen interpolate`: from one clip to another, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from musegen.cli.outputs import CheckpointName, Writing, sampling_run, say_likeness
from musegen.cli.parse import parse
from musegen.config.options import InterpolateOptions, as_arguments
from musegen.console import say
from musegen.files import refuse_taken


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
    first, last = arguments.first, arguments.last
    refuse_taken(arguments.out, force=arguments.writing.force)
    with sampling_run("interpolate", argv, arguments, together=True) as run:
        run.pieces = run.model.interpolate(first, last, **as_arguments(arguments.options))
        say_likeness(f"{first} as the model gives it back", run.pieces.measured["first"])
        say_likeness(f"{last} as the model gives it back", run.pieces.measured["last"])
    say(f"seed {run.pieces.seed}")
