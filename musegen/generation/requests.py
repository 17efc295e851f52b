"""What is asked for, and what comes back."""

from dataclasses import dataclass

from symusic.core import ScoreTick


@dataclass(frozen=True)
class Request:
    """What music is wanted; None leaves the choice to the model."""

    bars: int
    """New bars."""
    time_signature: tuple[int, int] | None = None
    pitches: frozenset[int] | None = None
    """MIDI pitches allowed, drums aside."""
    tempo: float | None = None
    """Beats (quarters) a minute."""
    program: int | None = None
    """General MIDI program, 0 to 127, or -1 for drums."""
    ends: bool = True
    """Whether the last bar is to be the end of a piece, where the model can be told."""


@dataclass(frozen=True)
class Result:
    """One piece written."""

    score: ScoreTick
    log_likelihood: float
    """Of the new ids under the model, in nats."""
    bars: int
    """Bars in all, those of a prompt included."""
    ids: list[int]
    """The whole stream, a prompt's ids included, without the end."""
    strayed: float = 0.0
    """Nats an id by which it is likelier under the rounded weights that drew it than under the model's."""
    given: tuple[int, ...] = ()
    """Numbers of the tracks, from 0, that are the user's own, to be written as they are."""
