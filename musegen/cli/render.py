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
    _refuse_clashes(files, results, force=arguments.force)
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
            failed += _render_all(score, path, wanted)
        if page and pieces:
            _render_page(pieces, page)
        _report(failed, len(files))


def _render_all(score: Score, source: Path, wanted: list[Path]) -> list[MidiError]:
    """Write each result of a file until one cannot be rendered; why not, if so."""
    for result in wanted:
        try:
            _render(score, source, result)
        except MidiError as error:
            return [error]
    return []


def _titles(files: tuple[Path, ...]) -> list[str]:
    """The names of the files without their endings, and their folders where that leaves two alike."""
    stems = Counter(path.stem for path in files)
    return [
        path.stem if stems[path.stem] == 1 else f"{path.resolve().parent.name}/{path.stem}" for path in files
    ]


def _render_page(pieces: list[tuple[str, Score]], page: Path) -> None:
    from musegen.display.page import write_page

    with _written(page, "name another place with --html"):
        write_page(pieces, page, title=page.stem)
    print(page)


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
    with _written(result, "name a folder with --out"):
        try:
            words = _write(score, source, result)
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


def _write(score: Score, source: Path, result: Path) -> list[str]:
    """Write one result; what there is to say about it."""
    if result.suffix == ".wav":
        from musegen.music.writing.audio import write_wav

        return [write_wav(score, result)]
    if result.suffix == ".musicxml":
        from musegen.music.writing.musicxml import write_musicxml

        return write_musicxml(score, result, title=source.stem)
    from musegen.display.piano_roll import write_piano_roll

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
            _refuse_taken(result, "--out", force=force)
            taken[result] = path


def _refuse_page(page: Path, *, force: bool) -> None:
    if page.is_dir():
        raise ConfigError(f"--html {page} is a folder: name a file in it, such as {page / 'page.html'}")
    if page.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--html {page} is no page: name a file that ends with .html")
    _refuse_taken(page, "--html", force=force)


def _refuse_taken(result: Path, flag: str, *, force: bool) -> None:
    if result.exists() and not force:
        raise ConfigError(f"{result} is there already: add --force to replace it, or name another {flag}")
