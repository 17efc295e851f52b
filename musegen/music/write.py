"""Writing a Score as a MIDI file that every program reads alike."""

from pathlib import Path

from symusic import Score, Tempo, TimeSignature, Track

from musegen.errors import MidiError
from musegen.files import write_atomic
from musegen.music.notes import normalise_notes, note_arrays

_CONDUCTOR = b"\xff\x03\x09conductor"
_PROGRAM_CHANGE = b"\x00\xc0\x00"
"""At once, on channel 1, program 0: symusic writes one for every track, the conductor's too."""


def midi_bytes(score: Score) -> bytes:
    """The Score as a type 1 MIDI file: a conductor track (tempo, metre, key), then every track with notes.

    Notes are normalised; a tempo (120) and a metre (4/4) are written where there is none.

    Raises:
        MidiError: there is no note, or one that MIDI cannot hold.
    """
    score, _ = normalise_notes(score)
    score.tracks = [t for t in score.tracks if len(t.notes)]
    if not score.tracks:
        raise MidiError("nothing to write: the score has no notes")
    if not score.tempos:
        score.tempos.append(Tempo(0, 120.0))
    if not score.time_signatures:
        score.time_signatures.append(TimeSignature(0, 4, 4))
    score.tracks.insert(0, Track("conductor"))
    data = _without_program(bytes(score.dumps_midi()))
    if _notes(Score.from_midi(data)) != _notes(score):
        raise MidiError("the score cannot be written as MIDI: its notes would change")
    return data


def _without_program(data: bytes) -> bytes:
    """The file without the program change of its first track, the conductor's."""
    size = int.from_bytes(data[18:22], "big")
    chunk = data[22 : 22 + size].replace(_CONDUCTOR + _PROGRAM_CHANGE, _CONDUCTOR, 1)
    return data[:18] + len(chunk).to_bytes(4, "big") + chunk + data[22 + size :]


def _notes(score: Score) -> list[tuple[bool, int, list[tuple[int, ...]]]]:
    """Every track with notes: drums, program, and its notes sorted."""
    tracks = []
    for track in score.tracks:
        if len(track.notes):
            rows = sorted(zip(*(column.tolist() for column in note_arrays(track)), strict=True))
            tracks.append((track.is_drum, 0 if track.is_drum else track.program, rows))
    return sorted(tracks)


def write_score(score: Score, path: Path) -> None:
    """Write the Score to `path` as MIDI, whole or not at all, and check that it is there.

    Tracks without a name get that of their General MIDI program.

    Raises:
        MidiError: there is no note, or the file would not hold the same notes.
        OSError: the folder cannot be written or the disk is full; see `write_atomic`.
    """
    from musegen.music.interop import program_name

    score = score.copy()
    for track in score.tracks:
        if not track.name.strip():
            track.name = "Drums" if track.is_drum else program_name(track.program)
    data = midi_bytes(score)
    write_atomic(path, data)
    if path.read_bytes() != data:
        raise MidiError(f"{path} was not written whole; is the disk full?")
