"""Scores on the grid of REMI, as arrays: MidiTok's preprocessing, vectorised, with the same results.

Many pieces are placed at once, since most of them are small and a call of numpy is not. A time is then
the number of the piece and, in the lower `TICK_BITS`, a tick of its grid. That grid is as fine as the
shortest unit of the piece's metres asks for, so that a position (`POSITIONS_PER_BEAT` to the beat of the
metre) is one tick in that metre and several in others. Velocities, durations and tempos are ranks among
the values that have tokens.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from musegen.tokenizers.tables import POSITIONS_PER_BEAT, Ints

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

TICK_BITS = 31
"""At most 2^16 pieces at once: a time, a voice (8 bits) and a pitch (7) are sorted as one number."""
DEFAULT_METRE = (4, 4)
DEFAULT_TEMPO = 500_000
"""Microseconds a quarter where a score says nothing: 120 quarters a minute."""


class GridPiece(NamedTuple):
    """What REMI reads of a score, in its own ticks."""

    ticks_per_quarter: int
    changes: tuple[tuple[int, int, int], ...]
    """Tick, beats and unit of each metre."""
    tempos: dict[str, Array]
    """Columns "time" and "mspq" (microseconds a quarter); empty where tempos have no tokens."""
    voices: list[tuple[int, dict[str, Array]]]
    """Number in the stream and columns "time", "duration", "pitch" and "velocity" of each track, by onset."""


class Metres(NamedTuple):
    """The metres of all pieces, S stretches of bars, (S,) each."""

    time: Ints
    """Where each begins."""
    beats: Ints
    unit: Ints
    position_ticks: Ints
    """Length of a position."""
    first_bar: Ints
    """Number of its first bar in the piece, from 0."""
    rounds: Ints
    """1 where the piece has metres of several units, so that ticks are to be rounded to positions."""

    def at(self, time: Ints) -> Ints:
        """Which stretch each time lies in, (N,)."""
        return self.time.searchsorted(time, side="right") - 1

    @property
    def bar_ticks(self) -> Ints:
        """Length of a bar, (S,)."""
        return self.beats * self.position_ticks * POSITIONS_PER_BEAT


class GridMusic(NamedTuple):
    """N notes by (time, voice, pitch), no two alike in all three, and K tempo marks by time."""

    ticks_per_quarter: Ints
    """Of the grid of each piece."""
    metres: Metres
    mark_time: Ints
    tempo: Ints
    """(K,) rank."""
    time: Ints
    """(N,) onset."""
    voice: Ints
    """(N,) number of the instrument in the stream: a program, a part, or `DRUMS`."""
    pitch: Ints
    velocity: Ints
    """(N,) rank; 0 where velocities have no tokens."""
    duration: Ints
    """(N,) rank."""


class Scale(NamedTuple):
    """Values that have tokens, ascending, and the points where the nearest of them changes."""

    values: Floats
    borders: Floats

    @classmethod
    def of(cls, values: npt.ArrayLike) -> "Scale":
        """The scale of `values`, (L,); empty where they have no tokens."""
        array = np.sort(np.asarray(values, dtype=np.float64))
        return cls(array, (array[1:] + array[:-1]) / 2)

    def rank(self, values: Array) -> Ints:
        """Rank of the nearest value, of the higher one at equal distance, (N,)."""
        return self.borders.searchsorted(values, side="right")


class RemiGrid(NamedTuple):
    """What the tokens of a vocabulary can say."""

    durations: Scale
    """Positions."""
    velocities: Scale
    tempos: Scale
    """Microseconds a quarter."""

    def place(self, pieces: Sequence[GridPiece]) -> GridMusic:
        """Round pieces to their grids.

        Of notes of one voice that fall together on one pitch one is left, as short as the shortest.
        """
        metres, ticks_per_quarter = _lay_metres(pieces)
        scale = ticks_per_quarter / np.array([piece.ticks_per_quarter for piece in pieces])
        number, voice, columns = _gather(pieces)
        scales = scale[number]
        time = _place_times(columns["time"], scales, number, metres)
        length = _rescale(columns["duration"], scales) / metres.position_ticks[metres.at(time)]
        rank = (self.durations.rank(length) << 16) | self.velocities.rank(columns["velocity"])
        key = (time << 15) | (voice << 7) | columns["pitch"]
        order = key.argsort(kind="stable")
        key = key[order]
        first = np.ones(len(key), dtype=bool)
        first[1:] = key[1:] != key[:-1]
        rank = np.minimum.reduceat(rank[order], first.nonzero()[0])
        key = key[first]
        return GridMusic(
            ticks_per_quarter, metres, *self._place_tempos(pieces, scale, metres),
            time=key >> 15, voice=(key >> 7) & 255, pitch=key & 127,
            velocity=rank & 0xFFFF, duration=rank >> 16,
        )  # fmt: skip

    def _place_tempos(self, pieces: Sequence[GridPiece], scale: Floats, metres: Metres) -> tuple[Ints, Ints]:
        """Times and ranks of the tempo marks, (K,) each: the last of those at one time, one on tick 0."""
        if not len(self.tempos.values):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        counts = [len(piece.tempos["time"]) for piece in pieces]
        number = np.arange(len(pieces)).repeat(counts)
        times = np.concatenate([piece.tempos["time"] for piece in pieces])
        tempo = self.tempos.rank(np.concatenate([piece.tempos["mspq"] for piece in pieces]))
        time = _place_times(times, scale[number], number, metres)
        starts = np.arange(len(pieces)) << TICK_BITS
        starts = starts[~np.isin(starts, time)]  # where nothing is said at first, it is the default
        time = np.concatenate([starts, time])
        tempo = np.concatenate([self.tempos.rank(np.full(len(starts), DEFAULT_TEMPO)), tempo])
        order = time.argsort(kind="stable")
        time, tempo = time[order], tempo[order]
        last = np.ones(len(time), dtype=bool)
        last[:-1] = time[1:] != time[:-1]
        return time[last], tempo[last]


def _gather(pieces: Sequence[GridPiece]) -> tuple[Ints, Ints, dict[str, Array]]:
    """The number of the piece and the voice of every note, (N,) each, and the columns of all notes."""
    tracks = [(i, voice, columns) for i, piece in enumerate(pieces) for voice, columns in piece.voices]
    sizes = [len(columns["time"]) for _, _, columns in tracks]
    number, voice = (np.array([track[k] for track in tracks]).repeat(sizes) for k in (0, 1))
    names = ("time", "duration", "pitch", "velocity")
    return number, voice, {name: np.concatenate([track[2][name] for track in tracks]) for name in names}


def _lay_metres(pieces: Sequence[GridPiece]) -> tuple[Metres, Ints]:
    """The metres of the pieces on their grids, and the ticks a quarter of each grid, (P,)."""
    laid = [lay_changes(piece.changes, piece.ticks_per_quarter) for piece in pieces]
    rows = np.array([row for stretches, _ in laid for row in stretches]).T
    number = np.arange(len(laid)).repeat([len(stretches) for stretches, _ in laid])
    tick, *columns = rows
    return Metres((number << TICK_BITS) | tick, *columns), np.array([ticks for _, ticks in laid])


@lru_cache(maxsize=256)  # the pieces of a corpus share their metres, mostly
def lay_changes(
    changes: tuple[tuple[int, int, int], ...], ticks_per_quarter: int
) -> tuple[list[tuple[int, int, int, int, int, int]], int]:
    """A row of `Metres` for each stretch of a piece, and the ticks a quarter of its grid.

    A change that is not on a bar line is put off to the next one, as MidiTok does; tidy scores have none.

    Args:
        changes: (tick, beats, unit) of each, by tick.
        ticks_per_quarter: of the score.
    """
    if not changes or changes[0][0] > 0:
        changes = ((0, *DEFAULT_METRE), *changes)
    finest = max(unit for _, _, unit in changes)
    grid_ticks = POSITIONS_PER_BEAT * finest // 4
    placed: list[tuple[int, int, int]] = []
    for time, beats, unit in changes:
        tick = int(time * (grid_ticks / ticks_per_quarter))
        if placed:
            begin, *before = placed[-1]
            bar = before[0] * POSITIONS_PER_BEAT * finest // before[1]
            tick = begin + max(0, -((begin - tick) // bar)) * bar
            if before != [beats, unit] and tick == begin:
                placed.pop()
        if not placed or placed[-1][1:] != (beats, unit):
            placed.append((tick, beats, unit))
    rounds = len({unit for _, _, unit in placed}) > 1
    rows: list[tuple[int, int, int, int, int, int]] = []
    for tick, beats, unit in placed:
        bar = 0
        if rows:
            begin, n, _, position_ticks, bar, _ = rows[-1]
            bar += (tick - begin) // (n * position_ticks * POSITIONS_PER_BEAT)
        rows.append((tick, beats, unit, finest // unit, bar, int(rounds)))
    return rows, grid_ticks


def _rescale(ticks: Array, scale: Floats) -> Ints:
    """Ticks of another resolution, halves rounded up as symusic does."""
    return np.asarray(ticks * scale + 0.5, np.int64)


def _place_times(ticks: Array, scale: Floats, number: Ints, metres: Metres) -> Ints:
    """Times of ticks of the pieces `number`, (N,), on the positions of their metres.

    Where metres of several units make ticks finer than positions, halves go to the even position, counted
    from the start of the metre.
    """
    time = (number << TICK_BITS) | _rescale(ticks, scale)
    if not metres.rounds.any():
        return time
    row = metres.at(time)
    begin, step = metres.time[row], np.where(metres.rounds, metres.position_ticks, 1)[row]
    return (np.rint((time - begin) / step) * step).astype(np.int64) + begin
