"""What each id of a vocabulary means, as numpy arrays: used by the models and the grammars.

Time inside a bar is counted in positions, `POSITIONS_PER_BEAT` per beat of the metre (its
denominator). Across metres it is counted in ticks, `TICKS_PER_QUARTER` per quarter note, fine enough
that a position of any metre up to n/32 is a whole number of ticks.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from musegen.errors import TokenError

POSITIONS_PER_BEAT = 24
TICKS_PER_QUARTER = POSITIONS_PER_BEAT * 32 // 4
PEDAL = 2
"""The value of the column `is_drum` for the sustain pedal."""
DRUMS = 128
"""The program number of drums in the tables (General MIDI ends at 127)."""

Ints = npt.NDArray[np.int64]


class Kind(IntEnum):
    """Kinds of token; up to DURATION in the order in which they may follow each other at one position."""

    PAD = 0
    BOS = 1
    EOS = 2
    BAR = 3
    TIME_SIGNATURE = 4
    POSITION = 5
    TEMPO = 6
    PROGRAM = 7
    PITCH = 8
    VELOCITY = 9
    DURATION = 10
    HOLD = 11
    REST = 12
    HOLE = 13
    """What is missing in the source of a model that fills: see `holes`."""
    SHIFT = 14
    """By how much a note is played before or after its position; it follows the pitch."""


KNOWN_KINDS = (Kind.TIME_SIGNATURE, Kind.TEMPO, Kind.VELOCITY, Kind.SHIFT)
"""Kinds of which, as of pitches, only what training pieces have is sampled unless it is requested."""
NO_CLASS = 12
"""The pitch class of ids that have none."""


class Tables(NamedTuple):
    """One row per id, each array of shape (V,); -1 where a column does not apply to an id.

    Notes are encoded as events, one after another (`voices` 0), or on a grid: then a bar and its metre
    are followed by one id (pitch, hold or rest) for each voice of each position, and position and voice
    follow from counting; or, in clips of one line, as alternating pitch (or rest) and duration.
    """

    kind: Ints
    """`Kind` of the id."""
    pitch: Ints
    """MIDI pitch, 0 to 127, drums included."""
    is_drum: Ints
    """1 for a drum pitch, 2 for the sustain pedal in free time, which is the pitch 0, else 0."""
    program: Ints
    """General MIDI program, 0 to 127, or `DRUMS`."""
    position: Ints
    """Position in the bar, from 0."""
    duration: Ints
    """Length of a note in positions of its metre."""
    bar_positions: Ints
    """Length of a bar of this metre in positions."""
    position_ticks: Ints
    """Length of a position of this metre in ticks."""
    bars: Ints
    """Number of bars of a piece that starts with this id (of kind BOS)."""
    voices: int = 0
    """Number of voices of a grid, 0 for events or a line."""

    @property
    def vocab_size(self) -> int:
        """V, the number of ids."""
        return len(self.kind)

    @property
    def has_pedal(self) -> bool:
        """Whether the pitch 0 stands for the sustain pedal."""
        return bool((self.is_drum == PEDAL).any())

    @property
    def has_programs(self) -> bool:
        """Whether each note is preceded by its program."""
        return bool((self.kind == Kind.PROGRAM).any())

    @property
    def note_kinds(self) -> list[Kind]:
        """The kinds of the ids of a note in a stream of events, from its pitch on."""
        present = set(self.kind.tolist())
        return [kind for kind in (Kind.PITCH, Kind.SHIFT, Kind.VELOCITY, Kind.DURATION) if kind in present]

    @property
    def is_line(self) -> bool:
        """Whether pitch (or rest) and duration alternate."""
        return not self.voices and bool((self.kind == Kind.REST).any())

    @property
    def pitch_class(self) -> Ints:
        """(V,) 0 (C) to 11 for pitched notes; 12 for drums and all other ids."""
        is_tuned = (self.kind == Kind.PITCH) & (self.is_drum == 0)
        return np.where(is_tuned, self.pitch % 12, NO_CLASS)

    @property
    def is_time(self) -> npt.NDArray[np.bool_]:
        """(V,) which ids are of time alone; in a line rests are, too."""
        found: npt.NDArray[np.bool_] = (self.kind < Kind.PROGRAM) | ((self.kind == Kind.REST) & self.is_line)
        return found

    def ids(self, kind: Kind) -> Ints:
        """All ids of one kind, ascending."""
        return np.flatnonzero(self.kind == kind)

    def checked(self, ids: npt.ArrayLike) -> Ints:
        """Ids as an array.

        Raises:
            TokenError: an id outside the vocabulary.
        """
        array = np.asarray(ids, dtype=np.int64)
        if array.size and (array.min() < 0 or array.max() >= self.vocab_size):
            raise TokenError(
                f"ids must lie in 0 to {self.vocab_size - 1}, not {array.min()} to {array.max()}"
            )
        return array

    def by_value(self, kind: Kind, column: Ints, size: int = 0) -> Ints:
        """The id of one kind by the value of its column, 0 if there is none; at least (size,)."""
        ids = self.ids(kind)
        table = np.zeros(max(size, int(column[ids].max(initial=-1)) + 1), dtype=np.int64)
        table[column[ids]] = ids
        return table

    def durations(self, positions: Ints) -> Ints:
        """For each number of positions the id of the longest duration that fits, else the shortest, (N,)."""
        ids = self.ids(Kind.DURATION)
        ids = ids[np.argsort(self.duration[ids], kind="stable")]
        return ids[np.maximum(np.searchsorted(self.duration[ids], positions, side="right") - 1, 0)]

    def positions(self, ids: Ints) -> Ints:
        """The position in the bar of each id of an event stream, (T,); -1 before any."""
        steps = np.where(self.kind[ids] == Kind.POSITION, np.arange(len(ids)), 0)
        return self.position[ids[np.maximum.accumulate(steps)]]

    def notes(self, ids: Ints, *, drums: bool = False) -> tuple[Ints, Ints]:
        """Indices of the pitches in an event stream, and their durations in positions; `drums`: of all."""
        kind = self.kind[ids]
        pitches = np.flatnonzero((kind == Kind.PITCH) & (drums | (self.is_drum[ids] == 0)))
        durations = np.flatnonzero(kind == Kind.DURATION)
        return pitches, self.duration[ids[durations[np.searchsorted(durations, pitches)]]]


def roster(tables: Tables, ids: Ints) -> list[int]:
    """The programs (or parts, or voices of a grid) with notes in a stream of ids, ascending.

    Args:
        tables: of the tokenizer.
        ids: (T,) from BOS on.
    """
    if not tables.voices:
        return [int(program) for program in np.unique(tables.program[ids]) if program >= 0]
    slots = ids[tables.kind[ids] >= Kind.PITCH]
    active = np.flatnonzero(tables.kind[slots] == Kind.PITCH) % tables.voices
    return [int(voice) for voice in np.unique(active)]


def voice_ranges(tables: Tables, streams: Iterable[Ints]) -> list[tuple[int, int]]:
    """The lowest and highest MIDI pitch of each voice of a grid in `streams`; empty for events.

    A voice without notes has the whole range.
    """
    if not tables.voices:
        return []
    # Streams have whole bars, so the voice of an id follows from its index among all of them.
    slots = np.concatenate([np.zeros(0, np.int64), *(ids[tables.kind[ids] >= Kind.PITCH] for ids in streams)])
    pitches = [tables.pitch[v[tables.kind[v] == Kind.PITCH]] for v in slots.reshape(-1, tables.voices).T]
    return [(int(p.min()), int(p.max())) if len(p) else (0, 127) for p in pitches]


def known_pitches(tables: Tables, streams: Iterable[Ints]) -> dict[int, list[int]]:
    """The MIDI pitches that each program, part or voice has in `streams`, by its number; `DRUMS` for drums.

    Drums have those that occur, all others the range from the lowest to the highest, and the pedal.
    """
    if tables.voices:
        ranges = voice_ranges(tables, streams)
        return {voice: list(range(low, high + 1)) for voice, (low, high) in enumerate(ranges)}
    found: dict[int, set[int]] = {}
    for ids in streams:
        notes = np.flatnonzero(tables.kind[ids] == Kind.PITCH)
        voices = np.zeros(len(notes), np.int64)
        if tables.has_programs:
            places = np.flatnonzero(tables.kind[ids] == Kind.PROGRAM)
            voices = tables.program[ids[places[np.searchsorted(places, notes) - 1]]]
        for voice, pitch in set(zip(voices.tolist(), tables.pitch[ids[notes]].tolist(), strict=True)):
            found.setdefault(voice, set()).add(pitch)
    return {
        voice: sorted(pitches) if voice == DRUMS else _range_of(pitches, has_pedal=tables.has_pedal)
        for voice, pitches in sorted(found.items())
    }


def _range_of(pitches: set[int], *, has_pedal: bool) -> list[int]:
    pedal = pitches & {0} if has_pedal else set[int]()
    keys = pitches - pedal or pitches
    return sorted({*pedal, *range(min(keys), max(keys) + 1)})


def known_ids(tables: Tables, streams: Iterable[Ints]) -> list[int]:
    """The ids of `KNOWN_KINDS` that occur in `streams`, ascending."""
    found = np.zeros(tables.vocab_size, np.bool_)
    for ids in streams:
        found[ids] = True
    return [int(id_) for id_ in np.flatnonzero(found & np.isin(tables.kind, KNOWN_KINDS))]


def empty_columns(vocab_size: int) -> dict[str, Ints]:
    """Empty columns of `Tables`, to be filled in."""
    names = [name for name in Tables._fields if name != "voices"]
    columns = {name: np.full(vocab_size, -1, dtype=np.int64) for name in names}
    columns["is_drum"][:] = 0
    return columns


def build_tables(vocab: list[str]) -> Tables:
    """Make the tables from MidiTok's token names, such as "Pitch_60" or "Duration_1.12.24", and "BOS_16".

    Args:
        vocab: the token of each id, (V,).

    Raises:
        ValueError: a token of an unknown type.
    """
    kinds = {kind.name: kind for kind in Kind} | {
        "TIMESIG": Kind.TIME_SIGNATURE,
        "PITCHDRUM": Kind.PITCH,
        "PEDAL": Kind.PITCH,
        "MICROTIMING": Kind.SHIFT,
    }
    columns = empty_columns(len(vocab))
    for id_, token in enumerate(vocab):
        type_, _, value = token.partition("_")
        if type_.upper() not in kinds:
            raise ValueError(f"token {token!r} is of an unknown type")
        columns["kind"][id_] = kinds[type_.upper()]
        if type_ in ("Pitch", "PitchDrum", "Pedal"):
            columns["pitch"][id_] = int(value)
            columns["is_drum"][id_] = {"Pitch": 0, "PitchDrum": 1, "Pedal": PEDAL}[type_]
        elif type_ in ("Program", "Position"):
            columns[type_.lower()][id_] = int(value) if int(value) >= 0 else DRUMS
        elif type_ == "Duration":
            beats, parts, resolution = map(int, value.split("."))
            columns["duration"][id_] = (beats * resolution + parts) * POSITIONS_PER_BEAT // resolution
        elif type_ == "TimeSig":
            numerator, denominator = map(int, value.split("/"))
            columns["bar_positions"][id_] = numerator * POSITIONS_PER_BEAT
            columns["position_ticks"][id_] = 32 // denominator
        elif type_ == "BOS" and value.isdigit():
            columns["bars"][id_] = int(value)
    return Tables(**columns, voices=0)
