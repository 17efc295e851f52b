"""Tokenizers: scores to token ids and back, and tables of what each id means."""

from dataclasses import replace
from typing import Any

from musegen.config.settings import TokenizerConfig
from musegen.errors import TokenError
from musegen.tokenizers.free import FreeTokenizer
from musegen.tokenizers.grid import GridTokenizer
from musegen.tokenizers.limits import Constraints, Limits, limits_of
from musegen.tokenizers.line import LineTokenizer
from musegen.tokenizers.parts import Part
from musegen.tokenizers.remi import RemiTokenizer
from musegen.tokenizers.tables import Kind, Tables, known_ids, known_pitches, roster, voice_ranges

__all__ = [
    "Constraints",
    "FreeTokenizer",
    "GridTokenizer",
    "Kind",
    "Limits",
    "LineTokenizer",
    "Part",
    "RemiTokenizer",
    "Tables",
    "Tokenizer",
    "WholeTokenizer",
    "known_ids",
    "known_pitches",
    "limits_of",
    "load_tokenizer",
    "melody_tokenizer",
    "roster",
    "voice_ranges",
    "whole_tokenizer",
]

WholeTokenizer = RemiTokenizer | GridTokenizer
"""A tokenizer of whole pieces."""
Tokenizer = WholeTokenizer | LineTokenizer


def load_tokenizer(saved: dict[str, Any]) -> Tokenizer:
    """Rebuild the tokenizer that `to_dict` wrote.

    Raises:
        TokenError: an unknown kind, or damaged.
    """
    tokenizers: tuple[type[Tokenizer], ...] = (RemiTokenizer, FreeTokenizer, GridTokenizer, LineTokenizer)
    kinds = {tokenizer.kind: tokenizer for tokenizer in tokenizers}
    kind = saved.get("kind")
    if kind not in kinds:
        raise TokenError(f"tokenizer kind {kind!r} is unknown; this musegen knows {', '.join(kinds)}")
    return kinds[kind].from_dict(saved)


def whole_tokenizer(tokenizer: Tokenizer) -> WholeTokenizer:
    """The tokenizer of whole pieces: the same one, or for lines the event tokenizer they are cut with."""
    return tokenizer.events if isinstance(tokenizer, LineTokenizer) else tokenizer


def melody_tokenizer(tokenizer: Tokenizer) -> WholeTokenizer:
    """The melody tokenizer of an accompaniment model (seq2seq): one line, the same metres and grid.

    What is beside the grid is read where it is written.
    """
    if isinstance(tokenizer, GridTokenizer):
        return GridTokenizer(replace(tokenizer.config, programs=False), tokenizer.time_signatures)
    played = {"velocity": bool(tokenizer.config.shift), "shift": bool(tokenizer.config.shift)}
    return RemiTokenizer(TokenizerConfig(kind="remi", programs=False, **played), tokenizer.time_signatures)
