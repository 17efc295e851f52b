"""Parts: tracks that a whole corpus has by the same names, such as soprano, alto, tenor and bass."""

from collections.abc import Sequence
from typing import NamedTuple

from symusic.core import TrackTick

from musegen.errors import TokenError


class Part(NamedTuple):
    """A track that a whole corpus has by the same name, such as "Alto"."""

    name: str
    program: int


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
