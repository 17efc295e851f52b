"""`musegen humanize`: a score as it is played."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from musegen.cli.outputs import CheckpointName, MusicFile, Writing, sampling_run
from musegen.cli.parse import parse
from musegen.config.options import as_arguments
from musegen.config.verbs import HumanizeOptions
from musegen.console import say
from musegen.files import refuse_taken


@dataclass(frozen=True)
class Humanize:
    """Play a score with a performer: each note gets a shift from the grid, a velocity and a length.

    Everything else in the file stays as it is: controllers, pedal, lyrics, tempos.

    $ musegen humanize checkpoints/groove beat.mid --num 4 --out out/
    $ musegen humanize checkpoints/groove beat.mid --amount 0.8 --seed 3 --out out/
    $ musegen humanize checkpoints/groove song.mid --only drums --out out/
    $ musegen humanize checkpoints/groove beat.mid --keep timing --out out/
    """

    checkpoint: CheckpointName
    """A checkpoint folder, or its name under ./checkpoints, of a performer."""
    file: MusicFile
    """A score: a MIDI file with its notes on the grid, MusicXML, ABC or kern."""
    out: Path
    """Output folder."""
    options: HumanizeOptions = field(default_factory=HumanizeOptions)
    writing: Writing = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Play the score, write files and manifest; print the paths on stdout."""
    arguments = parse(Humanize, argv, prog="musegen humanize")
    refuse_taken(arguments.out, force=arguments.writing.force)
    with sampling_run("humanize", argv, arguments) as run:
        run.pieces = run.model.humanize(arguments.file, **as_arguments(arguments.options))
    say(f"seed {run.pieces.seed}")
