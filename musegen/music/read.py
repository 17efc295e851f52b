"""Reading any music file into a tidy Score."""

from pathlib import Path

from symusic import Score

from musegen.errors import MidiError
from musegen.music.guard import check_midi, read_bytes
from musegen.music.metre import tidy_metre
from musegen.music.notes import normalise_notes

MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".rmi", ".smf")
FORMATS = {".musicxml": "musicxml", ".xml": "musicxml", ".mxl": "musicxml", ".abc": "abc", ".krn": "humdrum"}
SUFFIXES = (*MIDI_SUFFIXES, *FORMATS)


def read_score(path: Path) -> tuple[Score, list[str]]:
    """The first piece of a music file as a tidy Score, and what was repaired, in words.

    Raises:
        MidiError: the file is missing, or its content is no music that can be read.
    """
    for _, score, repairs in read_pieces(path):
        score, _, more = tidy(score)
        return score, repairs + more
    raise MidiError("no notes")


def read_midi(data: bytes) -> tuple[Score, list[str]]:
    """MIDI bytes as a tidy Score, and what was repaired, in words.

    Raises:
        MidiError: not MIDI, damaged, or without notes.
    """
    raw, repairs = parse_midi(data)
    score, _, more = tidy(raw)
    return score, repairs + more


def tidy(score: Score) -> tuple[Score, int, list[str]]:
    """Normalised notes, tracks without notes dropped, tidy metre; the pickup in ticks and the repairs.

    Raises:
        MidiError: no notes, or an impossible metre.
    """
    score, repairs = normalise_notes(score)
    score.tracks = [t for t in score.tracks if len(t.notes)]
    if not score.tracks:
        raise MidiError("no notes")
    score, pickup, more = tidy_metre(score)
    return score, pickup, repairs + more


def parse_midi(data: bytes) -> tuple[Score, list[str]]:
    """MIDI bytes as symusic reads them, after the guard.

    Raises:
        MidiError: not MIDI or damaged.
    """
    data, repairs = check_midi(data)
    try:
        score = Score.from_midi(data)
    except (RuntimeError, ValueError) as error:
        raise MidiError(f"damaged MIDI: {error}") from error
    if score.tpq <= 0:
        raise MidiError("zero ticks a quarter")
    return score, repairs


def read_pieces(path: Path) -> list[tuple[str, Score, list[str]]]:
    """Every piece of a file: (name suffix such as "#12" or "", score as written, repairs).

    Raises:
        MidiError: see `read_score`.
    """
    data = read_bytes(path)
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        return [("", *parse_midi(data))]
    from musegen.music.abc import split_abc
    from musegen.music.interop import parse_abc, parse_music21

    text = data.decode("utf-8", errors="replace")
    if form != "abc":
        tune = parse_music21(text, form)
        return [("", tune.score, tune.repairs)]
    tunes = split_abc(text)
    pieces = []
    for number, one in enumerate(tunes, start=1):
        tune = parse_abc(one)
        pieces.append((f"#{number}" if len(tunes) > 1 else "", tune.score, tune.repairs))
    return pieces
