"""`musegen reconstruct`: the reconstruction of a clip by a clip model (VAE)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from musegen.cli.outputs import CheckpointName, MusicFile, Writing, note_f1_line, sampling_run
from musegen.cli.parse import parse
from musegen.config.options import as_arguments
from musegen.config.verbs import ReconstructOptions
from musegen.files import refuse_taken


@dataclass(frozen=True)
class Reconstruct:
    """Reconstruct a clip of a file with a clip model (VAE), and report how many notes are preserved.

    $ musegen reconstruct folk-vae tune.mid --out out/
    $ musegen reconstruct folk-vae song.mid --from-bar 9 --melody Vocals --out out/
    """

    checkpoint: CheckpointName
    """A checkpoint folder, its name under ./checkpoints, or a bundled model (`musegen models`)."""
    file: MusicFile
    """A music file: MIDI, MusicXML, ABC or kern."""
    out: Path
    """Output folder: 001.mid is the reconstruction, all.mid both clips, all.png their piano rolls."""
    options: ReconstructOptions = field(default_factory=ReconstructOptions)
    writing: Writing = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Reconstruct a clip, write it, and report its note F1."""
    arguments = parse(Reconstruct, argv, prog="musegen reconstruct")
    refuse_taken(arguments.out, force=arguments.writing.force)

    from musegen.api.piece import Pieces  # slower to import than the command line is to parse

    with sampling_run("reconstruct", argv, arguments, together=True) as run:
        piece = run.model.reconstruct(arguments.file, **as_arguments(arguments.options))
        shared = {name: getattr(piece, name) for name in ("seed", "source", "measured", "precision")}
        run.pieces = Pieces([replace(piece, title="the model's")], **shared)
        run.report = [note_f1_line("reconstruction", piece.measured)]
