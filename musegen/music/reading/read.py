"""Reading any music file into a tidy Score.

Files of common size are read in this process, large MusicXML and kern in a limited one (see `sandbox`).
"""

from pathlib import Path

from symusic import Score

from musegen.errors import MidiError
from musegen.music.metre import seconds_until, tidy_metre
from musegen.music.notes import last_end, normalise_notes, note_arrays
from musegen.music.reading.abc.tune import parse_abc
from musegen.music.reading.abc.tunebook import split_abc
from musegen.music.reading.guard import read_bytes, what_is, xml_text
from musegen.music.reading.humdrum.score import parse_kern
from musegen.music.reading.midi_file import parse_midi
from musegen.music.reading.musicxml.score import parse_musicxml
from musegen.music.reading.sandbox import limited

MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".rmi", ".smf")
FORMATS = {".musicxml": "musicxml", ".xml": "musicxml", ".mxl": "musicxml", ".abc": "abc", ".krn": "kern"}
SUFFIXES = (*MIDI_SUFFIXES, *FORMATS)
MAX_TICKS = 10**7
MAX_SECONDS = 2 * 3600
MAX_NOTES = 200_000
MAX_TEMPOS = 10_000
MAX_TRIED = 100
"""Tunes of a file that are tried until one can be read."""
LARGE = 2**21
"""Characters above which a text is read in a limited process."""


def read_score(path: Path) -> tuple[Score, list[str]]:
    """A music file (MIDI, MusicXML, ABC, Humdrum) as a tidy Score, and descriptions of the repairs.

    Of several pieces in a file, the first is read.

    Raises:
        MidiError: the file is missing, or has no readable music; the message has the path.
    """
    try:
        raw, repairs = read_piece(path)
        score, _, more = tidy(raw)
    except MidiError as error:
        raise MidiError(f"cannot read {path}: {error}") from error
    return score, repairs + more


def read_midi(data: bytes) -> tuple[Score, list[str]]:
    """MIDI bytes as a tidy Score, and descriptions of the repairs.

    Raises:
        MidiError: not MIDI, damaged, or without notes.
    """
    raw, repairs = parse_midi(data)
    score, _, more = tidy(raw)
    return score, repairs + more


def tidy(score: Score) -> tuple[Score, int, list[str]]:
    """Normalised notes, tracks without notes dropped, tidy metre; the pickup in ticks and the repairs.

    Raises:
        MidiError: no notes, too many, too long, or an impossible metre.
    """
    _check_size(score)
    score, repairs = normalise_notes(score)
    score.tracks = [t for t in score.tracks if len(t.notes)]
    if not score.tracks:
        raise MidiError("no notes")
    score, pickup, more = tidy_metre(score)
    return score, pickup, repairs + more


def read_piece(path: Path) -> tuple[Score, list[str]]:
    """The first piece of a music file before `tidy`, and descriptions of the repairs.

    Raises:
        MidiError: the file is missing, or has no readable music.
    """
    form = FORMATS.get(path.suffix.lower())
    if form == "abc":
        return _first_tune(tunes_of(path))
    data = read_bytes(path)
    if form is None:
        return parse_midi(data)
    text = xml_text(data) if form == "musicxml" else decoded(data)
    parse = parse_musicxml if form == "musicxml" else parse_kern
    _, score, repairs = limited(parse, text) if len(text) > LARGE else parse(text)
    return score, repairs


def _first_tune(tunes: list[str]) -> tuple[Score, list[str]]:
    """The first of some tunes that can be read, and descriptions of the repairs."""
    faults: list[MidiError] = []
    for number, tune in enumerate(tunes[:MAX_TRIED], start=1):
        try:
            score, repairs = read_tune(tune)
        except MidiError as error:
            faults.append(error)
            continue
        which = "the first" if not faults else f"piece {number}, the first that can be read,"
        said = [f"{which} of {len(tunes)} pieces read"] if len(tunes) > 1 else []
        return score, [*said, *(f"piece {n}: {fault}" for n, fault in enumerate(faults, start=1)), *repairs]
    raise faults[0]


def tunes_of(path: Path) -> list[str]:
    """The texts of the tunes of an ABC file, at least one.

    Raises:
        MidiError: the file is missing or not text, or has too many tunes.
    """
    return split_abc(decoded(read_bytes(path)))


def read_tune(text: str) -> tuple[Score, list[str]]:
    """A tune in ABC before `tidy`, and descriptions of the repairs.

    Raises:
        MidiError: it cannot be read.
    """
    _, score, repairs = parse_abc(text)
    return score, repairs


def decoded(data: bytes) -> str:
    """Bytes as text: UTF-8, else Latin-1.

    Raises:
        MidiError: they are no text.
    """
    if b"\0" in data:
        raise MidiError(f"not text: it is {what_is(data)}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _check_size(score: Score) -> None:
    notes = score.note_num()
    if notes > MAX_NOTES:
        raise MidiError(f"too many notes: {notes}; at most {MAX_NOTES} are read")
    if len(score.tempos) > MAX_TEMPOS:
        raise MidiError(f"too many tempo changes: {len(score.tempos)}; at most {MAX_TEMPOS} are read")
    ends = [0, last_end(score), *(int(note_arrays(t)[0].min()) for t in score.tracks if len(t.notes))]
    if max(ends) > MAX_TICKS or min(ends) < -MAX_TICKS:  # times beyond 2^31 wrap to below zero
        raise MidiError(f"absurdly long: a note ends at tick {max(ends)}; at most {MAX_TICKS} are read")
    seconds = seconds_until(score, max(ends))
    if seconds > MAX_SECONDS:
        raise MidiError(f"absurdly long: {seconds / 3600:.1f} hours; at most {MAX_SECONDS // 3600} are read")
