"""`musegen render`: music files as pictures, as notation, as sound, as a page that shows and plays them."""

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
    """Draw the piano roll of each file as a PNG beside it; on request write notation and sound too.

    $ musegen render out/*.mid
    $ musegen render tune.mid --musicxml --wav --out rendered/
    $ musegen render out/*.mid --html tunes.html
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILES")]
    """Music files: MIDI, MusicXML or ABC."""
    out: Path | None = None
    """A folder for the results. Unset: each beside its file."""
    musicxml: Flag = False
    """Write the score as MusicXML too, for notation programs such as MuseScore."""
    wav: Flag = False
    """Write the sound as WAV too: by fluidsynth where it is installed, else by sine waves."""
    html: Path | None = None
    """Write one page of all files in place of the pictures, under this name: piano rolls to see and to hear
    in any browser, without a network."""
    force: Flag = False
    """Replace results that are there."""


def main(argv: list[str]) -> None:
    """Render every file that can be read; print the path of each result on stdout.

    Raises:
        ConfigError: nothing to render, something in the way, or nowhere to write.
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
    results = _without_taken(results, force=arguments.force)
    if page:
        _refuse_page(page, force=arguments.force)

    pieces: list[tuple[str, Score]] = []
    failed: list[MusegenError] = []
    with output_folder(arguments.out) if arguments.out else nullcontext():
        for path, title, wanted in zip(files, _titles(files), results, strict=True):
            try:
                score = read_music("FILES", path)
            except MusegenError as error:
                failed.append(error)
                continue
            if page:
                pieces.append((title, score))
            try:
                for result in wanted:
                    _render(score, path, result)
            except MidiError as error:
                failed.append(error)
        if page and pieces:
            from musegen.display.page import write_page

            with _written(page, "name another place with --html"):
                write_page(pieces, page, title=page.stem)
            print(page)
        _report(failed, len(files))


def _titles(files: tuple[Path, ...]) -> list[str]:
    """The names of the files without their endings, and their folders where that leaves two alike."""
    stems = Counter(path.stem for path in files)
    return [
        path.stem if stems[path.stem] == 1 else f"{path.resolve().parent.name}/{path.stem}" for path in files
    ]


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
    from musegen.api.piece import write_music

    with _written(result, "name a folder with --out"):
        try:
            words = write_music(score, result, title=source.stem)
        except MidiError as error:
            raise MidiError(f"{source}: {error}") from error
    if words:
        say(f"{result}: {'; '.join(words)}")
    print(result)


@contextmanager
def _written(result: Path, hint: str) -> Iterator[None]:
    """Turn a disk that refuses `result` into one line for the user, with what to do next."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"{result} cannot be written ({reason}): {hint}") from error


def _refuse_clashes(files: tuple[Path, ...], results: list[list[Path]]) -> None:
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
            taken[result] = path


def _without_taken(results: list[list[Path]], *, force: bool) -> list[list[Path]]:
    """The results without pictures that are there already, as after `accompany`, where others are wanted.

    Raises:
        ConfigError: another result is there already, or a picture where nothing else is wanted.
    """
    kept = []
    for result in (result for wanted in results for result in wanted):
        if result.suffix == ".png" and len(results[0]) > 1 and result.is_file() and not force:
            kept.append(result)
        else:
            _refuse_taken(result, "--out", force=force)
    if kept:
        names = ", ".join(map(str, kept))
        say(f"left as it was: {names}; --force replaces what is there")
    return [[result for result in wanted if result not in kept] for wanted in results]


def _refuse_page(page: Path, *, force: bool) -> None:
    if page.is_dir():
        raise ConfigError(f"--html {page} is a folder: name a file in it, such as {page / 'page.html'}")
    if page.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--html {page} is no page: name a file that ends with .html")
    _refuse_taken(page, "--html", force=force)


def _refuse_taken(result: Path, flag: str, *, force: bool) -> None:
    if result.exists() and not force:
        raise ConfigError(f"{result} is there already: add --force to replace it, or name another {flag}")
