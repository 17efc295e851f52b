"""How the onsets of a dataset lie: on a grid, beside one as music that is played to beats, or free of any."""

from typing import Literal, TypedDict, get_args

from musegen.errors import ConfigError
from musegen.music.kits import KITS

Timing = Literal["grid", "beats", "free"]
OFF_GRID = 0.1
"""With a larger share of onsets off the grid, the music was performed, not notated."""
BEAT_STRENGTH = 0.2
"""With at least this, what was performed was played to the beats of its file: see `music.fingerprint`."""
KEPT = {
    "grid": "rounded to it",
    "beats": "kept as played, with a shift and a velocity for each note",
    "free": "kept as played, in free time, without bars",
}


def timing_of(off_grid: float, beat_strength: float) -> Timing:
    """How onsets lie, from the share off the grid and how closely they gather about beats."""
    if off_grid <= OFF_GRID:
        return "grid"
    return "beats" if beat_strength >= BEAT_STRENGTH else "free"


def describe_timing(timing: Timing, off_grid: float) -> list[str]:
    """A line that says how models write onsets, unless all is on a grid anyway."""
    if timing == "grid" and off_grid <= OFF_GRID:
        return []
    return [f"played, {1 - off_grid:.0%} of onsets on a grid: {KEPT[timing]}"]


class Played(TypedDict, total=False):
    """How music was played, as options of `prepare`."""

    timing: Timing | None
    """How models write its onsets; None: as measured."""
    beats: str | None
    """The name of the file of beats beside each recording, in which * stands for that of the recording; None:
    there are none."""
    kit: str | None
    """The drum kit that was played, one of `music.kits.KITS`; None: the pitches of drums stay."""


def check_played(played: Played) -> None:
    """Refuse options that are unknown, or do not go together.

    Raises:
        ConfigError: see above.
    """
    timing, beats, kit = played.get("timing"), played.get("beats"), played.get("kit")
    for name, value, allowed in (("timing", timing, get_args(Timing)), ("kit", kit, tuple(KITS))):
        if value is not None and value not in allowed:
            raise ConfigError(f"⟨{name}⟩ {value}: it must be one of {', '.join(allowed)}")
    if beats is not None and timing == "free":
        raise ConfigError(f"⟨beats⟩ {beats} gives beats, and ⟨timing⟩ free has none: leave one of both out")
