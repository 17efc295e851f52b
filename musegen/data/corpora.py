"""The corpora that come with the installed music21 package: nothing is downloaded."""

import os
import zipfile
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from musegen.data.pool import Died, parallel
from musegen.errors import DataError, MidiError
from musegen.files import write_atomic


class Corpus(NamedTuple):
    """A built-in corpus: folders of music21's corpus and what to say of them."""

    folders: tuple[str, ...]
    licence: str


class CorpusFile(NamedTuple):
    """One piece of a corpus."""

    name: str
    data: bytes
    """MIDI, metre as notated (a pickup is a short first bar)."""
    source: str
    repairs: list[str]


_RYAN = "Ryan's Mammoth Collection of Fiddle Tunes (Boston, 1883), transcribed to ABC by John Chambers and others"
CORPORA: dict[str, Corpus] = {
    "folk": Corpus(("ryansMammoth", "oneills1850", "airdsAirs"), "public-domain tunes"),
    "ryans-mammoth": Corpus(("ryansMammoth",), f"public-domain tunes: {_RYAN}"),
}


def corpus_files(name: str, *, workers: int | None = None, limit: int | None = None) -> list[CorpusFile]:
    """The pieces of the built-in corpus `name`, parsed on first use and kept in the user's cache."""
    import music21

    root = Path(music21.__path__[0]) / "corpus"
    jobs = []
    for folder in CORPORA[name].folders:
        for path in sorted((root / folder).glob("*.abc")):
            from musegen.music.abc import split_abc

            for tune in split_abc(path.read_text("utf-8", errors="replace")):
                jobs.append((folder, path.stem, tune))
    jobs = jobs[:limit]
    from rich.progress import track
    from rich.console import Console

    results = parallel(_parse, jobs, workers=workers)
    files = []
    for r in track(results, total=len(jobs), console=Console(stderr=True), description=name):
        if isinstance(r, CorpusFile):
            files.append(r)
    return files


def _parse(job):
    folder, stem, text = job
    from musegen.music.interop import parse_abc
    from musegen.music.write import midi_bytes

    try:
        t = parse_abc(text)
        return CorpusFile(stem, midi_bytes(t.score), folder, t.repairs)
    except MidiError as e:
        return e
