"""`musegen fill`: new bars in the gaps of a piece."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from musegen.cli.outputs import CheckpointName, MusicFile, Writing, sampling_run
from musegen.cli.parse import Flag, parse
from musegen.config.options import as_arguments
from musegen.config.verbs import FillOptions
from musegen.console import say
from musegen.files import refuse_taken


@dataclass(frozen=True)
class Fill:
    """Fill bars of a piece with new music; everything else stays as it is.

    $ musegen fill folk tune.mid --bars 5:8 --num 4 --out out/
    $ musegen fill folk tune.mid --bars 2:3 7:8 --out out/
    $ musegen fill folk tune.mid --bars 9:12 --until end.mid --out out/
    $ musegen fill folk tune.mid --bars 5:8 --rank 16 --num 2 --out out/
    $ musegen fill folk tune.mid --bars 5:8 --rhythm keep --out out/
    $ musegen fill folk tune.mid --bars 5:8 --contour keep --out out/
    $ musegen fill folk tune.mid --bars 5:8 --density 3 --out out/
    """

    checkpoint: CheckpointName
    """A checkpoint folder, its name under ./checkpoints, or a bundled model (`musegen models`)."""
    file: MusicFile
    """A music file with the piece: MIDI, MusicXML, ABC or kern."""
    out: Path
    """Output folder."""
    options: FillOptions = field(default_factory=FillOptions)
    no_picture: Flag = False
    """Write no piano rolls (PNG) with the MIDI files."""
    writing: Writing = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Fill the gaps, write files, piano rolls and manifest; print the paths on stdout."""
    arguments = parse(Fill, argv, prog="musegen fill")
    options = arguments.options
    refuse_taken(arguments.out, force=arguments.writing.force)
    with sampling_run("fill", argv, arguments, pictures=not arguments.no_picture) as run:
        run.pieces = run.model.fill(arguments.file, **as_arguments(options))
    say(f"seed {run.pieces.seed}")
