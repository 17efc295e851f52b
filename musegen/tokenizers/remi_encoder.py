"""Encodes music on the grid as REMI ids, vectorised: the same ids as those of MidiTok's encoder.

Streams are laid out without a loop: each bar takes two ids (Bar, TimeSig), each tick with an event one
(Position), each tempo mark one, each note two to five ([Program] Pitch [MicroTiming] [Velocity] Duration),
each piece one before (BOS) and one after (EOS), so that the index of every id is a cumulative sum.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from musegen.tokenizers.remi_grid import TICK_BITS, GridMusic, Metres
from musegen.tokenizers.tables import DRUMS, Ints, Kind, Tables


class RemiIds(NamedTuple):
    """The ids of each kind of token; (0,) for kinds that are not used."""

    bos: int
    eos: int
    bar: int
    metre: dict[tuple[int, int], int]
    position: Ints
    """By position in the bar."""
    tempo: Ints
    """By rank, the fastest first (microseconds per quarter note ascend)."""
    program: Ints
    """By voice, `DRUMS` the last."""
    pitch: Ints
    """(2, 128) by pitch, drums in the second row; (1, 128) without programs."""
    shift: Ints
    """By rank."""
    velocity: Ints
    """By rank."""
    duration: Ints
    """By rank."""

    @classmethod
    def of(cls, tables: Tables, metres: Sequence[tuple[int, int]]) -> "RemiIds":
        """The ids in the tables of a vocabulary with `metres`, in this order."""

        def ids(kind: Kind, by: Ints) -> Ints:
            of_kind = tables.ids(kind)
            return of_kind[np.argsort(by[of_kind], kind="stable")]

        bos, eos, bar = (int(tables.ids(kind)[0]) for kind in (Kind.BOS, Kind.EOS, Kind.BAR))
        return cls(
            bos=bos,
            eos=eos,
            bar=bar,
            metre=dict(zip(metres, tables.ids(Kind.TIME_SIGNATURE).tolist(), strict=True)),
            position=ids(Kind.POSITION, tables.position),
            tempo=tables.ids(Kind.TEMPO)[::-1],
            program=ids(Kind.PROGRAM, tables.program),
            pitch=ids(Kind.PITCH, (tables.is_drum == 1) * 128 + tables.pitch).reshape(-1, 128),
            shift=tables.ids(Kind.SHIFT),
            velocity=tables.ids(Kind.VELOCITY),
            duration=ids(Kind.DURATION, tables.duration),
        )


def encode_music(music: GridMusic, ids: RemiIds) -> list[Ints]:
    """The ids of each piece, from BOS to EOS, (T,)."""
    # All events in order of time, (K + N,), marks before the notes of their tick.
    order = np.concatenate([music.mark_time, music.time]).argsort(kind="stable")
    time, is_mark = np.concatenate([music.mark_time, music.time])[order], order < len(music.tempo)
    piece = time >> TICK_BITS
    bar, position = _bar_and_position(time, music.metres)
    first_bar, metre = _bars(piece, bar, music.metres)
    opens = np.ones(len(time), dtype=np.int64)  # 1 for the first event of its tick
    opens[1:] = time[1:] != time[:-1]
    optional = sum(bool(len(each)) for each in (ids.program, ids.shift, ids.velocity))
    size = opens + np.where(is_mark, 1, 2 + optional)
    before = np.zeros(len(size) + 1, dtype=np.int64)  # ids of the events before each
    size.cumsum(out=before[1:])

    # Bars: the index of each bar line, and BOS and EOS around each piece.
    stream = np.empty(2 * len(first_bar[1:]) + 2 * len(metre) + int(before[-1]), dtype=np.int64)
    bar += first_bar[piece]  # counted through all pieces
    number = np.arange(len(metre))
    bar_piece = first_bar.searchsorted(number, side="right") - 1  # piece of each bar
    line = 1 + 2 * bar_piece + 2 * number + before[bar.searchsorted(number)]
    stream[line] = ids.bar
    names = zip(music.metres.beats.tolist(), music.metres.unit.tolist(), strict=True)
    stream[line + 1] = np.array([ids.metre[name] for name in names])[metre]
    begin = line[first_bar[:-1]] - 1
    stream[begin] = ids.bos
    stream[begin - 1] = ids.eos  # of the piece before; of the last one for the first

    # The position of each tick, then its events.
    start = 3 + 2 * piece + 2 * bar + before[:-1]
    stream[start] = ids.position[position]  # overwritten below unless the event is the first of its tick
    at = np.empty_like(start)
    at[order] = start + opens  # indices of the marks, then of the notes in the order of `music`
    stream[at[: len(music.tempo)]] = ids.tempo[music.tempo]
    _write_notes(stream, at[len(music.tempo) :], music, ids)
    return np.split(stream, begin[1:])


def _bar_and_position(time: Ints, metres: Metres) -> tuple[Ints, Ints]:
    """The bar of each event in its piece, and its position in the bar."""
    row = metres.at(time)
    since, bar_ticks = time - metres.time[row], metres.bar_ticks[row]
    bars = since // bar_ticks
    return metres.first_bar[row] + bars, (since - bars * bar_ticks) // metres.position_ticks[row]


def _bars(piece: Ints, bar: Ints, metres: Metres) -> tuple[Ints, Ints]:
    """First bar of each piece and the end of the last, (P + 1,), and the metre of every bar, (bars,).

    A piece ends with the bar of its last event or of its last metre.
    """
    last = np.flatnonzero(np.append(piece[1:] != piece[:-1], True))  # event of each piece
    stretch_piece = metres.time >> TICK_BITS
    last_stretch = np.flatnonzero(np.append(stretch_piece[1:] != stretch_piece[:-1], True))
    counts = np.maximum(bar[last], metres.first_bar[last_stretch]) + 1
    first_bar = np.append(0, counts.cumsum())
    starts = first_bar[stretch_piece] + metres.first_bar
    return first_bar, starts.searchsorted(np.arange(first_bar[-1]), side="right") - 1


def _write_notes(stream: Ints, at: Ints, music: GridMusic, ids: RemiIds) -> None:
    """Write the ids of each note from index `at` (N,) on."""
    is_drum = (music.voice == DRUMS).astype(np.int64) if len(ids.program) else 0
    columns = [ids.program[music.voice]] if len(ids.program) else []
    columns.append(ids.pitch[is_drum, music.pitch])
    columns += [ids.shift[music.shift]] if len(ids.shift) else []
    columns += [ids.velocity[music.velocity]] if len(ids.velocity) else []
    for step, column in enumerate([*columns, ids.duration[music.duration]]):
        stream[at + step] = column
