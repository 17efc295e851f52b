"""Rounds scores to the grid of REMI, as arrays: MidiTok's preprocessing, vectorised, same results.

Many pieces are processed at once, since most are small and a numpy call has overhead. A time is the
index of the piece and, in the lower `TICK_BITS`, a tick of its grid. That grid is as fine as the
shortest unit of the piece's metres requires, so that a position (`POSITIONS_PER_BEAT` to the beat of the
metre) is one tick in that metre and several in others. Velocities, durations and tempos are ranks among
the values that have tokens.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from musegen.tokenizers.remi_vocabulary import STEPS
from musegen.tokenizers.tables import POSITIONS_PER_BEAT, Ints

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

TICK_BITS = 31
"""At most 2^16 pieces at once: time, voice (8 bits) and pitch (7) are sorted as one number."""
DEFAULT_METRE = (4, 4)
DEFAULT_TEMPO = 500_000
"""Microseconds per quarter note where a score has no tempo: 120 BPM."""


Voice = tuple[int, dict[str, Array]]
"""The number of a track in the stream, and the columns "time", "duration", "pitch", "velocity" of its notes;
if the vocabulary has shifts also "position", where they stand in the score."""


class GridPiece(NamedTuple):
    """The content of a score that REMI encodes, in the ticks of the score."""

    ticks_per_quarter: int
    changes: tuple[tuple[int, int, int], ...]
    """Tick, beats and unit of each metre."""
    tempos: dict[str, Array]
    """Columns "time" and "mspq" (microseconds per quarter note); empty if tempos have no tokens."""
    voices: list[Voice]
    """The tracks, each by onset."""


class Metres(NamedTuple):
    """The metres of all pieces, S sections of one metre, (S,) each."""

    time: Ints
    """Start of each section."""
    beats: Ints
    unit: Ints
    position_ticks: Ints
    """Length of a position."""
    first_bar: Ints
    """Number of its first bar in the piece, from 0."""
    rounds: Ints
    """1 if the piece has metres of several units, so that ticks must be rounded to positions."""

    def at(self, time: Ints) -> Ints:
        """The index of the metre at each time, (N,)."""
        return self.time.searchsorted(time, side="right") - 1

    @property
    def bar_ticks(self) -> Ints:
        """Length of a bar, (S,)."""
        return self.beats * self.position_ticks * POSITIONS_PER_BEAT


class GridMusic(NamedTuple):
    """N notes, unique and sorted by (time, voice, pitch), and K tempo marks by time."""

    ticks_per_quarter: Ints
    """Of the grid of each piece."""
    metres: Metres
    mark_time: Ints
    tempo: Ints
    """(K,) rank."""
    time: Ints
    """(N,) onset."""
    voice: Ints
    """(N,) number of the voice in the stream: a program, a part, or `DRUMS`."""
    pitch: Ints
    velocity: Ints
    """(N,) rank; 0 if velocities have no tokens."""
    shift: Ints
    """(N,) rank; 0 if shifts have no tokens."""
    duration: Ints
    """(N,) rank."""


class Scale(NamedTuple):
    """Values that have tokens, ascending, and the midpoints between them."""

    values: Floats
    borders: Floats

    @classmethod
    def of(cls, values: npt.ArrayLike) -> "Scale":
        """The scale of `values`, (L,); empty if they have no tokens."""
        array = np.sort(np.asarray(values, dtype=np.float64))
        return cls(array, (array[1:] + array[:-1]) / 2)

    def rank(self, values: Array) -> Ints:
        """Rank of the nearest value, (N,); of the higher one at equal distance."""
        return self.borders.searchsorted(values, side="right")


class RemiGrid(NamedTuple):
    """The durations, velocities, tempos and shifts of a vocabulary."""

    durations: Scale
    """Positions."""
    velocities: Scale
    tempos: Scale
    """Microseconds per quarter note."""
    shifts: Scale
    """`STEPS` per quarter note."""
    is_exact: bool
    """Whether durations are rounded once, to those of the vocabulary; MidiTok rounds them to ticks before."""

    def place(self, pieces: Sequence[GridPiece]) -> GridMusic:
        """Round pieces to their grids.

        Of notes with equal onset, voice and pitch one is kept, with the shortest duration.
        """
        metres, ticks_per_quarter = _place_metres(pieces)
        scale = ticks_per_quarter / np.array([piece.ticks_per_quarter for piece in pieces])
        number, voice, columns = _gather(pieces)
        scales = scale[number]
        time = _place_times(columns.get("position", columns["time"]), scales, number, metres)
        length = columns["duration"] * scales if self.is_exact else _rescale(columns["duration"], scales)
        length = length / metres.position_ticks[metres.at(time)]
        rank = (self.durations.rank(length) << 32) | (self.velocities.rank(columns["velocity"]) << 16)
        if len(self.shifts.values):
            steps = np.array([STEPS / piece.ticks_per_quarter for piece in pieces])[number]
            position = (time & ((1 << TICK_BITS) - 1)) * STEPS // ticks_per_quarter[number]
            rank |= self.shifts.rank(_rescale(columns["time"], steps) - position)
        key = (time << 15) | (voice << 7) | columns["pitch"]
        order = key.argsort(kind="stable")
        key = key[order]
        first = np.ones(len(key), dtype=bool)
        first[1:] = key[1:] != key[:-1]
        rank = np.minimum.reduceat(rank[order], first.nonzero()[0])
        key, duration = key[first], rank >> 32
        if len(self.shifts.values):
            duration = self._cut(key, duration, metres)
        return GridMusic(
            ticks_per_quarter, metres, *self._place_tempos(pieces, scale, metres),
            time=key >> 15, voice=(key >> 7) & 255, pitch=key & 127,
            velocity=(rank >> 16) & 0xFFFF, shift=rank & 0xFFFF, duration=duration,
        )  # fmt: skip

    def _cut(self, key: Ints, duration: Ints, metres: Metres) -> Ints:
        """The ranks of durations, (N,), that end where the next note of their voice and pitch begins.

        Notes that do not run into each other can do so where they stand in the score.
        """
        time, voice = key >> 15, key & 0x7FFF
        order = np.lexsort((time, time >> TICK_BITS, voice))
        time, voice = time[order], voice[order]
        is_next = (np.diff(voice) == 0) & (np.diff(time >> TICK_BITS) == 0)
        room = np.where(is_next, np.diff(time), 1 << TICK_BITS)
        positions = room // metres.position_ticks[metres.at(time[:-1])]
        longest = np.maximum(self.durations.values.searchsorted(positions, side="right") - 1, 0)
        cut = duration.copy()
        cut[order[:-1]] = np.minimum(duration[order[:-1]], longest)
        return cut

    def _place_tempos(self, pieces: Sequence[GridPiece], scale: Floats, metres: Metres) -> tuple[Ints, Ints]:
        """Times and ranks of the tempo marks, (K,) each: the last at each time, and one at tick 0."""
        if not len(self.tempos.values):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        counts = [len(piece.tempos["time"]) for piece in pieces]
        number = np.arange(len(pieces)).repeat(counts)
        times = np.concatenate([piece.tempos["time"] for piece in pieces])
        tempo = self.tempos.rank(np.concatenate([piece.tempos["mspq"] for piece in pieces]))
        time = _place_times(times, scale[number], number, metres)
        starts = np.arange(len(pieces)) << TICK_BITS
        starts = starts[~np.isin(starts, time)]  # pieces without a tempo at the start get the default
        time = np.concatenate([starts, time])
        tempo = np.concatenate([self.tempos.rank(np.full(len(starts), DEFAULT_TEMPO)), tempo])
        order = time.argsort(kind="stable")
        time, tempo = time[order], tempo[order]
        last = np.ones(len(time), dtype=bool)
        last[:-1] = time[1:] != time[:-1]
        return time[last], tempo[last]


def _gather(pieces: Sequence[GridPiece]) -> tuple[Ints, Ints, dict[str, Array]]:
    """The piece index and voice of every note, (N,) each, and the columns of all notes."""
    tracks = [(i, voice, columns) for i, piece in enumerate(pieces) for voice, columns in piece.voices]
    sizes = [len(columns["time"]) for _, _, columns in tracks]
    number, voice = (np.array([track[k] for track in tracks]).repeat(sizes) for k in (0, 1))
    columns = {name: np.concatenate([track[2][name] for track in tracks]) for name in tracks[0][2]}
    return number, voice, columns


def _place_metres(pieces: Sequence[GridPiece]) -> tuple[Metres, Ints]:
    """The metres of the pieces on their grids, and the ticks per quarter note of each grid, (P,)."""
    placed = [place_changes(piece.changes, piece.ticks_per_quarter) for piece in pieces]
    rows = np.array([row for sections, _ in placed for row in sections]).T
    number = np.arange(len(placed)).repeat([len(sections) for sections, _ in placed])
    tick, *columns = rows
    return Metres((number << TICK_BITS) | tick, *columns), np.array([ticks for _, ticks in placed])


@lru_cache(maxsize=256)  # most pieces of a corpus share their metres
def place_changes(
    changes: tuple[tuple[int, int, int], ...], ticks_per_quarter: int
) -> tuple[list[tuple[int, int, int, int, int, int]], int]:
    """A row of `Metres` for each metre of a piece, and the ticks per quarter note of its grid.

    A change that is not on a bar line moves to the next one, as in MidiTok; tidy scores have none.

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
    """Ticks in another resolution, halves rounded up as in symusic."""
    return np.asarray(ticks * scale + 0.5, np.int64)


def _place_times(ticks: Array, scale: Floats, number: Ints, metres: Metres) -> Ints:
    """Ticks of the pieces `number`, (N,), as times on the positions of their metres.

    If metres of several units make ticks finer than positions, halves are rounded to the even position,
    counted from the start of the metre.
    """
    time = (number << TICK_BITS) | _rescale(ticks, scale)
    if not metres.rounds.any():
        return time
    row = metres.at(time)
    begin, step = metres.time[row], np.where(metres.rounds, metres.position_ticks, 1)[row]
    return (np.rint((time - begin) / step) * step).astype(np.int64) + begin
