"""The spines of a Humdrum file: columns that begin, end, split, join, and change places."""

from dataclasses import dataclass, field, replace
from fractions import Fraction

from musegen.errors import MidiError

MAX_SPINES = 1000


@dataclass
class Player:
    """What the spines of one part have in common."""

    number: int
    """By its first spine, from the left."""
    name: str = ""
    code: str = ""
    """Of its instrument, such as `violn`."""
    is_percussion: bool = False


@dataclass
class Spine:
    """A column."""

    kind: str
    """Such as `**kern`."""
    player: Player
    ends: Fraction
    """When its last note or rest ends, in quarter notes from the start."""
    voice: int = 0
    """Among the columns into which it was split."""
    tokens: list[str] = field(default_factory=list)


def next_spines(spines: list[Spine], cells: list[str], now: Fraction) -> list[Spine]:
    """The spines after a line of interpretations.

    Raises:
        MidiError: the line has more or fewer cells than there are spines.
    """
    if len(cells) != len(spines):
        raise MidiError(f"a line of {len(cells)} cells where there are {len(spines)} spines")
    after: list[Spine] = []
    joining: Spine | None = None
    exchanged = False
    for spine, cell in zip(spines, cells, strict=True):
        if cell == "*v" and joining is not None:
            joining.ends = max(joining.ends, spine.ends)
            continue
        joining = spine if cell == "*v" else None
        if cell == "*-":
            continue
        after.append(_begun(spine, cell, now) if cell.startswith("**") else spine)
        if cell == "*^":
            after.append(replace(spine, voice=spine.voice + 1))
        elif cell == "*+":
            after.append(Spine("", Player(spine.player.number + 1), now))
        if cell == "*x" and exchanged:
            after[-2:] = after[:-3:-1]
        exchanged = cell == "*x" and not exchanged
    if len(after) > MAX_SPINES:
        raise MidiError(f"more than {MAX_SPINES} spines")
    return after


def _begun(spine: Spine, cell: str, now: Fraction) -> Spine:
    """A spine that begins here with the kind that the cell says."""
    return replace(spine, kind=cell, ends=max(spine.ends, now))
