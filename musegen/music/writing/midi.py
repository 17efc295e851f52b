"""Writing a Score as a MIDI file that all programs read in the same way.

symusic encodes the notes, one track at a time; the file is assembled here, since symusic does not let us
choose the channel of a track or the position of the tempo map.
"""

import struct
from collections.abc import Collection
from itertools import repeat
from operator import attrgetter
from pathlib import Path
from typing import Any

from symusic import Score, Tempo, TimeSignature, Track

from musegen.errors import MidiError
from musegen.files import write_atomic
from musegen.music.notes import normalise_notes, note_arrays, split_overlaps
from musegen.music.programs import program_name

CHANNELS = 15
"""Channels for pitched tracks; the tenth channel is for drums."""
_PROGRAM_CHANGE = b"\x00\xc0\x00"
"""At tick 0, on channel 1, program 0: symusic writes one for every track, even the conductor track."""


def midi_bytes(score: Score, *, user_tracks: Collection[int] = ()) -> bytes:
    """The Score as a type 1 MIDI file: a conductor track (tempo, metre, key), then every track with notes.

    A tempo (120) and a metre (4/4) are added if there is none. Tempos, metres and keys are not changed.

    Args:
        score: in ticks.
        user_tracks: indices, from 0, of the tracks of the user, whose notes are written verbatim. Of two
            that overlap on one pitch, which readers of a single track interpret differently, the
            later one goes to a second track of the same name and program. Other tracks are
            normalised.

    Raises:
        MidiError: there is no note, or something that MIDI cannot represent.
    """
    return _encoded(_prepared(score, user_tracks)[0])


def write_score(score: Score, path: Path, *, user_tracks: Collection[int] = ()) -> list[str]:
    """Write the Score to `path` as MIDI (see `midi_bytes`), whole or not at all, and read it back.

    Tracks without a name are named after their General MIDI program.

    Returns:
        Descriptions of what is not in the file, or will not be audible.

    Raises:
        MidiError: there is no note, or the file would not contain the same music.
        OSError: the folder cannot be written or the disk is full; see `write_atomic`.
    """
    score, words = _prepared(score, user_tracks)
    for track in score.tracks:
        if not track.name.strip():
            track.name = "Drums" if track.is_drum else program_name(track.program)
    data = _encoded(score)
    write_atomic(path, data)
    if path.read_bytes() != data:
        raise MidiError(f"{path} was not written whole; is the disk full?")
    return words


def _prepared(score: Score, user_tracks: Collection[int]) -> tuple[Score, list[str]]:
    """The Score as it will be written, and descriptions of the changes."""
    clean, words = normalise_notes(score, user_tracks=user_tracks)
    tracks = [split_overlaps(t) if i in user_tracks else [t] for i, t in enumerate(clean.tracks)]
    clean.tracks = [track for several in tracks for track in several if len(track.notes)]
    if not clean.tracks:
        raise MidiError("nothing to write: the score has no notes")
    if not clean.tempos:
        clean.tempos.append(Tempo(0, 120.0))
    if not clean.time_signatures:
        clean.time_signatures.append(TimeSignature(0, 4, 4))
    return clean, words + _clashes(clean)


def _encoded(score: Score) -> bytes:
    """The bytes of a prepared Score."""
    slots = _slots(score.tracks)
    chunks = [_conductor(score), *map(_chunk, repeat(score), score.tracks, slots)]
    data = b"MThd" + struct.pack(">IHHH", 6, 1, len(chunks), score.tpq) + b"".join(chunks)
    if _music(Score.from_midi(data)) != _music(score):
        raise MidiError("the score cannot be written as MIDI: its notes, tempos or metres would change")
    return data


def _slots(tracks: list[Track]) -> list[int]:
    """A channel for each track, counted without the tenth.

    Each pitched track has its own if there are enough; else tracks of one program share a channel, so
    that all sound right. With more than 15 programs, different programs share a channel.
    """
    slots: dict[object, int] = {}
    melodic = sum(not track.is_drum for track in tracks)
    found = []
    for number, track in enumerate(tracks):
        key = number if melodic <= CHANNELS else track.program
        found.append(0 if track.is_drum else slots.setdefault(key, len(slots) % CHANNELS))
    return found


def _clashes(score: Score) -> list[str]:
    """A warning if players cannot distinguish the programs."""
    count = len({t.program for t in score.tracks if not t.is_drum})
    if count <= CHANNELS:
        return []
    return [
        f"{count} instruments on the {CHANNELS} channels that MIDI has: "
        f"players will use the wrong one for {count - CHANNELS} of them"
    ]


def _conductor(score: Score) -> bytes:
    head = Score(score.tpq)
    head.tempos, head.time_signatures = score.tempos, score.time_signatures
    head.key_signatures, head.markers = score.key_signatures, score.markers
    head.tracks.append(Track("conductor"))
    body = _last_chunk(head)[8:].replace(_PROGRAM_CHANGE, b"", 1)
    return b"MTrk" + struct.pack(">I", len(body)) + body


def _chunk(score: Score, track: Track, slot: int) -> bytes:
    """One track as the last of a separate file, after others, since symusic numbers channels by order."""
    alone = Score(score.tpq)
    alone.tracks = [*(Track() for _ in range(slot)), track]
    return _last_chunk(alone)


def _last_chunk(score: Score) -> bytes:
    data = bytes(score.dumps_midi())
    at = after = 14
    while after < len(data):
        at, after = after, after + 8 + int.from_bytes(data[after + 4 : after + 8], "big")
    return data[at:]


def _music(score: Score) -> list[Any]:
    """What a written file must contain: every track with its notes, tempos, metres and keys."""
    tracks = []
    for track in score.tracks:
        if len(track.notes):
            rows = sorted(zip(*(column.tolist() for column in note_arrays(track)), strict=True))
            tracks.append((track.is_drum, track.program, track.name, rows))
    tempos, metres, keys = (
        sorted(marks, key=attrgetter("time"))
        for marks in (score.tempos, score.time_signatures, score.key_signatures)
    )
    return [
        sorted(tracks),
        [(t.time, t.mspq) for t in tempos],
        [(m.time, m.numerator, m.denominator) for m in metres],
        [(k.time, k.key, k.tonality) for k in keys],
    ]
