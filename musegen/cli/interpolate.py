"""`musegen interpolate`: an interpolation between two clips."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from musegen.cli.outputs import CheckpointName, Writing, note_f1_line, sampling_run
from musegen.cli.parse import parse
from musegen.config.options import as_arguments
from musegen.config.verbs import InterpolateOptions
from musegen.console import say
from musegen.files import refuse_taken


@dataclass(frozen=True)
class Interpolate:
    """Interpolate between two clips with a clip model (VAE): both ends are your clips, unchanged.

    $ musegen interpolate folk-vae a.mid b.mid --num 9 --out out/
    $ musegen interpolate folk-vae a.mid b.mid --from-bar 1 17 --temperature 0.5 --out out/
    """

    checkpoint: CheckpointName
    """A checkpoint folder, its name under ./checkpoints, or a bundled model (`musegen models`)."""
    first: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="A")]
    """A music file: MIDI, MusicXML, ABC or kern."""
    last: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="B")]
    """Another music file, in the same time signature."""
    out: Path
    """Output folder: 001.mid and so on are the steps, all.mid joins them, all.png shows their piano rolls."""
    options: InterpolateOptions = field(default_factory=InterpolateOptions)
    writing: Writing = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Interpolate, write each step, and report the reconstruction of both ends."""
    arguments = parse(Interpolate, argv, prog="musegen interpolate")
    first, last = arguments.first, arguments.last
    refuse_taken(arguments.out, force=arguments.writing.force)
    with sampling_run("interpolate", argv, arguments, together=True) as run:
        run.pieces = run.model.interpolate(first, last, **as_arguments(arguments.options))
        run.report = [
            note_f1_line(f"{path} as reconstructed by the model", run.pieces.measured[end])
            for end, path in (("first", first), ("last", last))
        ]
    say(f"seed {run.pieces.seed}")
