"""From music on the grid of REMI back to a Score, without a detour over ids."""

from collections.abc import Callable

import numpy as np
from symusic import Note, Score, Tempo, TimeSignature
from symusic.core import ScoreTick, TrackTick

from musegen.tokenizers.remi_grid import TICK_BITS, Array, GridMusic, RemiGrid
from musegen.tokenizers.tables import Ints

VELOCITY = 100
"""Of notes where velocities have no tokens, as MidiTok has it."""


def compose(
    music: GridMusic, grid: RemiGrid, new_track: Callable[[int], TrackTick], *, ticks_per_quarter: int
) -> ScoreTick:
    """The score of one piece.

    Args:
        music: of one piece.
        grid: that it was placed on.
        new_track: an empty track for each voice.
        ticks_per_quarter: of the score returned.
    """
    scale = ticks_per_quarter / int(music.ticks_per_quarter[0])

    def ticks(times: Ints) -> Ints:
        rounded: Ints = ((times & ((1 << TICK_BITS) - 1)) * scale + 0.5).astype(np.int32)
        return rounded

    score = Score(ticks_per_quarter, ttype="Tick")
    metres = music.metres
    marks = zip(ticks(metres.time).tolist(), metres.beats.tolist(), metres.unit.tolist(), strict=True)
    score.time_signatures = [TimeSignature(*mark) for mark in marks]
    tempos = zip(ticks(music.mark_time).tolist(), grid.tempos.values[music.tempo].tolist(), strict=True)
    score.tempos = [Tempo(tick, mspq=round(tempo)) for tick, tempo in tempos] or [Tempo(0, qpm=120.0)]
    length = grid.durations.values[music.duration] * metres.position_ticks[metres.at(music.time)]
    columns: dict[str, Array] = {
        "time": ticks(music.time),
        "duration": ticks(length.astype(np.int64)),
        "pitch": music.pitch.astype(np.int8),
        "velocity": _velocities(music, grid),
    }
    for voice in np.unique(music.voice).tolist():
        track = new_track(voice)
        track.notes = Note.from_numpy(**{k: column[music.voice == voice] for k, column in columns.items()})
        score.tracks.append(track)
    return score


def _velocities(music: GridMusic, grid: RemiGrid) -> Ints:
    values = grid.velocities.values
    chosen = values[music.velocity] if len(values) else np.full(len(music.time), VELOCITY)
    return chosen.astype(np.int8)
