"""MidiTok's own encoder and decoder, to which ours must be identical, and scores as streams say them."""

import warnings

import numpy as np
import numpy.typing as npt
from symusic import Note, Score, Tempo, TimeSignature, Track
from symusic.core import ScoreTick, TrackTick

from musegen.errors import TokenError
from musegen.tokenizers import GridTokenizer, RemiTokenizer, WholeTokenizer
from musegen.tokenizers.remi_grid import TICK_BITS
from musegen.tokenizers.tables import DRUMS, Ints

VELOCITY = 100
"""Of notes where velocities have no tokens, as MidiTok has it."""


def miditok_ids(tokenizer: RemiTokenizer, score: ScoreTick) -> list[int]:
    """What MidiTok writes of a tidy score, BOS and EOS added."""
    ids = miditok_encode(tokenizer, miditok_ready(tokenizer, score))
    return [tokenizer.bos_id, *ids, tokenizer.eos_id]


def miditok_encode(tokenizer: RemiTokenizer, ready: ScoreTick) -> list[int]:
    """MidiTok alone, on a score made ready for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sequence = tokenizer.miditok.encode(ready)
    ids: list[int] = (sequence[0] if isinstance(sequence, list) else sequence).ids
    return ids


def miditok_decode(tokenizer: RemiTokenizer, ids: npt.ArrayLike) -> ScoreTick:
    """What MidiTok reads in a stream: tracks by program, drums last, with the names of parts."""
    score = tokenizer.miditok.decode(tokenizer.miditok_sequence(ids))
    score.tracks = sorted(score.tracks, key=lambda track: (track.is_drum, track.program))
    for track in score.tracks:
        if not track.is_drum and track.program < len(tokenizer.parts):
            track.name, track.program = tokenizer.parts[track.program]
    return score


def miditok_ready(tokenizer: RemiTokenizer, score: ScoreTick) -> ScoreTick:
    """The score with its tracks as they stand in the stream.

    Programs ascend, drums are last; without programs there is one track, of all but the drums.

    Raises:
        TokenError: nothing to encode, or not with this tokenizer.
    """
    known = set(tokenizer.time_signatures)
    if not all((mark.numerator, mark.denominator) in known for mark in score.time_signatures):
        raise TokenError("unknown metre")  # MidiTok would leave it out
    ready = score.copy()
    ready.tracks = _programs(tokenizer, ready) if tokenizer.config.programs else [_merged(ready)]
    if not any(len(track.notes) for track in ready.tracks):
        raise TokenError("no notes")
    return ready


def _programs(tokenizer: RemiTokenizer, score: ScoreTick) -> list[TrackTick]:
    tracks = [track for track in score.tracks if len(track.notes)]
    for track, number in zip(tracks, tokenizer.stream_programs(tracks), strict=True):
        if not track.is_drum:
            track.program = number
    return sorted(tracks, key=lambda track: (track.is_drum, track.program))


def _merged(score: ScoreTick) -> TrackTick:
    merged = Track(name="", program=0, is_drum=False, ttype="Tick")
    for track in score.tracks:
        if not track.is_drum:
            merged.notes.extend(track.notes)
    merged.notes.sort(key=lambda note: (note.time, note.pitch), inplace=True)
    return merged


def snap(tokenizer: WholeTokenizer, score: ScoreTick) -> ScoreTick:
    """The score as its stream says it, without a detour over ids: what `decode` makes of what `encode` makes.

    Onsets and durations are the nearest that have tokens, and so are velocities and tempos where they are
    written; tracks are those of the stream, by number, each note list by (onset, pitch).

    Raises:
        TokenError: as `encode`.
    """
    if isinstance(tokenizer, GridTokenizer):
        return tokenizer.decode(tokenizer.encode(score), ticks_per_quarter=score.ticks_per_quarter)
    music, grid = tokenizer._grid.place([tokenizer._read(score)]), tokenizer._grid
    scale = 480 / int(music.ticks_per_quarter[0])

    def ticks(times: Ints) -> Ints:
        rounded: Ints = ((times & ((1 << TICK_BITS) - 1)) * scale + 0.5).astype(np.int32)
        return rounded

    said = Score(480, ttype="Tick")
    metres = music.metres
    marks = zip(ticks(metres.time).tolist(), metres.beats.tolist(), metres.unit.tolist(), strict=True)
    said.time_signatures = [TimeSignature(*mark) for mark in marks]
    tempos = zip(ticks(music.mark_time).tolist(), grid.tempos.values[music.tempo].tolist(), strict=True)
    said.tempos = [Tempo(tick, mspq=round(tempo)) for tick, tempo in tempos] or [Tempo(0, qpm=120.0)]
    length = grid.durations.values[music.duration] * metres.position_ticks[metres.at(music.time)]
    velocities = grid.velocities.values
    loud = velocities[music.velocity] if len(velocities) else np.full(len(music.time), VELOCITY)
    columns = {
        "time": ticks(music.time),
        "duration": ticks(length.astype(np.int64)),
        "pitch": music.pitch.astype(np.int8),
        "velocity": loud.astype(np.int8),
    }
    for voice in np.unique(music.voice).tolist():
        track = _new_track(tokenizer, voice)
        track.notes = Note.from_numpy(**{k: column[music.voice == voice] for k, column in columns.items()})
        said.tracks.append(track)
    return said


def _new_track(tokenizer: RemiTokenizer, number: int) -> TrackTick:
    """An empty track for what stands under `number` in the stream."""
    if number < len(tokenizer.parts):
        return Track(*tokenizer.parts[number], is_drum=False, ttype="Tick")
    return Track("", 0 if number == DRUMS else number, is_drum=number == DRUMS, ttype="Tick")
