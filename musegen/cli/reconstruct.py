"""`musegen reconstruct`: a clip as a model of clips hears it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import musegen
from musegen.cli.outputs import (
    CheckpointName,
    MusicFile,
    Row,
    Writing,
    output_folder,
    print_outputs,
    refuse_taken,
    say_likeness,
    write_outputs,
)
from musegen.cli.parse import parse
from musegen.config.options import ReconstructOptions, as_arguments


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
    out = arguments.out
    refuse_taken(out, force=arguments.writing.force)

    from musegen.api.piece import Pieces  # with torch

    model = musegen.load(arguments.checkpoint)
    with output_folder(out):
        piece = model.reconstruct(arguments.file, **as_arguments(arguments.options))
        row = Row([piece.source or piece, piece], ["yours", "the model's"], model.clip_bars)
        pieces = Pieces([piece], seed=piece.seed, measured=piece.measured, precision=piece.precision)
        manifest = write_outputs(model, pieces, out, ["reconstruct", *argv], row=row)
    say_likeness("reconstruction", manifest["measured"])
    print_outputs(out, manifest, pieces, as_json=arguments.writing.json)
