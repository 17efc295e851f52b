"""What may be asked of a model, as types: a wrong name or value is found before anything runs."""

from collections.abc import Sequence
from typing import Literal, TypedDict

from musegen.api.given import Music


class Drawing(TypedDict, total=False):
    """How ids are drawn; what is left out is the checkpoint's, the temperature of given clips 0."""

    temperature: float
    """Above 1 bolder, below 1 safer; 0 always takes the likeliest."""
    top_k: int
    """Draw from the k likeliest ids only."""
    top_p: float
    """Draw from the likeliest ids that together hold this much probability."""
    min_p: float
    """Leave out ids less likely than this share of the likeliest."""
    min_p_new: float
    """The same of pitch classes that a piece has not had yet, from its eighth on."""
    diatonic: float
    """Share of the pieces that keep to one diatonic scale, whichever they begin in."""
    precision: Literal["float32", "bfloat16", "int8"]
    """Round the weights, on a processor: faster, and no longer quite the model; see `Piece.strayed`."""
    compiled: bool
    """Compile the steps (needs a C++ compiler): a minute at first, then single pieces take half the time."""


class AskedPiece(Drawing, total=False):
    """The arguments of `Model.generate`, which says what they mean."""

    bars: int | None
    prompt: Music | None
    seed: int | None
    time_signature: str | None
    scale: str | None
    key: str | None
    pitch_range: str | None
    tempo: float | None
    program: int | None
    prior: bool


class AskedAccompaniment(Drawing, total=False):
    """The arguments of `Model.accompany`, which says what they mean."""

    melody: str | None
    prompt_bars: int
    chords: str | None
    plan_temperature: float | None
    seed: int | None
    scale: str | None
    pitch_range: str | Sequence[str]
