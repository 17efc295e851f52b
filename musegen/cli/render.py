"""`musegen render`: render music files as pictures, notation, sound, or a page that plays them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from musegen.api.inputs import read_music
from musegen.cli.outputs import output_folder
from musegen.cli.parse import Flag, parse
from musegen.console import say
from musegen.errors import ConfigError, MidiError, MusegenError

if TYPE_CHECKING:
    from symusic import Score


@dataclass(frozen=True)
class Render:
    """Draw the piano roll of each file as PNG next to it; on request write notation and sound too.

    $ musegen render out/*.mid
    $ musegen render tune.mid --musicxml --wav --out rendered/
    $ musegen render out/*.mid --html tunes.html
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILES")]
    """Music files: MIDI, MusicXML or ABC."""
    out: Path | None = None
    """Output folder. Default: next to each file."""
    musicxml: Flag = False
    """Also write MusicXML, for notation programs such as MuseScore."""
    wav: Flag = False
    """Also write WAV: with fluidsynth if it is installed, else with sine waves."""
    html: Path | None = None
    """Instead of pictures, write one page with this name: piano rolls with playback of all files, for any
    browser, offline."""
    force: Flag = False
    """Replace existing results."""


def main(argv: list[str]) -> None:
    """Render every file that can be read; print the path of each result on stdout.

    Raises:
        ConfigError: there are no files, the page exists already, or a result cannot be written.
        MidiError: some of the files cannot be rendered; the others have been.
    """
    arguments = parse(Render, argv, prog="musegen render")
    files = arguments.files
    page = (arguments.out or Path()) / arguments.html if arguments.html else None
    if not files:
        raise ConfigError("FILES must be given: name one or more music files (musegen render --help)")
    suffixes = [".png"] * (not page) + [".musicxml"] * arguments.musicxml + [".wav"] * arguments.wav
    stems = [(arguments.out or path.parent) / path.stem for path in files]
    results = [[stem.with_name(stem.name + suffix) for suffix in suffixes] for stem in stems]
    _refuse_clashes(files, results)
    if page:
        _refuse_page(page, force=arguments.force)
    missing = results if arguments.force else _missing(results, more=page is not None)

    pieces: list[tuple[str, Score]] = []
    failed: list[MusegenError] = []
    with output_folder(arguments.out) if arguments.out else nullcontext():
        for path, title, outputs in zip(files, _titles(files), missing, strict=True):
            try:
                score = read_music(path)
            except MusegenError as error:
                failed.append(error)
                continue
            if page:
                pieces.append((title, score))
            try:
                for result in outputs:
                    _render(score, path, result)
            except MidiError as error:
                failed.append(error)
        if page and pieces:
            from musegen.display.page import write_page

            with _written(page, "name another place with --html"):
                write_page(pieces, page, title=page.stem)
            print(page)
        if not page and not any(missing):  # the results are there all the same
            print(*(result for outputs in results for result in outputs), sep="\n")
        _report(failed, len(files))


def _titles(files: tuple[Path, ...]) -> list[str]:
    """The names of the files without extensions, with their folders if two are the same."""
    stems = Counter(path.stem for path in files)
    return [
        path.stem if stems[path.stem] == 1 else f"{path.resolve().parent.name}/{path.stem}" for path in files
    ]


def _report(failed: list[MusegenError], count: int) -> None:
    """Report the files that could not be rendered; raises an error if there are any."""
    if not failed:
        return
    if count == 1:
        raise failed[0]
    for error in failed:
        say(f"not rendered: {error}")
    raise MidiError(f"{len(failed)} of {count} files could not be rendered, for the reasons above")


def _render(score: Score, source: Path, result: Path) -> None:
    """Write one result and print its path.

    Raises:
        MidiError: the score cannot be rendered in this format.
        ConfigError: the result cannot be written.
    """
    from musegen.api.piece import write_music

    with _written(result, "name a folder with --out"):
        try:
            messages = write_music(score, result, title=source.stem)
        except MidiError as error:
            raise MidiError(f"{source}: {error}") from error
    if messages:
        say(f"{result}: {'; '.join(messages)}")
    print(result)


@contextmanager
def _written(result: Path, hint: str) -> Iterator[None]:
    """Turn an error in writing `result` into one line for the user, with what to do next."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"{result} cannot be written ({reason}): {hint}") from error


def _refuse_clashes(files: tuple[Path, ...], results: list[list[Path]]) -> None:
    sources: dict[Path, Path] = {}
    for path, outputs in zip(files, results, strict=True):
        for result in outputs:
            if result in sources:
                raise ConfigError(
                    f"{sources[result]} and {path} would both become {result}: "
                    "render them into folders of their own"
                )
            if result == path:
                raise ConfigError(f"{path} would be replaced by its own rendering: name a folder with --out")
            sources[result] = path


def _missing(results: list[list[Path]], *, more: bool) -> list[list[Path]]:
    """The results that do not exist yet; those kept are reported, and if nothing is left and no `more`."""
    every = [result for outputs in results for result in outputs]
    kept = [result for result in every if result.exists()]
    if kept:
        what = "pictures" if all(result.suffix == ".png" for result in kept) else "files"
        nothing = "nothing written: " if kept == every and not more else ""
        names = ", ".join(map(str, kept))
        say(f"{nothing}existing {what} left unchanged: {names}; add --force to replace them")
    return [[result for result in outputs if result not in kept] for outputs in results]


def _refuse_page(page: Path, *, force: bool) -> None:
    if page.is_dir():
        raise ConfigError(f"--html {page} is a folder: name a file in it, such as {page / 'page.html'}")
    if page.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--html {page} is not a page: name a file that ends with .html")
    if page.exists() and not force:
        raise ConfigError(f"{page} exists already: add --force to replace it, or name another --html")
