"""`musegen render`: music files as pictures, as notation, as sound."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from musegen.cli.parse import Flag, parse
from musegen.cli.places import output_folder, read_music
from musegen.console import say
from musegen.errors import ConfigError, MidiError, MusegenError

if TYPE_CHECKING:
    from symusic import Score


@dataclass(frozen=True)
class Render:
    """Draw the piano roll of each file as a PNG beside it; on request write notation and sound too.

    $ musegen render out/*.mid
    $ musegen render tune.mid --musicxml --wav --out rendered/
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILES")]
    """Music files: MIDI, MusicXML or ABC."""
    out: Path | None = None
    """A folder for the results. Unset: each beside its file."""
    musicxml: Flag = False
    """Write the score as MusicXML too, for notation programs such as MuseScore."""
    wav: Flag = False
    """Write the sound as WAV too: by fluidsynth where it is installed, else by sine waves."""
    force: Flag = False
    """Replace results that are there."""


def main(argv: list[str]) -> None:
    """Render every file that can be read; print the path of each result on stdout.

    Raises:
        ConfigError: nothing to render, something in the way, or nowhere to write.
        MidiError: some of the files cannot be rendered; the others have been.
    """
    arguments = parse(Render, argv, prog="musegen render")
    if not arguments.files:
        raise ConfigError("FILES must be given: name one or more music files (musegen render --help)")
    suffixes = [".png"] + [".musicxml"] * arguments.musicxml + [".wav"] * arguments.wav
    stems = [(arguments.out or path.parent) / path.stem for path in arguments.files]
    results = [[stem.with_name(stem.name + suffix) for suffix in suffixes] for stem in stems]
    _refuse_clashes(arguments.files, results, force=arguments.force)

    failed: list[MusegenError] = []
    with output_folder(arguments.out) if arguments.out else nullcontext():
        for path, wanted in zip(arguments.files, results, strict=True):
            error = _render_file(path, wanted)
            if error:
                failed.append(error)
        _report(failed, len(arguments.files))


def _render_file(path: Path, wanted: list[Path]) -> MusegenError | None:
    """Write each result of a file; why the file cannot be rendered, if it cannot."""
    try:
        score = read_music("FILES", path)
    except MusegenError as error:
        return error
    for result in wanted:
        try:
            _render(score, path, result)
        except MidiError as error:
            return error
    return None


def _report(failed: list[MusegenError], count: int) -> None:
    """Name each file that was not rendered, and end with an error if there is one."""
    if not failed:
        return
    if count == 1:
        raise failed[0]
    for error in failed:
        say(f"not rendered: {error}")
    raise MidiError(f"{len(failed)} of {count} FILES could not be rendered, for the reasons above")


def _render(score: Score, source: Path, result: Path) -> None:
    """Write one result and print its path.

    Raises:
        MidiError: the score cannot be rendered so.
        ConfigError: the result cannot be written.
    """
    try:
        words = _write(score, source, result)
    except MidiError as error:
        raise MidiError(f"{source}: {error}") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"{result} cannot be written ({reason}): name a folder with --out") from error
    if words:
        say(f"{result}: {'; '.join(words)}")
    print(result)


def _write(score: Score, source: Path, result: Path) -> list[str]:
    """Write one result; what there is to say about it."""
    if result.suffix == ".wav":
        from musegen.music.audio import write_wav

        return [write_wav(score, result)]
    if result.suffix == ".musicxml":
        from musegen.music.musicxml import write_musicxml

        return write_musicxml(score, result, title=source.stem)
    from musegen.evaluation.plots import write_piano_roll

    write_piano_roll(score, result, title=source.stem)
    return []


def _refuse_clashes(files: tuple[Path, ...], results: list[list[Path]], *, force: bool) -> None:
    taken: dict[Path, Path] = {}
    for path, wanted in zip(files, results, strict=True):
        for result in wanted:
            if result in taken:
                raise ConfigError(
                    f"{taken[result]} and {path} would both become {result}: "
                    "render them into folders of their own"
                )
            if result == path:
                raise ConfigError(f"{path} would be replaced by its own rendering: name a folder with --out")
            if result.exists() and not force:
                raise ConfigError(
                    f"{result} is there already: add --force to replace it, or name another --out"
                )
            taken[result] = path
