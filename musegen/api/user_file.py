"""A file of the user that is edited: its events, and the Score that a model reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from musegen.api.inputs import label, read_raw, tidy_tracks, unreadable
from musegen.api.piece import Piece
from musegen.console import say
from musegen.errors import MidiError
from musegen.music.reading.guard import read_bytes
from musegen.music.reading.midi_file import parse_midi
from musegen.music.reading.read import FORMATS
from musegen.music.writing.midi import midi_bytes
from musegen.music.writing.midi_edit import (
    Events,
    finer,
    read_events,
)

if TYPE_CHECKING:
    from symusic import Score

    from musegen.api.inputs import Music


class UserFile(NamedTuple):
    """A music file of the user that has been read, in the ticks of its tidy Score."""

    events: Events
    raw: Score
    score: Score
    numbers: list[int]
    """The track in `raw` of each track of `score`."""
    pad: int
    repairs: list[str]
    """Of `score` alone."""


def read_user_file(music: Music) -> UserFile:
    """A file, a Score or a Piece with the events of its MIDI file; repairs are reported.

    Raises:
        ConfigError: a path that does not exist.
        MidiError: the file cannot be read.
    """
    raw, repairs = read_raw(music)
    try:
        read = parse_user_file(bytes_of(music, raw))
    except MidiError as error:
        raise unreadable(music, error) from error
    if repairs:
        say(f"{label(music)}: {'; '.join(repairs)}")
    return read


def bytes_of(music: Music, raw: Score) -> bytes:
    """The music as a MIDI file: the user's own, if it is one."""
    if isinstance(music, Piece) and music.result.midi is not None:
        return music.result.midi
    if isinstance(music, str | Path) and Path(music).suffix.lower() not in FORMATS:
        return read_bytes(Path(music))
    return midi_bytes(raw, user_tracks=range(len(raw.tracks)))


def parse_user_file(data: bytes) -> UserFile:
    """MIDI bytes as they are, and as a model reads them.

    Raises:
        MidiError: they cannot be read.
    """
    raw, _ = parse_midi(data)
    score, numbers, pad, repairs = tidy_tracks(raw)
    factor = score.tpq // raw.tpq
    return UserFile(finer(read_events(data), factor), raw.resample(score.tpq), score, numbers, pad, repairs)
