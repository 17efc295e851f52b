"""Small scores for the tests of music."""

from symusic import Note, Score, Tempo, TimeSignature, Track

TPQ = 480


def line(
    pitches: list[int],
    *,
    step: int = 240,
    name: str = "",
    program: int = 0,
    drums: bool = False,
    start: int = 0,
) -> Track:
    """A track of notes of `step` ticks that follow each other."""
    track = Track(name, program, drums)
    for i, pitch in enumerate(pitches):
        track.notes.append(Note(start + i * step, step, pitch, 80))
    return track


def score(*tracks: Track, metres: list[tuple[int, int, int]] | None = None, tempo: float = 100) -> Score:
    """A score of tracks with metres (tick, beats, unit) and a tempo."""
    result = Score(TPQ)
    result.tempos.append(Tempo(0, tempo))
    for time, beats, unit in metres or []:
        result.time_signatures.append(TimeSignature(time, beats, unit))
    for track in tracks:
        result.tracks.append(track)
    return result


def notes(track: Track) -> list[tuple[int, int, int]]:
    """(onset, duration, pitch) of every note."""
    return [(n.time, n.duration, n.pitch) for n in track.notes]
