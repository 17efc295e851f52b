"""`musegen reconstruct`: a clip as a model of clips hears it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from musegen.cli.outputs import CheckpointName, MusicFile, Writing, sampling_run, say_likeness
from musegen.cli.parse import parse
from musegen.config.options import ReconstructOptions, as_arguments
from musegen.files import refuse_taken


@dataclass(frozen=True)
class Reconstruct:
    """Write a clip of a file as the model gives it back, and say how many of its notes that keeps.

    $ musegen reconstruct checkpoints/folk-2bar tune.mid --out out/
    $ musegen reconstruct checkpoints/folk-2bar song.mid --from-bar 9 --melody Vocals --out out/
    """

    checkpoint: CheckpointName
    """A checkpoint's folder, its name under ./checkpoints, or an installed model (`musegen models`)."""
    file: MusicFile
    """A music file: MIDI, MusicXML, ABC or kern."""
    out: Path
    """A folder for the files: 001.mid the reconstruction, all.mid both clips, all.png their piano rolls."""
    options: ReconstructOptions = field(default_factory=ReconstructOptions)
    writing: Writing = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Reconstruct a clip, write it, and say how like it is."""
    arguments = parse(Reconstruct, argv, prog="musegen reconstruct")
    refuse_taken(arguments.out, force=arguments.writing.force)

    from musegen.api.piece import Pieces  # with torch

    with sampling_run("reconstruct", argv, arguments, together=True) as run:
        piece = run.model.reconstruct(arguments.file, **as_arguments(arguments.options))
        shared = {name: getattr(piece, name) for name in ("seed", "source", "measured", "precision")}
        run.pieces = Pieces([replace(piece, title="the model's")], **shared)
        say_likeness("reconstruction", piece.measured)
