"""Parts, tracks that a whole corpus has by the same names; what one does on a grid; how they are saved."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from symusic.core import TrackTick

from musegen.errors import TokenError

LONGEST_BAR = 16
"""Beats of the longest bar a tokenizer takes in from a dataset: each beat costs 24 ids."""
COMMON_TIME_SIGNATURES = frozenset(
    {(n, 2) for n in (2, 3, 4)}
    | {(n, 4) for n in range(1, 9)}
    | {(n, 8) for n in range(2, 13)}
    | {(n, 16) for n in (2, 3, 4, 5, 6, 7, 9, 12)}
)
"""Metres every tokenizer knows, whatever its dataset holds."""

Metre = tuple[int, int]
"""Beats of a bar, and their unit."""


class Part(NamedTuple):
    """A track that a whole corpus has by the same name, such as "Alto"."""

    name: str
    program: int


def with_common(metres: Iterable[Metre]) -> frozenset[Metre]:
    """The metres of a dataset up to `LONGEST_BAR` beats, and the common ones."""
    return COMMON_TIME_SIGNATURES | {metre for metre in metres if metre[0] <= LONGEST_BAR}


def sort_metres(metres: Iterable[Metre]) -> list[Metre]:
    """Each of the metres once, in the order of the vocabulary: by unit, then beats."""
    return sorted(set(metres), key=lambda metre: metre[::-1])


def match_parts(tracks: Sequence[TrackTick], parts: Sequence[Part]) -> list[int]:
    """Which part each melodic track is.

    By name and program, else by name, else the first free one of its program.

    Raises:
        TokenError: a track is none of the parts.
    """
    numbers: list[int] = []
    for track in tracks:
        name, program = track.name.strip().casefold(), track.program
        fits = [(part.name.casefold() == name, part.program == program) for part in parts]
        free = [i for i in range(len(fits)) if any(fits[i]) and i not in numbers]
        if not free:
            names = ", ".join(part.name for part in parts)
            raise TokenError(f"track {track.name!r} is none of the parts of this tokenizer: {names}")
        numbers.append(max(free, key=lambda i: fits[i]))
    return numbers


def voice_spans(
    tracks: list[TrackTick], ticks_per_quarter: int, positions: int, *, lossy: bool
) -> tuple[list[int], list[int], list[int]]:
    """Onsets, ends (in positions) and pitches of one voice, ascending, none overlapping the next.

    Raises:
        TokenError: the tracks sound several notes at once, or notes fall together on the grid.
    """
    rows = sorted((note.time, note.end, note.pitch) for track in tracks for note in track.notes)
    _check_one_voice(rows, tracks, ticks_per_quarter / positions / 2)

    def position(tick: int) -> int:
        return (2 * tick * positions + ticks_per_quarter) // (2 * ticks_per_quarter)

    grid = [(position(time), position(end), pitch) for time, end, pitch in rows]
    following = [onset for onset, _, _ in grid[1:]] + [-1] * bool(grid)
    kept = [row for row, onset in zip(grid, following, strict=True) if row[0] != onset]
    if len(kept) < len(grid) and not lossy:
        raise TokenError(
            f"notes fall on one position of the grid ({positions} a quarter); "
            "a larger --tokenizer.positions tells them apart"
        )
    onsets = [onset for onset, _, _ in kept]
    limits = onsets[1:] + [2**62] * bool(kept)
    ends = [min(max(end, onset + 1), limit) for (onset, end, _), limit in zip(kept, limits, strict=True)]
    return onsets, ends, [pitch for _, _, pitch in kept]


def _check_one_voice(rows: list[tuple[int, int, int]], tracks: list[TrackTick], leeway: float) -> None:
    """Refuse notes that overlap by more than `leeway` ticks (less is legato)."""
    for (_, end, _), (time, following_end, _) in itertools.pairwise(rows):
        if min(end, following_end) - time > leeway:
            names = ", ".join(repr(track.name) for track in tracks if track.name.strip()) or "the score"
            raise TokenError(
                f"several notes sound at once in {names}; a grid writes one note a voice: "
                "use --tokenizer remi, or --data.tracks melody"
            )


@contextmanager
def reading_saved(saved: dict[str, Any], kind: str) -> Iterator[tuple[list[Metre], list[Part]]]:
    """The metres and parts of a saved tokenizer; meanwhile what is odd in it is a TokenError.

    Raises:
        TokenError: at once, where it is of another kind or version, or a metre is out of range.
    """
    try:
        if saved["kind"] != kind or saved["format_version"] != 1:
            raise TokenError(f"tokenizer kind {saved['kind']!r} version {saved['format_version']} is unknown")
        metres = [(int(n), int(d)) for n, d in (text.split("/") for text in saved["time_signatures"])]
        if any(not 1 <= n <= LONGEST_BAR or d not in (1, 2, 4, 8, 16, 32) for n, d in metres):
            raise TokenError("tokenizer.json is damaged: a time signature is out of range")
        yield metres, [Part(str(name), int(program)) for name, program in saved["parts"]]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TokenError(f"tokenizer.json is damaged: {error!r}") from error
