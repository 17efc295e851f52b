"""The corpora bundled with the installed music21 package: nothing is downloaded.

Parsing ABC and MusicXML takes minutes, so each book is cached as a zip of MIDI files in the user's
cache folder ($MUSEGEN_CACHE), keyed by the versions of music21 and of our parser and the list of pieces.
"""

import hashlib
import json
import os
import re
import zipfile
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from symusic import Score, Track

from musegen.console import progress, say
from musegen.data.pool import parallel
from musegen.data.splits import read_split
from musegen.errors import MidiError
from musegen.files import cache_folder, write_atomic
from musegen.music.reading.sandbox import Died


class Corpus(NamedTuple):
    """A built-in corpus."""

    books: tuple[str, ...]
    """Folders of music21's corpus."""
    licence: str
    split: Path | None = None
    """A file of lines name,split. None: the pieces are split by content."""
    others: str = ""
    """The split of the pieces that `split` does not name; "": they are left out."""


class CorpusFile(NamedTuple):
    """One piece of a corpus."""

    source: str
    """The file in the book, with the number of the tune if it has several: `airdsAirs/book5.abc#12`."""
    data: bytes
    """MIDI with the metre as notated (a pickup is a short first bar); empty if there is a `reason`."""
    repairs: list[str]
    reason: str


_RYAN = (
    "Ryan's Mammoth Collection of Fiddle Tunes (Boston 1883), transcribed to ABC by John Chambers, "
    "Ray Davies and others"
)
_ONEILL = (
    "O'Neill's Music of Ireland (Chicago 1903, 1850 tunes), transcribed to ABC by Dan G. Petersen, "
    "Ted Hastings, Bob Safranek, John B. Walsh, John Chambers, Norbert Paap, Michael Hogan, "
    "Trish O'Neil, Stephen Foy, Henrik Norbeck and others"
)
_AIRD = (
    "Aird's Selection of Scotch, English, Irish and Foreign Airs (Glasgow 1782-1801), "
    "transcribed to ABC by Jack Campin"
)
_FOLK = Path(__file__).with_name("folk.csv")
PROPAGATE = {"ryansMammoth": "octave", "oneills1850": "pitch", "airdsAirs": "octave"}
"""How far an accidental holds in its bar, by book, as its cautionary signs show (datasets/README.md)."""
_TAIL = "; as distributed with music21. The tunes are in the public domain."
CORPORA: dict[str, Corpus] = {
    "folk": Corpus(
        ("ryansMammoth", "oneills1850", "airdsAirs"), f"{_RYAN}; {_ONEILL}; {_AIRD}{_TAIL}", _FOLK, "train"
    ),
    "ryans-mammoth": Corpus(("ryansMammoth",), _RYAN + _TAIL, _FOLK, "train"),
    "bach-chorales": Corpus(
        ("bach",),
        "Four-part chorales by Johann Sebastian Bach (1685-1750), encoded by Margaret Greentree and others; "
        "as distributed with music21. The music is in the public domain.",
        split=Path(__file__).with_name("chorales.csv"),
    ),
}
_VOICES = ("Soprano", "Alto", "Tenor", "Bass")
_CHOIR = 52
"""General MIDI program (from 0): choir aahs."""


def corpus_files(name: str, *, workers: int | None = None, limit: int | None = None) -> list[CorpusFile]:
    """The pieces of the built-in corpus `name` (of CORPORA), parsed on first use and then cached.

    Args:
        name: of the corpus.
        workers: number of processes; None: all cores.
        limit: only the first `limit` tunes; only these are parsed, and they are not cached.
    """
    corpus = CORPORA[name]
    names = frozenset(read_split(corpus.split)) if corpus.split and not corpus.others else frozenset()
    files: list[CorpusFile] = []
    for book in corpus.books:
        if limit is not None and len(files) >= limit:
            break
        files += _book(book, names, workers, None if limit is None else limit - len(files))
    return files


def _book(book: str, names: frozenset[str], workers: int | None, limit: int | None) -> list[CorpusFile]:
    from musegen.music.reading.notated import PARSER_VERSION

    package = distribution("music21")
    chosen = "-" + hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:8] if names else ""
    cached = cache_folder() / f"{book}{chosen}-music21-{package.version}-parser-{PARSER_VERSION}.zip"
    files = load_book(cached)
    if files is None:
        jobs = _jobs(Path(str(package.locate_file("music21"))) / "corpus" / book, book, names)
        if limit is not None:
            workers = min(workers or os.cpu_count() or 1, limit // 50 + 1)  # a few tunes need no processes
        results = parallel(_parse, jobs, workers=workers)
        files, has_died = [], False
        for job, result in zip(jobs, progress(results, len(jobs), book), strict=True):
            has_died |= isinstance(result, Died)
            files += [CorpusFile(job[0], b"", [], result.reason)] if isinstance(result, Died) else result
            if limit is not None and len(files) >= limit:
                return files
        if not has_died:  # a process that died may succeed the next time
            save_book(cached, files)
    return files[:limit]


def _jobs(folder: Path, book: str, names: frozenset[str]) -> list[tuple[str, str | Path]]:
    """The pieces to parse, (source, text of an ABC tune or path of a MusicXML file); only `names` if any."""
    from musegen.music.reading.abc.tunebook import split_abc

    jobs: list[tuple[str, str | Path]] = []
    paths = (p for p in folder.iterdir() if p.suffix in (".abc", ".mxl", ".xml"))
    for path in sorted(p for p in paths if not names or p.stem in names):
        source = f"{book}/{path.name}"
        if path.suffix != ".abc":
            jobs.append((source, path))
            continue
        tunes = split_abc(path.read_text("utf-8", errors="replace"))
        jobs += [(f"{source}#{n}" if len(tunes) > 1 else source, t) for n, t in enumerate(tunes, start=1)]
    return jobs


def _parse(job: tuple[str, str | Path]) -> list[CorpusFile]:
    """One piece, or none if a MusicXML file does not have four named voices."""
    from musegen.music.reading.abc.tune import parse_abc
    from musegen.music.reading.guard import read_bytes, xml_text
    from musegen.music.reading.musicxml.score import parse_musicxml
    from musegen.music.writing.midi import midi_bytes

    source, music = job
    try:
        if isinstance(music, str):
            title, score, repairs = parse_abc(music, PROPAGATE[source.split("/")[0]])
            if len(score.tracks) == 1 and not score.tracks[0].name:
                score.tracks[0].name = title
        else:
            _, score, repairs = parse_musicxml(xml_text(read_bytes(music)))
            score.tracks = _voices(score)
            if not score.tracks:
                return []
        return [CorpusFile(source, midi_bytes(score), repairs, "")]
    except MidiError as error:
        return [CorpusFile(source, b"", [], str(error))]


def _voices(score: Score) -> list[Track]:
    """Soprano, alto, tenor and bass without other instruments; empty unless there is one of each."""
    voices = []
    for name in _VOICES:
        found = [t for t in score.tracks if re.match(rf"{name}\b", t.name, re.IGNORECASE)]
        if len(found) != 1:
            return []
        found[0].name, found[0].program = name, _CHOIR
        voices += found
    return voices


def save_book(path: Path, files: list[CorpusFile]) -> None:
    """Cache the book; it is no error if the cache cannot be written."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.json", json.dumps([(f.source, f.repairs, f.reason) for f in files]))
        for file in files:
            archive.writestr(f"{file.source}.mid", file.data)
    try:
        write_atomic(path, buffer.getvalue())
    except OSError as error:
        say(f"the parsed corpus could not be cached in {path.parent}: {error.strerror}")


def load_book(path: Path) -> list[CorpusFile] | None:
    """The cached book, or None if it is missing or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            index = json.loads(archive.read("index.json"))
            return [
                CorpusFile(source, archive.read(f"{source}.mid"), repairs, reason)
                for source, repairs, reason in index
            ]
    except (OSError, zipfile.BadZipFile, ValueError, KeyError):
        return None
