"""Writing a Score as a MIDI file that every program reads alike."""

from pathlib import Path

from symusic import Score, Tempo, Track

from musegen.errors import MidiError
from musegen.files import write_atomic
from musegen.music.notes import normalise_notes


def midi_bytes(score: Score) -> bytes:
    """The Score as a type 1 MIDI file: conductor track first (tempo, metre, key), then every track with notes.

    Raises:
        MidiError: there is no note.
    """
    score, _ = normalise_notes(score)
    score.tracks = [t for t in score.tracks if len(t.notes)]
    if not score.tracks:
        raise MidiError("nothing to write: the score has no notes")
    if not score.tempos:
        score.tempos.append(Tempo(0, 120.0))
    score.tracks.insert(0, Track("conductor"))
    return bytes(score.dumps_midi())


def write_score(score: Score, path: Path) -> None:
    """Write the Score to `path` as MIDI, whole or not at all, and check that it reads back.

    Raises:
        MidiError: there is no note, or the file would not hold the same notes.
        OSError: see `write_atomic`.
    """
    data = midi_bytes(score)
    write_atomic(path, data)
