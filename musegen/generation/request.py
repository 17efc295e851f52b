"""What is asked for, and what comes back."""

from dataclasses import dataclass

import numpy as np
from symusic.core import ScoreTick

from musegen.errors import DataError
from musegen.generation.engine import Stream
from musegen.music.metre import bar_ticks
from musegen.tokenizers import Tokenizer


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
    precision_gap: float = 0.0
    """Nats an id by which it is likelier under the rounded weights that drew it than under the model's."""
    user_tracks: tuple[int, ...] = ()
    """Numbers of the tracks, from 0, that are the user's own, to be written as they are."""

    @classmethod
    def of(cls, stream: Stream, score: ScoreTick, bars: int) -> "Result":
        """A stream with its score."""
        return cls(score, stream.log_likelihood, bars, stream.ids, stream.precision_gap)


def check_metres(score: ScoreTick, tokenizer: Tokenizer, what: str) -> None:
    """Refuse music with a metre that the tokenizer lacks.

    Args:
        score: tidy, of any length.
        tokenizer: that is to hear it.
        what: the music in words, such as "the prompt".

    Raises:
        DataError: there is such a metre; the bar in which it begins is named, from 1.
    """
    for mark in score.time_signatures:
        if (mark.numerator, mark.denominator) not in tokenizer.time_signatures:
            bar = int(np.searchsorted(bar_ticks(score), mark.time, side="right"))
            known = ", ".join(f"{beats}/{unit}" for beats, unit in tokenizer.time_signatures)
            raise DataError(
                f"bar {bar} of {what} is in {mark.numerator}/{mark.denominator}, "
                f"which the model does not know: leave that bar out, or write it in one of {known}"
            )
