"""`musegen render`: piano rolls of music files."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from musegen.cli.parse import Flag, parse
from musegen.cli.places import output_folder, read_music
from musegen.errors import ConfigError


@dataclass(frozen=True)
class Render:
    """Draw the piano roll of each file as a PNG beside it.

    $ musegen render out/*.mid
    $ musegen render tune.mid --out pictures/
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILES")]
    """Music files: MIDI, MusicXML or ABC."""
    out: Path | None = None
    """A folder for the pictures. Unset: each beside its file."""
    force: Flag = False
    """Replace pictures that are there."""


def main(argv: list[str]) -> None:
    """Draw every file; print the path of each picture on stdout."""
    arguments = parse(Render, argv, prog="musegen render")
    if not arguments.files:
        raise ConfigError("FILES must be given: name one or more music files (musegen render --help)")

    pictures = [(arguments.out or path.parent) / f"{path.stem}.png" for path in arguments.files]
    _refuse_clashes(pictures, force=arguments.force)

    from musegen.evaluation.plots import write_piano_roll

    scores = [read_music("FILES", path) for path in arguments.files]  # all, before anything is written
    with output_folder(arguments.out) if arguments.out else nullcontext():
        for path, score, picture in zip(arguments.files, scores, pictures, strict=True):
            try:
                write_piano_roll(score, picture, title=path.stem)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise ConfigError(
                    f"{picture} cannot be written ({reason}): name a folder with --out"
                ) from error
            print(picture)


def _refuse_clashes(pictures: list[Path], *, force: bool) -> None:
    for index, picture in enumerate(pictures):
        if picture in pictures[:index]:
            raise ConfigError(
                f"two of FILES would both become {picture}: render them into folders of their own"
            )
        if picture.exists() and not force:
            raise ConfigError(f"{picture} is there already: add --force to replace it, or name another --out")
