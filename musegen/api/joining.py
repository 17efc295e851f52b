"""A tune, bars to fill, and the music that comes after them, as one file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from musegen.api.user_file import UserFile, parse_user_file
from musegen.console import say
from musegen.errors import ConfigError, DataError
from musegen.music.gaps import Gap
from musegen.music.metre import bar_length, bar_ticks, metre_changes, metres_at
from musegen.music.writing.midi_edit import (
    Part,
    explicit,
    finer,
    followed_by,
    has_other_tempo,
    metre_event,
    parts_of,
    write_events,
)

if TYPE_CHECKING:
    pass


def bars_between(gaps: Sequence[Gap], bars: int, name: str) -> int:
    """The number of bars between a tune and what comes after.

    Raises:
        ConfigError: the gaps are elsewhere.
    """
    if len(gaps) > 1 or gaps[0].first != bars + 1:
        raise ConfigError(
            f"⟨bars⟩ with ⟨until⟩ names the bars after the tune: {name} has {bars}, so it must be "
            f"{bars + 1}:LAST"
        )
    return gaps[0].bars


def joined_files(first: UserFile, second: UserFile, bars: int, name: str) -> UserFile:
    """A tune, silent bars, and the music after them.

    Raises:
        DataError: the two differ in metre where they meet.
    """
    lines = bar_ticks(first.score)
    [metre] = metres_at(first.score, lines[-2:-1])
    then = metre_changes(second.score)[0][1:]
    if metre != then:
        raise DataError(
            f"⟨until⟩ {name} begins in {then[0]}/{then[1]}, and the tune ends in {metre[0]}/{metre[1]}: both "
            "must be in the same time signature"
        )
    ticks = math.lcm(first.score.tpq, second.score.tpq)
    one, other = (ticks // each.score.tpq for each in (first, second))
    shift = (int(lines[-1]) - first.pad) * one + bars * bar_length(ticks, *metre) + second.pad * other
    later = metre_changes(second.score)[1:]
    metres = [metre_event(max(0, (c.time - second.pad) * other), c.beats, c.unit) for c in later]
    pairs = _same_tracks(first, second)
    parts = [parts_of(each.events, each.raw) for each in (first, second)]
    same = [(parts[0][before][0], parts[1][after][0]) for before, after in pairs]
    if lost := _lost(pairs, same, first, second):
        say(f"{name} goes on in the tracks of the tune: {' and '.join(lost)} are not kept")
    programs = {
        parts[1][after][0]: second.raw.tracks[after].program
        for before, after in pairs
        if _kind(first.raw.tracks[before]) != _kind(second.raw.tracks[after])
    }
    then_events = explicit(second.events, programs, tempo=has_other_tempo(first.events))
    return parse_user_file(
        write_events(followed_by(finer(first.events, one), finer(then_events, other), shift, same, metres))
    )


def _lost(
    pairs: Sequence[tuple[int, int]], same: Sequence[tuple[Part, Part]], first: UserFile, second: UserFile
) -> list[str]:
    """What is not kept of the tracks of the second file that go on in those of the first."""
    names = [(first.raw.tracks[before].name, second.raw.tracks[after].name) for before, after in pairs]
    channels = [(before[1], after[1]) for before, after in same]
    others = [repr(after) for before, after in names if after.strip() not in ("", before.strip())]
    moved = [str(after + 1) for before, after in channels if before != after]
    found = [f"its track names {', '.join(others)}"] if others else []
    return found + ([f"its channels {', '.join(moved)}"] if moved else [])


def _same_tracks(first: UserFile, second: UserFile) -> list[tuple[int, int]]:
    """The tracks of two files that go on from one to the other: by name, instrument, or as the only ones."""
    tracks = [[(i, t) for i, t in enumerate(each.raw.tracks) if len(t.notes)] for each in (first, second)]
    pitched = [[i for i, t in each if not t.is_drum] for each in tracks]
    pairs, free = [], dict(tracks[0])
    for number, track in tracks[1]:
        same = [
            [i for i, t in free.items() if _kind(t) == _kind(track) and t.name == track.name],
            [i for i, t in free.items() if _kind(t) == _kind(track)],
            pitched[0] if pitched[1] == [number] and len(pitched[0]) == 1 else [],
        ]
        found = next((i for several in same for i in several if i in free), None)
        if found is not None:
            del free[found]
            pairs.append((found, number))
    return pairs


def _kind(track: Any) -> int:
    return -1 if track.is_drum else int(track.program)
