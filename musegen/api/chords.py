"""Chords as users write them."""

import re

from musegen.api.pitches import LETTERS, SIGNS
from musegen.errors import ConfigError
from musegen.tokenizers.chord_plan import HALVES

_CHORD = re.compile(r"([A-G])([#♯b♭]?)(m(?!aj))?(6|7|maj7)?")
SILENCE = "N"


def chords_of(text: str, bars: int) -> list[int]:
    """The chord of each half of so many bars, as numbered in `tokenizers/plan.py`.

    Args:
        text: a chord a bar, such as "C Am F G", or two with a comma between: "C,G Am"; N for none; from the
            first again after the last. A sixth or a seventh is heard as its triad.
        bars: how many.

    Raises:
        ConfigError: something is no chord.
    """
    halves: list[int] = []
    for bar in text.split():
        names = bar.split(",")
        if len(names) > HALVES:
            raise ConfigError(f"--chords has {bar!r}: a bar has at most {HALVES} chords")
        halves += [_chord(name) for name in names for _ in range(HALVES // len(names))]
    if not halves:
        raise ConfigError('--chords is empty: write a chord a bar, such as "C Am F G"')
    return [halves[i % len(halves)] for i in range(HALVES * bars)]


def _chord(name: str) -> int:
    if name == SILENCE:
        return 0
    match = _CHORD.fullmatch(name)
    if match is None:
        raise ConfigError(
            f"--chords has {name!r}, which is no chord: write C, F#, Bbm, G7, Dm7 and the like, or N for none"
        )
    letter, sign, minor, _ = match.groups()
    root = (LETTERS[letter] + SIGNS[sign]) % 12
    return 1 + 2 * root + bool(minor)
