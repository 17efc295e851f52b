"""Streams with holes: what of a piece is given, what is missing, and which ids are to be predicted.

A piece is a table of cells, track by bar, and some of them are missing. The source holds the given cells: on
a grid each missing id is replaced by a hole; of events the notes of a missing cell are left out, and a hole
stands after the metre of its bar, followed by the programs that are missing if others are given. The target
holds the tracks with missing cells, on a grid all voices, with what is given of them: it is only read.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from musegen.tokenizers.tables import Ints, Kind, Tables

Bools = npt.NDArray[np.bool_]


class Holes(NamedTuple):
    """The missing cells of a stream: some tracks, in some bars."""

    bars: Bools
    """(bars,) which bars they are in."""
    numbers: frozenset[int] | None = None
    """The tracks: programs, parts, or voices of a grid, by their number in the stream; None: all."""


class Cut(NamedTuple):
    """A stream with holes."""

    source: Ints
    """(S,) what is given, in the vocabulary of `source_tables`."""
    target: Ints
    """(T,)"""
    scored: Bools
    """(T,) which ids of the target are predicted: those of the missing cells, and of events also the bar line
    (or EOS) that ends a bar with holes. The metres of all bars are given."""


def source_tables(tables: Tables) -> Tables:
    """The tables of the sources of streams: one id more, the hole."""
    columns = {name: np.append(getattr(tables, name), -1) for name in Tables._fields if name != "voices"}
    columns["kind"][-1], columns["is_drum"][-1] = Kind.HOLE, 0
    return Tables(**columns, voices=tables.voices)


def count_bars(ids: Ints, tables: Tables) -> int:
    """Number of bars of a stream; a bar line at its end belongs to the next window."""
    return int((tables.kind[ids[:-1]] == Kind.BAR).sum())


def with_notes(ids: Ints, tables: Tables, kept: Bools) -> Ints:
    """A stream of events with some of its notes alone; bars, metres, positions and tempos stay.

    Args:
        ids: (T,) from BOS on; a grid is unchanged.
        tables: of the stream.
        kept: (T,) which of the ids of notes stay.
    """
    return np.asarray(ids[(tables.kind[ids] < Kind.PROGRAM) | kept | bool(tables.voices)])


def cut_holes(ids: Ints, tables: Tables, holes: Holes) -> Cut:
    """A stream with holes.

    Args:
        ids: (T,) whole bars, from BOS or a bar line on; a bar line at the end belongs to the next window.
        tables: of the stream.
        holes: with one entry for each bar.
    """
    has_next = tables.kind[ids[-1]] == Kind.BAR
    body = ids[:-1] if has_next else ids
    cut = _cut_grid if tables.voices else _cut_events
    source, target, scored = cut(body, tables, holes)
    if has_next:
        target, scored = np.append(target, ids[-1]), np.append(scored, not tables.voices and holes.bars[-1])
    return Cut(source, target, scored)


def _in_holes(ids: Ints, tables: Tables, bars: Bools) -> Bools:
    """Whether each id is in one of some bars, (T,)."""
    bar = np.cumsum(tables.kind[ids] == Kind.BAR)
    return np.asarray(np.append(False, bars)[bar])


def _cut_grid(ids: Ints, tables: Tables, holes: Holes) -> Cut:
    is_slot = tables.kind[ids] >= Kind.PITCH
    voice = (np.cumsum(is_slot) - 1) % tables.voices  # streams have whole bars
    scored = is_slot & _in_holes(ids, tables, holes.bars)
    if holes.numbers is not None:
        scored &= np.isin(voice, sorted(holes.numbers))
    return Cut(np.where(scored, tables.vocab_size, ids), ids, scored)


def _cut_events(ids: Ints, tables: Tables, holes: Holes) -> Cut:
    kind = tables.kind[ids]
    in_hole, is_metre = _in_holes(ids, tables, holes.bars), kind == Kind.TIME_SIGNATURE
    is_wanted = _of_numbers(ids, tables, holes.numbers)
    # The source: the notes that are not wanted, and those outside the holes; then the holes.
    source_kept = _with_places(kind, ~(is_wanted & in_hole))
    hole = [tables.vocab_size]
    if holes.numbers is not None:
        hole += [int(np.flatnonzero(tables.program == number)[0]) for number in sorted(holes.numbers)]
    marks = np.flatnonzero(is_metre & in_hole) + 1
    at, new = np.repeat(marks, len(hole)), np.tile(hole, len(marks))
    source = np.insert(np.where(source_kept, ids, -1), at, new)
    # The target: all notes of the wanted tracks.
    target_kept = _with_places(kind, is_wanted)
    is_end = (kind == Kind.BAR) | (kind == Kind.EOS)
    closes = is_end & np.append(False, in_hole[:-1])
    scored = closes | (in_hole & ~is_metre & ~is_end)
    return Cut(source[source >= 0], ids[target_kept], scored[target_kept])


def _of_numbers(ids: Ints, tables: Tables, numbers: frozenset[int] | None) -> Bools:
    """Whether each id of a note belongs to one of some tracks, (T,); of other ids it means nothing."""
    if numbers is None or not tables.has_programs:
        return np.ones(len(ids), np.bool_)
    last = np.maximum.accumulate(np.where(tables.kind[ids] == Kind.PROGRAM, np.arange(len(ids)), 0))
    return np.isin(tables.program[ids[last]], sorted(numbers))


def _with_places(kind: Ints, is_kept: Bools) -> Bools:
    """Which ids remain, (T,): notes that are kept, positions with such a note, bars and metres."""
    is_note = kind >= Kind.PROGRAM
    kept = is_note & is_kept
    # Of each position: whether a note that is kept stands before the next position or bar line.
    place = np.cumsum(~is_note)
    filled = np.bincount(place[kept], minlength=int(place[-1]) + 1) > 0
    return np.where(is_note, kept, (kind != Kind.POSITION) | filled[place])
