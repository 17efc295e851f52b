"""New pitches with the contour of old ones: each rises, falls or repeats where the old one did."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from musegen.generation.machine import Run
from musegen.music.notes import Floats
from musegen.tokenizers.limits import EventLimits
from musegen.tokenizers.tables import Ints, Kind, Tables

Bools = npt.NDArray[np.bool_]


class Note(NamedTuple):
    """A note of a stream."""

    place: int
    """Index of its pitch in the stream."""
    pitch: int
    """The old one."""
    onset: int
    """In ticks of the tables."""
    end: int
    is_new: bool
    """Whether it gets a new pitch."""


class Choice(NamedTuple):
    """What a new pitch may be."""

    first: int
    """Where the pitches of its voice begin in the limits."""
    pitches: Bools
    """(128,) those after which all notes that follow can keep the contour, too."""
    before: int
    """Index in the stream of the pitch before it in its voice, -1 for none."""
    direction: int
    """From there: 1 up, 0 the same, -1 down."""
    sounding: list[int]
    """Indices of the pitches of its voice that still sound."""


class ContourGuide:
    """A `Guide`: new notes keep the contour, from the note before a gap to the one after it.

    Args:
        tables: of the streams.
        limits: of the streams, with one row.
        old: (T,) a whole stream, with the pitches whose contour is kept.
        is_new: (T,) which of its ids are new pitches; all rows agree in the others.
    """

    def __init__(self, tables: Tables, limits: EventLimits, old: Ints, is_new: Bools) -> None:
        self._tables, self._limits, self._is_changed = tables, limits, False
        self._ids = {int(tables.pitch[i]): int(i) for i in tables.ids(Kind.PITCH) if not tables.is_drum[i]}
        self._choices: dict[int, Choice] = {}
        for voice, notes in _voices(tables, limits, old, is_new).items():
            if voice == limits.drums:  # which have no contour
                continue
            first = 128 * voice
            allowed = (limits.allowed[0, first : first + 128] > 0) & np.isin(np.arange(128), [*self._ids])
            for number, (note, pitches) in enumerate(zip(notes, _feasible(notes, allowed), strict=True)):
                before = notes[number - 1] if number else note._replace(place=-1)
                sounding = [each.place for each in notes[:number] if each.end > note.onset]
                if note.is_new:
                    direction = int(np.sign(note.pitch - before.pitch))
                    self._choices[note.place] = Choice(first, pitches, before.place, direction, sounding)

    def __call__(self, run: Run, rows: Sequence[list[int]], forced: Ints, uniform: Floats) -> Ints:
        """Before a new pitch, allow those that keep the contour; after it, what was allowed before."""
        del uniform
        choice = self._choices.get(len(rows[0]))
        if choice is None:
            if self._is_changed:
                run.allow(self._limits)
                self._is_changed = False
            return forced
        allowed, self._is_changed = np.repeat(self._limits.allowed, len(rows), axis=0), True
        forced = forced.copy()
        for row, ids in enumerate(rows):
            own = self._allowed(choice, ids)
            free = np.setdiff1d(own, self._tables.pitch[[ids[place] for place in choice.sounding]])
            allowed[row, choice.first : choice.first + 128] = np.isin(np.arange(128), free)
            if not len(free):  # the grammar would allow none
                forced[row] = self._ids[int(own[0])]
        run.allow(self._limits._replace(allowed=allowed))
        return forced

    def _allowed(self, choice: Choice, ids: list[int]) -> Ints:
        """The pitches with which a row can keep the contour."""
        found: Ints = np.flatnonzero(choice.pitches)
        if choice.before < 0:
            return found
        moves = np.sign(found - self._tables.pitch[ids[choice.before]])
        kept: Ints = found[moves == choice.direction]
        return kept


def directions(pitches: Sequence[int] | Ints) -> list[int]:
    """1 where a pitch is above the one before, -1 below, 0 the same, (N - 1,)."""
    return [int(each) for each in np.sign(np.diff(np.asarray(pitches, np.int64)))]


def _voices(tables: Tables, limits: EventLimits, old: Ints, is_new: Bools) -> dict[int, list[Note]]:
    """The notes of each voice, by its row in the limits."""
    kind = tables.kind[old]
    places, lengths = tables.notes(old, drums=True)
    metres = old[kind == Kind.TIME_SIGNATURE]
    ticks = tables.position_ticks[metres]
    lines = np.append(0, np.cumsum(tables.bar_positions[metres] * ticks))
    bar = np.cumsum(kind == Kind.BAR)[places] - 1
    onsets = lines[bar] + tables.positions(old)[places] * ticks[bar]
    ends = onsets + lengths * ticks[bar]
    programs = np.flatnonzero(kind == Kind.PROGRAM)
    voice = np.zeros(len(places), np.int64)
    if len(programs):
        voice = limits.voice[old[programs[np.searchsorted(programs, places) - 1]]]
    found: dict[int, list[Note]] = {}
    columns = (
        each.tolist() for each in (voice, places, tables.pitch[old[places]], onsets, ends, is_new[places])
    )
    for number, *rest in zip(*columns, strict=True):
        found.setdefault(number, []).append(Note(*rest))
    return found


def _feasible(notes: Sequence[Note], allowed: Bools) -> list[Bools]:
    """The pitches of each note after which the notes that follow it can keep the contour, (128,) each.

    There are always some: the old pitch of a note is allowed to it.
    """
    every, later, found = np.arange(128), np.ones(128, np.bool_), list[Bools]()
    for note, after in zip(reversed(notes), [None, *reversed(notes[1:])], strict=True):
        own = every == note.pitch
        if note.is_new:
            own |= allowed
        reachable = np.flatnonzero(later)
        if after is not None and after.pitch > note.pitch:
            own &= every < reachable[-1]
        elif after is not None and after.pitch < note.pitch:
            own &= every > reachable[0]
        elif after is not None:
            own &= later
        found.append(own)
        later = own
    return found[::-1]
