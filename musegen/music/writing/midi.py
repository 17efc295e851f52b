"""Writing a Score as a MIDI file that every program reads alike.

symusic turns notes into bytes, one track at a time; what makes the file is put together here, since the
channel of a track and the place of the tempo map cannot be asked of symusic.
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

CHANNELS = 15
"""For melody; one more, the tenth, is for drums."""
_PROGRAM_CHANGE = b"\x00\xc0\x00"
"""At once, on channel 1, program 0: symusic writes one for every track, the conductor's too."""


def midi_bytes(score: Score, *, user_tracks: Collection[int] = ()) -> bytes:
    """The Score as a type 1 MIDI file: a conductor track (tempo, metre, key), then every track with notes.

    A tempo (120) and a metre (4/4) are written where there is none. Tempos, metres and keys are
    written as they are.

    Args:
        score: in ticks.
        user_tracks: the numbers, from 0, of the tracks that are someone's own: each of their notes is
            written as it is. Where two overlap on one pitch, which readers of one MIDI track tell
            apart differently, the later one goes to a second track of the same name and program.
            Notes of all others are normalised.

    Raises:
        MidiError: there is no note, or something that MIDI cannot hold.
    """
    return _encoded(_prepared(score, user_tracks)[0])


def write_score(score: Score, path: Path, *, user_tracks: Collection[int] = ()) -> list[str]:
    """Write the Score to `path` as MIDI (see `midi_bytes`), whole or not at all, and read it back.

    Tracks without a name get that of their General MIDI program.

    Returns:
        In words, what of the score is not in the file, or will not be heard in it.

    Raises:
        MidiError: there is no note, or the file would not hold the same music.
        OSError: the folder cannot be written or the disk is full; see `write_atomic`.
    """
    from musegen.music.facts import program_name

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
    """The Score as it will be written, and what was changed."""
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

    Each melodic track has its own while they last; else those of one program share one, so that
    all are heard as they should be. With more than 15 programs some share a channel that should not.
    """
    slots: dict[object, int] = {}
    melodic = sum(not track.is_drum for track in tracks)
    found = []
    for number, track in enumerate(tracks):
        key = number if melodic <= CHANNELS else track.program
        found.append(0 if track.is_drum else slots.setdefault(key, len(slots) % CHANNELS))
    return found


def _clashes(score: Score) -> list[str]:
    """What players cannot tell apart, in words."""
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
    """One track as the last of a file of its own; symusic counts the channels up, so others stand before."""
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
    """What a written file must hold: every track with its notes, tempos, metres and keys."""
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
