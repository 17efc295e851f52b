"""What a request allows, as arrays: the inputs of a grammar besides the stream itself.

Every request for a checkpoint has arrays of the same names and ranks, so that one sampling step serves all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from musegen.errors import ConfigError
from musegen.tokenizers.tables import DRUMS, KNOWN_KINDS, Ints, Kind, Tables

OPEN = 1 << 40
"""The number of bars of a piece that ends where the model ends it."""
FREE = -1
"""The metre of a bar whose metre the model chooses."""


@dataclass(frozen=True)
class Constraints:
    """What the music must satisfy beyond the grammar."""

    bars: int | None = None
    """The exact number of bars, those of a prompt included; None: the model decides when to end."""
    time_signature_id: int | None = None
    """The id of the only metre allowed in new bars; None: the model chooses."""
    metre_ids: Sequence[int] = ()
    """The metre id of each of the `bars`, those of a prompt included; empty: see `time_signature_id`."""
    pitches: frozenset[int] | None = None
    """The only MIDI pitches allowed; drums are not restricted."""
    part_pitches: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """The only pitches allowed for a program, part or voice, by its number in the stream."""
    programs: Sequence[frozenset[int]] = ()
    """The only programs allowed, `DRUMS` included if wanted: one set for the whole batch, or one set per
    row; empty: any."""
    tempo: bool = True
    """Whether tempo changes are allowed."""
    known: frozenset[int] | None = None
    """The only ids of tempos, velocities and metres allowed, beside metres named above; None: any."""
    may_end_silent: bool = False
    """A note in any bar is enough: clips are cut out of music, so nothing need start in their last bar."""


class EventLimits(NamedTuple):
    """Of a stream of events."""

    bars: Ints
    """() `OPEN` if the model decides when to end."""
    metres: Ints
    """(M,) the metre id of each bar, the last one for all that follow; `FREE`: the model chooses."""
    end: Ints
    """(2,) the tick at which a piece with planned metres ends, and ticks of its last position; else -1."""
    may_end_silent: Ints
    """() 1 if a note in any bar is enough."""
    known: Ints
    """(V,) 0 for tempos, velocities and metres that are not allowed."""
    voice: Ints
    """(V,) row of the voice that a program id stands for; those not allowed share the last."""
    drums: Ints
    """() row of the drums, -1 if there are none."""
    allowed: Ints
    """(B or 1, voices * 128) 1 for the pitches allowed to each voice; none to the last."""
    reserved: Ints
    """(B or 1,) the highest allowed voice * 128 + pitch: it must be free before the end, since a note has to
    start in the last bar."""

    @property
    def by_row(self) -> tuple[str, ...]:
        """Those with one row for all streams, or a row for each."""
        return ("allowed", "reserved")


def event_limits(tables: Tables, constraints: Constraints) -> EventLimits:
    """The limits of a stream of events.

    Raises:
        ConfigError: no pitch is allowed.
    """
    voices, allowed = _allowed_pitches(tables, constraints)
    row = {voice: index for index, voice in enumerate(voices)}
    return EventLimits(
        bars=np.array(OPEN if constraints.bars is None else constraints.bars),
        metres=_metres(constraints),
        end=_planned_end(tables, constraints.metre_ids),
        may_end_silent=np.array(int(constraints.may_end_silent)),
        known=_known(tables, constraints),
        voice=np.array([row.get(program, len(voices)) for program in tables.program.tolist()]),
        drums=np.array(row.get(DRUMS, -1)),
        allowed=allowed,
        reserved=allowed.shape[1] - 1 - allowed[:, ::-1].argmax(1),
    )


def _known(tables: Tables, constraints: Constraints) -> Ints:
    """`EventLimits.known`."""
    found = np.ones(tables.vocab_size, np.int64)
    if constraints.known is not None:
        planned = set(_metres(constraints).tolist()) - {FREE}
        found[np.isin(tables.kind, KNOWN_KINDS)] = 0
        found[[*constraints.known, *planned]] = 1
    found[tables.ids(Kind.TEMPO)] &= int(constraints.tempo)
    return found


def _metres(constraints: Constraints) -> Ints:
    only = FREE if constraints.time_signature_id is None else constraints.time_signature_id
    return np.array(list(constraints.metre_ids) or [only], np.int64)


def _planned_end(tables: Tables, metre_ids: Sequence[int]) -> Ints:
    ids = np.array(metre_ids, np.int64)
    if not len(ids):
        return np.array([-1, -1])
    return np.array(
        [(tables.bar_positions[ids] * tables.position_ticks[ids]).sum(), tables.position_ticks[ids[-1]]]
    )


def _allowed_pitches(tables: Tables, constraints: Constraints) -> tuple[list[int], Ints]:
    """The allowed voices, and `EventLimits.allowed`."""
    rosters = constraints.programs if tables.has_programs else ()
    allowed = np.zeros((max(1, len(rosters)), DRUMS + 1, 128), np.int64)
    known = sorted(set(tables.program.tolist()) - {-1}) if tables.has_programs else [0]
    pitches = list(range(128) if constraints.pitches is None else sorted(constraints.pitches))
    pitches += [0] if tables.has_pedal else []
    for voice in known:
        allowed[:, voice, slice(None) if voice == DRUMS else pitches] = 1
    for voice, pitches_of_voice in constraints.part_pitches.items():
        allowed[:, voice] &= np.isin(np.arange(128), sorted(pitches_of_voice))
    for number, roster in enumerate(rosters):
        allowed[number, [voice for voice in range(DRUMS + 1) if voice not in roster]] = 0
    if not allowed.any(axis=(1, 2)).all():
        raise ConfigError("the scale, range and program together leave no pitch; widen one of them")
    voices = np.flatnonzero(allowed.any(axis=(0, 2))).tolist()
    own = allowed[:, voices].reshape(len(allowed), -1)
    return voices, np.concatenate([own, np.zeros((len(own), 128), np.int64)], axis=1)


class GridLimits(NamedTuple):
    """Of a stream of voices on a grid."""

    bars: Ints
    """() `OPEN` if the model decides when to end."""
    metres: Ints
    """(M,) as of `EventLimits`."""
    known: Ints
    """(V,) as of `EventLimits`."""
    may_end_silent: Ints
    """() 1 if a note in any bar is enough."""
    pitches: Ints
    """(voices, V) 1 for the pitches allowed to each voice."""
    is_active: Ints
    """(B or 1, voices) 1 for voices that sound."""
    last_active: Ints
    """(B or 1,) the last of these."""

    @property
    def by_row(self) -> tuple[str, ...]:
        """Those with one row for all streams, or a row for each."""
        return ("is_active", "last_active")


def grid_limits(tables: Tables, constraints: Constraints) -> GridLimits:
    """The limits of a stream of voices on a grid; `programs` are the active voices.

    Raises:
        ConfigError: no pitch or no voice is allowed.
    """
    everywhere = range(128) if constraints.pitches is None else constraints.pitches
    pitches = np.repeat(np.isin(tables.pitch, sorted(everywhere))[None], tables.voices, 0)
    for part, pitches_of_part in constraints.part_pitches.items():
        pitches[part] &= np.isin(tables.pitch, sorted(pitches_of_part))
    pitches &= tables.kind == Kind.PITCH
    if not pitches.any(axis=1).all():
        raise ConfigError("the scale and range together leave no pitch; widen one of them")
    rosters = constraints.programs or [frozenset(range(tables.voices))]
    is_active = np.array([[voice in roster for voice in range(tables.voices)] for roster in rosters])
    if not is_active.any(axis=1).all():
        raise ConfigError("none of the requested voices is one of this checkpoint's")
    return GridLimits(
        bars=np.array(OPEN if constraints.bars is None else constraints.bars),
        metres=_metres(constraints),
        known=_known(tables, constraints),
        may_end_silent=np.array(int(constraints.may_end_silent)),
        pitches=pitches.astype(np.int64),
        is_active=is_active.astype(np.int64),
        last_active=tables.voices - 1 - is_active[:, ::-1].argmax(1),
    )


class LineLimits(NamedTuple):
    """Of a clip of one line."""

    length: Ints
    """(V,) positions of the clip, by metre id."""
    metres: Ints
    """(V,) 1 for the metres allowed."""
    pitches: Ints
    """(V,) 1 for the pitches allowed."""

    @property
    def by_row(self) -> tuple[str, ...]:
        """Those with one row for all streams, or a row for each."""
        return ()


def line_limits(tables: Tables, constraints: Constraints) -> LineLimits:
    """The limits of a clip of one line, with a number of bars.

    Raises:
        ConfigError: no pitch is allowed.
    """
    assert constraints.bars is not None
    wanted = set(constraints.metre_ids) or {constraints.time_signature_id} - {None}
    metres = tables.kind == Kind.TIME_SIGNATURE
    if wanted:
        metres &= np.isin(np.arange(tables.vocab_size), sorted(wanted))
    allowed = range(128) if constraints.pitches is None else sorted(constraints.pitches)
    pitches = np.isin(tables.pitch, list(allowed)) & (tables.kind == Kind.PITCH)
    if not pitches.any():
        raise ConfigError("the scale, range and program together leave no pitch; widen one of them")
    return LineLimits(
        constraints.bars * tables.bar_positions, metres.astype(np.int64), pitches.astype(np.int64)
    )


Limits = EventLimits | GridLimits | LineLimits


def limits_of(tables: Tables, constraints: Constraints) -> Limits:
    """The limits of the streams that `tables` describe.

    Raises:
        ConfigError: the constraints leave no valid token.
    """
    make = line_limits if tables.is_line else grid_limits if tables.voices else event_limits
    return make(tables, constraints)
