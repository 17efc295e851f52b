"""Parse musical terms typed by users: time signatures, scales, keys, pitch ranges."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING

from musegen.config.verbs import AccompanyOptions
from musegen.errors import ConfigError
from musegen.generation.accompany import PLAN_TEMPERATURE, Accompaniment
from musegen.music.chord_sequence import parse_chords, placed
from musegen.music.key import MODES, SCALES
from musegen.music.metre import bar_ticks
from musegen.music.notes import last_end
from musegen.music.roles import listed
from musegen.tokenizers import Tokenizer
from musegen.tokenizers.chord_plan import planned_chords

if TYPE_CHECKING:
    from musegen.api.inputs import MelodyInput
    from musegen.music.gaps import Gap

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SIGNS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}


def metre_of(text: str | None) -> tuple[int, int] | None:
    """Parse a time signature such as 6/8; None if it is not set.

    Raises:
        ConfigError: it cannot be parsed.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,2})/(\d{1,2})", text.strip(), re.ASCII)
    numerator, denominator = map(int, match.groups()) if match else (0, 0)
    if not 1 <= numerator <= 64 or denominator not in (1, 2, 4, 8, 16, 32, 64):
        raise ConfigError(
            f"⟨time-signature⟩ is {text!r}: it must be beats/unit, such as 4/4, 6/8 or 7/8, "
            "with 1 to 64 beats of a unit of 1, 2, 4, 8, 16, 32 or 64"
        )
    return numerator, denominator


def allowed_pitches(scale: str | None, pitch_range: str | None) -> frozenset[int] | None:
    """The MIDI pitches that a scale and a pitch range allow; None if neither is set.

    Raises:
        ConfigError: one of them cannot be parsed, or no pitch is in both.
    """
    if scale is None and pitch_range is None:
        return None
    low, high = (0, 127) if pitch_range is None else _parse_range(pitch_range)
    classes = range(12) if scale is None else _parse_scale(scale)
    pitches = frozenset(pitch for pitch in range(low, high + 1) if pitch % 12 in classes)
    if not pitches:
        raise ConfigError(f"⟨pitch-range⟩ {pitch_range} has no pitch of ⟨scale⟩ {scale!r}: widen the range")
    return pitches


def requested_accompaniment(
    tune: "MelodyInput", options: AccompanyOptions, tokenizer: Tokenizer
) -> Accompaniment:
    """The requested accompaniment of a melody, parsed from the options.

    Raises:
        ConfigError: an option cannot be parsed.
    """
    parts = [part.name for part in tokenizer.parts]
    whole = max((tune.melody, tune.others or tune.melody), key=last_end)
    chords = [] if options.chords is None else parse_chords(options.chords)
    return Accompaniment(
        pitches=common_pitches(options.scale, options.pitch_range),
        part_pitches=part_pitches(options.pitch_range, parts),
        prompt_bars=options.prompt_bars,
        chords=planned_chords(chords, len(bar_ticks(whole)) - 1) if chords else (),
        symbols=placed(chords, whole) if chords else (),
        plan_temperature=options.plan_temperature or PLAN_TEMPERATURE,
        parts=listed(options.accompaniment),
    )


def common_pitches(scale: str | None, ranges: Sequence[str]) -> frozenset[int] | None:
    """The MIDI pitches that a scale and the last range without a part name allow in all parts.

    Raises:
        ConfigError: see `allowed_pitches`.
    """
    whole = [text for text in ranges if "=" not in text]
    return allowed_pitches(scale, whole[-1] if whole else None)


def part_pitches(ranges: Sequence[str], parts: Sequence[str]) -> dict[int, frozenset[int]]:
    """The MIDI pitches allowed in each part that a range such as bass=36:60 names, by part number.

    Args:
        ranges: as typed; those without a part name are ignored.
        parts: names of the checkpoint's parts, in order.

    Raises:
        ConfigError: there is no such part, or the range cannot be parsed.
    """
    pitches: dict[int, frozenset[int]] = {}
    names = [name.casefold() for name in parts]
    for text in ranges:
        name, sign, bounds = text.rpartition("=")
        if not sign:
            continue
        if name.strip().casefold() not in names:
            known = f"its parts are {', '.join(parts)}" if parts else "it has no named parts"
            raise ConfigError(f"⟨pitch-range⟩ {text!r}: the checkpoint has no part {name!r}; {known}")
        low, high = _parse_range(bounds)
        pitches[names.index(name.strip().casefold())] = frozenset(range(low, high + 1))
    return pitches


def gaps_of(texts: Sequence[str]) -> "list[Gap]":
    """Parse ranges of bars such as 5:8 or 4: by bar, those with no bar between them as one.

    Raises:
        ConfigError: none, or one that cannot be parsed, is reversed or overlaps another.
    """
    from musegen.music.gaps import Gap, joined  # which loads libraries that no help text needs

    words = [word for text in texts for word in re.split(r"[\s,]+", text.strip()) if word]
    if not words:
        raise ConfigError("nothing is missing: name the bars to fill with ⟨bars⟩, such as 5:8 or 2:3 7:8")
    gaps = []
    for word in words:
        match = re.fullmatch(r"(\d{1,6})(?::(\d{1,6}))?", word, re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last:
            raise ConfigError(
                f"⟨bars⟩ has {word!r}: it must be FIRST:LAST, the first bar to fill and the last, from 1, "
                "such as 5:8, or one bar, such as 4"
            )
        gaps.append(Gap(first, last))
    for before, after in pairwise(sorted(gaps)):
        if after.first <= before.last:
            raise ConfigError(f"⟨bars⟩: {before} and {after} overlap: name each bar once")
    return joined(gaps)


def key_of(text: str | None, *, scale: str | None = None, prompt: object = None) -> tuple[int, str] | None:
    """Parse a key: the pitch class of the tonic, and the mode; None if it is not set.

    Args:
        text: as typed.
        scale: must be None, since it restricts the pitches too.
        prompt: must be None, since it has a key already.

    Raises:
        ConfigError: it cannot be parsed, or is combined with a scale or a prompt.
    """
    if text is None:
        return None
    if scale is not None:
        raise ConfigError(
            "⟨key⟩ is for pieces that end on the tonic, ⟨scale⟩ for single notes: use only one of them"
        )
    if prompt is not None:
        raise ConfigError("⟨key⟩: the prompt has a key already, in which it is continued: leave ⟨key⟩ out")
    return _tonic_and_mode("key", text, MODES)


def _parse_scale(text: str) -> frozenset[int]:
    """The pitch classes of a scale: its tonic, then its mode; "D" alone is D major."""
    tonic, mode = _tonic_and_mode("scale", text, tuple(SCALES))
    return frozenset((tonic + step) % 12 for step in SCALES[mode])


def _tonic_and_mode(option: str, text: str, modes: Sequence[str]) -> tuple[int, str]:
    match = re.fullmatch(r"([A-Ga-g])([#♯b♭]?)(?:\s+(.+))?", text.strip())
    if not match:
        raise ConfigError(f"⟨{option}⟩ is {text!r}: it must be a tonic and a mode, such as 'D dorian'")
    letter, sign, mode = match.groups()
    mode = " ".join((mode or "major").lower().split())
    if mode not in modes:
        near = get_close_matches(mode, modes, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(modes)}"
        raise ConfigError(f"⟨{option}⟩ is {text!r}: no mode {mode!r}; {hint}")
    return (LETTERS[letter.upper()] + SIGNS[sign]) % 12, mode


def _parse_range(text: str) -> tuple[int, int]:
    low, high = map(_parse_pitch, text.split(":")) if text.count(":") == 1 else (None, None)
    if low is None or high is None or not 0 <= low <= high <= 127:
        raise ConfigError(
            f"⟨pitch-range⟩ is {text!r}: it must be LO:HI, low to high within 0:127, such as 60:84 or C4:C6"
        )
    return low, high


def _parse_pitch(text: str) -> int | None:
    """Parse a MIDI number, or a note name with octave: C4 is 60. None if it is neither."""
    if re.fullmatch(r"\d{1,3}", text.strip(), re.ASCII):
        return int(text)
    match = re.fullmatch(r"([A-Ga-g])([#♯b♭]?)(-1|\d)", text.strip(), re.ASCII)
    if not match:
        return None
    letter, sign, octave = match.groups()
    return 12 * (int(octave) + 1) + LETTERS[letter.upper()] + SIGNS[sign]
