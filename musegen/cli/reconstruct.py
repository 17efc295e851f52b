"""`musegen reconstruct`: a clip as a model of clips hears it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from musegen.api.given import read_clip
from musegen.cli.clips import Sampling, Writing, likeness, load_vae, print_paths, say_likeness
from musegen.cli.outputs import Row, write_outputs
from musegen.cli.parse import parse
from musegen.cli.places import output_folder, refuse_taken
from musegen.console import print_json


@dataclass(frozen=True)
class Reconstruct:
    """Write a clip of a file as the model gives it back, and say how many of its notes that keeps.

    $ musegen reconstruct checkpoints/folk-2bar tune.mid --out out/
    $ musegen reconstruct checkpoints/folk-2bar song.mid --from-bar 9 --melody Vocals --out out/
    """

    checkpoint: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CKPT")]
    """A checkpoint's folder, its name under ./checkpoints, or an installed model (`musegen models`)."""
    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """A music file: MIDI, MusicXML, ABC or kern."""
    out: Path
    """A folder for the files: 001.mid the reconstruction, all.mid both clips, all.png their piano rolls."""
    from_bar: int | None = None
    """The clip's first bar, from 1; a pickup is bar 1. Unset: the first in which the tune has a note."""
    melody: str | None = None
    """The tune's track, by name or by number from 1. Unset: found out, and said."""
    sampling: Annotated[Sampling, tyro.conf.arg(name="")] = field(default_factory=Sampling)
    writing: Annotated[Writing, tyro.conf.arg(name="")] = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Reconstruct a clip, write it, and say how like it is."""
    arguments = parse(Reconstruct, argv, prog="musegen reconstruct")
    refuse_taken(arguments.out, force=arguments.writing.force)
    checkpoint, model = load_vae(arguments.checkpoint)
    clip = read_clip("FILE", arguments.file, checkpoint, from_bar=arguments.from_bar, melody=arguments.melody)

    from musegen.api.writing import write_reconstruction

    seed = arguments.sampling.drawn_seed()
    with output_folder(arguments.out):
        result = write_reconstruction(
            checkpoint, clip, sampling=arguments.sampling.config(checkpoint.config.sampling), seed=seed
        )
        figures = likeness(clip.score, result.score)
        manifest = write_outputs(
            [result],
            arguments.out,
            command=shlex.join(["musegen", "reconstruct", *argv]),
            seed=seed,
            checkpoint=checkpoint.path.name,
            checkpoint_sha256=checkpoint.sha256,
            row=Row([clip.score, result.score], ["yours", "the model's"], model.clip_bars),
            measured=figures,
        )
    say_likeness("reconstruction", figures)
    if arguments.writing.json:
        print_json(manifest)
    else:
        print_paths(arguments.out, manifest)
