"""Requests and results of generation."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from symusic.core import ScoreTick

from musegen.errors import DataError
from musegen.music.metre import bar_ticks
from musegen.tokenizers import Tokenizer


@dataclass(frozen=True)
class Request:
    """What new music must be like; None leaves the choice to the model."""

    bars: int
    """The number of new bars."""
    time_signature: tuple[int, int] | None = None
    pitches: frozenset[int] | None = None
    """The MIDI pitches allowed; drums are not restricted."""
    tempo: float | None = None
    """Quarter notes per minute (BPM)."""
    program: int | None = None
    """General MIDI program, 0 to 127, or -1 for drums."""
    ends: bool = True
    """Whether the piece ends with its last bar, if the model has tokens for that."""


@dataclass(frozen=True)
class Result:
    """A generated piece."""

    score: ScoreTick
    log_likelihood: float
    """Of the new music under the model, in nats; NaN if the model cannot say."""
    bars: int
    """The total number of bars, those of a prompt included."""
    ids: list[int]
    """The whole stream, a prompt's ids included, without EOS."""
    precision_gap: float = 0.0
    """Nats per token by which it is more likely under what sampled it (rounded weights, guidance) than under
    the model."""
    user_tracks: tuple[int, ...] = ()
    """Numbers (from 0) of the tracks that are the user's own, which are written unchanged."""
    midi: bytes | None = None
    """The user's own file with new notes in it, written as it is; None: the score is written."""
    filled: Mapping[str, Any] | None = None
    """What was filled, as in a manifest."""
    humanized: Mapping[str, Any] | None = None
    """How the score was played, as in a manifest."""
    given: Mapping[str, Any] | None = None
    """The labels that it should have, as in a manifest."""
    passed_over: int = 0
    """How many candidates were passed over for it."""


class Prompt(NamedTuple):
    """What a stream begins with."""

    score: ScoreTick | None
    """A tidy score that stands unchanged before the new bars; None: there is none."""
    bars: int
    """How many bars of the score are kept."""
    ids: list[int]
    """The ids from BOS to the bar line after them."""
    line: int | None = None
    """The only track that is in the ids and goes on (from 0), None: all of them."""


class TrainingDefaults(NamedTuple):
    """Tempo and instruments of the training pieces."""

    tempo: float = 120.0
    """Quarter notes per minute (BPM), where neither request nor prompt has a tempo."""
    program: int = 0
    """Of the track, if the stream has no programs and there is no prompt."""
    rosters: Sequence[Sequence[int]] = ()
    """The instruments of each training piece, as numbered in the stream; each piece keeps to one of these
    rosters, chosen at random, unless a program is requested or there is a prompt."""
    ranges: Sequence[Sequence[int]] = ()
    """Lowest and highest pitch of each voice of a grid."""
    metres: Collection[str] = ()
    """Of the training clips, such as "6/8"; empty: all that the tokenizer has."""
    pitches: Mapping[int, frozenset[int]] = MappingProxyType({})
    """Those of each program, part or voice, by its number; others are written only if they are requested."""

    known: Collection[str] = ()
    """Their tokens of tempos, velocities and metres; others are written only if requested. Empty: any."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "TrainingDefaults":
        """Those in a checkpoint's data.json."""
        rosters = [entry["programs"] for entry in data["train"]]
        pitches = {int(voice): frozenset(own) for voice, own in data.get("pitches", {}).items()}
        metres, known = data.get("metres", ()), data.get("known", ())
        return cls(data["tempo"], data["program"], rosters, data["ranges"], metres, pitches, known)


def check_metres(score: ScoreTick, tokenizer: Tokenizer, what: str) -> None:
    """Refuse music with a metre that the tokenizer lacks.

    Args:
        score: tidy, of any length.
        tokenizer: of the model that reads it.
        what: what the music is, such as "the prompt".

    Raises:
        DataError: it has such a metre; the message names the bar (from 1) in which it begins.
    """
    for mark in score.time_signatures:
        if (mark.numerator, mark.denominator) not in tokenizer.time_signatures:
            bar = int(np.searchsorted(bar_ticks(score), mark.time, side="right"))
            known = ", ".join(f"{beats}/{unit}" for beats, unit in tokenizer.time_signatures)
            raise DataError(
                f"bar {bar} of {what} is in {mark.numerator}/{mark.denominator}, "
                f"which the model does not know: leave that bar out, or write it in one of {known}"
            )
