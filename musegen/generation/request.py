"""What is asked for, and what comes back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from symusic.core import ScoreTick

from musegen.errors import DataError
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


class Prompt(NamedTuple):
    """What streams begin with."""

    score: ScoreTick | None
    """A tidy score that stands unchanged before the new bars; None: there is none."""
    bars: int
    """Of the score that are kept."""
    ids: list[int]
    """From BOS to the bar line after them."""


class TrainingDefaults(NamedTuple):
    """What plays and how fast, as the training pieces have it."""

    tempo: float = 120.0
    """Quarters a minute, where neither request nor prompt says."""
    program: int = 0
    """Of the track, where the stream has no programs and there is no prompt."""
    rosters: Sequence[Sequence[int]] = ()
    """The instruments of each training piece, as numbered in the stream; each piece keeps to one of these
    rosters, drawn at random, unless a program or a prompt says what plays."""
    ranges: Sequence[Sequence[int]] = ()
    """Lowest and highest pitch of each voice of a grid, kept to where the request allows any of it."""
    metres: Collection[str] = ()
    """Of training clips, such as "6/8"; none: all that are known."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "TrainingDefaults":
        """As a checkpoint's data.json says."""
        rosters = [entry["programs"] for entry in data["train"]]
        return cls(data["tempo"], data["program"], rosters, data["ranges"], data.get("metres", ()))


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
