"""Reading one source file: tidy MIDI bytes and the facts for the index and the audit."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from symusic import Score

from musegen.data.corpora import CorpusFile
from musegen.data.dataset import IndexEntry
from musegen.data.timing import Timing
from musegen.data.versions import NO_RUNS, Runs, melodic_runs
from musegen.errors import DataError, MidiError
from musegen.music.beats import on_beats, read_beats
from musegen.music.fingerprint import beat_strength, fingerprint, off_grid_share
from musegen.music.free_time import in_free_time
from musegen.music.kits import to_general_midi
from musegen.music.melody import melody_track
from musegen.music.metre import bar_ticks
from musegen.music.odd_bars import lasting_metres
from musegen.music.reading.midi_file import parse_midi
from musegen.music.reading.read import FORMATS, SUFFIXES, read_piece, read_tune, tidy, tunes_of
from musegen.music.writing.midi import midi_bytes


class Source(NamedTuple):
    """A file to read."""

    name: str
    """Its path in the source folder, with "/", and "#" and a number if the file has several pieces;
    in a corpus, its path there."""
    content: Path | CorpusFile | str
    """A path, a piece of a corpus, or the text of one of several tunes of an ABC file."""
    melody: str | None
    """The melody track, as named by the user."""
    kit: str | None = None
    """The drum kit, one of `music.kits.KITS`; None: pitches stay."""
    beats: str | None = None
    """The name of the file of its beats beside it, in which * stands for its own name; None: it has none."""
    timing: Timing | None = None
    """How models write it, as named by the user; "free" time is kept in the form of `music.free_time`."""


class ReadPiece(NamedTuple):
    """A piece of a source file, or the reason why it cannot be used."""

    source: str
    """See `Source.name`."""
    reason: str
    """Why it cannot be used; "" if it can."""
    repairs: tuple[str, ...] = ()
    data: bytes = b""
    """Tidy MIDI."""
    piece: IndexEntry | None = None
    """Its entry in the index, named by its source; split and offset are filled in later."""
    off_grid: float = 0.0
    """Share of the onsets off the grid, 0 to 1."""
    beat_strength: float = 1.0
    """See `music.fingerprint`."""
    runs: Runs = NO_RUNS
    """See `melodic_runs`."""


def find_sources(folder: Path, melody: str | None) -> list[Source]:
    """Every music file under `folder` (or the file itself), sorted by path; links to folders are ignored.

    Raises:
        DataError: it does not exist, or has no music file.
    """
    if folder.is_file():
        return [Source(folder.name, folder, melody)]
    if not folder.is_dir():
        raise DataError(f"{folder} does not exist: name a folder, a file, or a built-in corpus")
    if (folder / "dataset.json").is_file():
        raise DataError(f"{folder} is a prepared dataset: train on it, or name the folder of its music")
    found = []
    for root, folders, names in os.walk(folder):
        folders.sort()
        paths = [Path(root) / n for n in names if Path(n).suffix.lower() in SUFFIXES]
        found += [Source(p.relative_to(folder).as_posix(), p, melody) for p in paths]
    if not found:
        raise DataError(f"no music files in {folder}; looked for {', '.join(SUFFIXES)}")
    return sorted(found)


def single_pieces(sources: Iterable[Source]) -> Iterator[Source]:
    """The sources, with each tune of an ABC file of several as a separate source.

    So an unreadable tune does not affect the others, and a large book is split among processes.
    """
    for source in sources:
        tunes: list[str] = []
        if isinstance(source.content, Path) and FORMATS.get(source.content.suffix.lower()) == "abc":
            with suppress(MidiError):  # reading it reports the fault
                tunes = tunes_of(source.content)
        if len(tunes) < 2:
            yield source
        else:
            yield from (
                source._replace(name=f"{source.name}#{n}", content=t) for n, t in enumerate(tunes, start=1)
            )


def read_source(source: Source) -> ReadPiece:
    """The piece of a source; if it cannot be read, the result has the reason."""
    content = source.content
    if isinstance(content, CorpusFile) and content.reason:
        return ReadPiece(source.name, content.reason)
    try:
        if isinstance(content, CorpusFile):
            raw, repairs = parse_midi(content.data)[0], content.repairs
        else:
            raw, repairs = read_tune(content) if isinstance(content, str) else read_piece(content)
        if source.beats is not None:
            raw = on_beats(raw, read_beats(beats_file(content, source.beats)))
        if source.kit is not None:
            raw, more = to_general_midi(raw, source.kit)
            repairs = [*repairs, *more]
        if source.timing != "free":
            return described(source.name, raw, repairs, source.melody)
        free, more = in_free_time(raw)
        found = described(source.name, free, [*repairs, *more], source.melody)
        return found._replace(off_grid=off_grid_share(raw), beat_strength=beat_strength(raw))
    except MidiError as error:
        return ReadPiece(source.name, str(error))
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:
        return ReadPiece(source.name, f"unreadable: {type(error).__name__}: {error}")


def beats_file(music: object, name: str) -> Path:
    """The file of beats beside a file of music, by its name or a pattern.

    Raises:
        MidiError: the music is in no file of its own.
    """
    if not isinstance(music, Path):
        raise MidiError("no file of beats beside it: it is not in a file of its own")
    return music.parent / name.replace("*", music.stem)


def described(name: str, raw: Score, repairs: list[str], requested: str | None = None) -> ReadPiece:
    """A piece, tidied, with what the index of a dataset says of it.

    Args:
        name: of the piece.
        raw: as read.
        repairs: so far.
        requested: the melody track, as named by the user.

    Raises:
        MidiError: see `tidy`.
    """
    score, pickup, more = tidy(raw)
    data = midi_bytes(score)
    try:
        melody, how, _ = melody_track(score, requested)
        if how == "unlikely":  # nothing to learn a melody from
            melody, how = -1, "missing"
    except DataError:
        melody, how = -1, "missing" if any(not track.is_drum for track in score.tracks) else "only drums"
    piece = IndexEntry(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        fingerprint=fingerprint(score),
        split="",
        notes=score.note_num(),
        bars=len(bar_ticks(score)) - 1,
        pickup=pickup / score.tpq,
        melody=melody,
        melody_how=how,
        time_signatures=[f"{beats}/{unit}" for beats, unit in lasting_metres(score)],
        programs=sorted({-1 if t.is_drum else t.program for t in score.tracks}),
        offset=0,
        size=len(data),
    )
    return ReadPiece(
        name,
        "",
        (*repairs, *more),
        data,
        piece,
        off_grid_share(score),
        beat_strength(score),
        melodic_runs(score),
    )
