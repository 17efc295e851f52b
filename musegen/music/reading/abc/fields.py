"""The fields of ABC that determine how notes sound: key, metre, unit length, tempo, voice, order of parts."""

import re
from fractions import Fraction
from typing import NamedTuple

from musegen.music.reading.bars import Metre

SHARPS = "FCGDAEB"
"""The order of the sharps in key signatures; flats in reverse."""
_TONICS = {"C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F": -1}
_MODES = {
    "": 0, "maj": 0, "ion": 0, "m": -3, "min": -3, "aeo": -3, "mix": -1, "dor": -2, "phr": -4, "lyd": 1,
    "loc": -5,
}  # fmt: skip
"""Mode: how many sharps its signature has more than that of major on the same tonic."""
_KEY = re.compile(r"([A-G])([#b]?)\s*([A-Za-z]*)")
_SIGN = re.compile(r"(\^\^?|__?|=)([A-Ga-g])")
_ALTERS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
_CLEF = re.compile(r"(?:treble|alto|tenor|bass|perc|none|[GCF])\d?([+-](?:8|15))?(?![A-Za-z0-9#b])")
_OPTION = re.compile(r"(\w+)=(\"[^\"]*\"|[^\s\"]*)")
MAX_PARTS = 1000


class Key(NamedTuple):
    """A key."""

    alters: dict[str, int]
    """The signature: semitones by letter."""
    sharps: int
    """Number of sharps of the tonic and mode; below zero: flats."""
    minor: bool


class VoiceOptions(NamedTuple):
    """What a V: or K: field says about a voice; None: nothing."""

    name: str | None = None
    octave: int | None = None
    transpose: int | None = None
    """Semitones."""
    clef_octave: int | None = None
    """Octaves by which a clef with +8 or -8 moves what is written."""
    percussion: bool | None = None


def read_key(value: str) -> Key | None:
    """The key of a K: field; None if it names none (a clef alone). See also `is_known_key`."""
    value = value.strip()
    if re.match(r"h\.?p", value, re.IGNORECASE):
        return Key({"F": 1, "C": 1}, 2, minor=False)
    if re.match("none", value, re.IGNORECASE):
        return Key({}, 0, minor=False)
    sharps, minor, explicit = 0, False, False
    found = _KEY.match(value)
    if found:
        mode = found[3].lower()
        rest = value[found.end() :]
        if mode == "exp" or (not mode and re.match(r"\s*exp\b", rest)):
            explicit, mode = True, ""
        short = mode if mode in _MODES else mode[:3]
        if short not in _MODES:
            short = ""
        minor = short in ("m", "min", "aeo")
        sharps = _TONICS[found[1]] + {"#": 7, "b": -7, "": 0}[found[2]] + _MODES[short]
    elif not _SIGN.match(value) and not value.startswith("exp"):
        return None
    else:
        explicit = True
    alters = {} if explicit else signature(sharps)
    for sign, letter in _SIGN.findall(re.sub(_OPTION, "", value)):
        alters[letter.upper()] = _ALTERS[sign]
    if explicit:
        sharps = sum(alters.values())
    return Key(alters, max(-7, min(7, sharps)), minor)


def is_known_key(value: str) -> bool:
    """Whether all of a K: field is understood."""
    value = re.sub(_OPTION, "", value.split("%", maxsplit=1)[0]).strip()
    value = re.sub(_SIGN, "", re.sub(r"\bexp\b", "", value))
    value = value[:2] + re.sub(_CLEF, "", value[2:])
    found = _KEY.match(value)
    if not found or re.match(r"(HP|Hp|none)", value):
        return True
    return found[3].lower() in _MODES or found[3].lower()[:3] in _MODES


def signature(sharps: int) -> dict[str, int]:
    """The semitones of each letter in the signature of so many sharps (below zero: flats), at most 14."""
    alters: dict[str, int] = {}
    for i in range(min(abs(sharps), 14)):
        letter = SHARPS[i % 7] if sharps > 0 else SHARPS[-1 - i % 7]
        alters[letter] = alters.get(letter, 0) + (1 if sharps > 0 else -1)
    return alters


def read_metre(value: str) -> Metre | None:
    """The metre of an M: field, additive ones summed up; None: free, or not understood."""
    value = value.split("%", maxsplit=1)[0].strip()
    if value.startswith("C|"):
        return 2, 2
    if value.startswith("C"):
        return 4, 4
    beats, unit = 0, 1
    terms = re.findall(r"\(?\s*(\d{1,3}(?:\s*\+\s*\d{1,3})*)\s*\)?\s*/\s*(\d{1,3})\s*(\+?)", value)
    for numbers, below, more in terms[:20]:
        if not int(below):
            return None
        size = Fraction(beats, unit) + Fraction(sum(map(int, numbers.split("+"))), int(below))
        unit = max(unit, int(below), size.denominator)
        beats = int(size * unit) if (size * unit).denominator == 1 else 0
        if not more:
            break
    return (beats, unit) if beats else None


def read_unit(value: str) -> Fraction | None:
    """The length of an L: field in quarter notes; None if it is not understood."""
    found = re.match(r"\s*(\d{1,3})\s*(?:/\s*(\d{1,4}))?", value)
    if not found or not int(found[1]) or not int(found[2] or 1):
        return None
    return Fraction(4 * int(found[1]), int(found[2] or 1))


def default_unit(metre: Metre | None) -> Fraction:
    """The unit without an L: field, in quarter notes: a sixteenth if a bar is below 3/4, else an eighth."""
    return Fraction(1, 4) if metre and Fraction(*metre) < Fraction(3, 4) else Fraction(1, 2)


def read_tempo(value: str, unit: Fraction) -> float | None:
    """Quarter notes per minute of a Q: field; None if it is not understood, or has words alone.

    The forms are `1/4=120`, `3/8 1/4=40` (the sum a beat), `C=120` and `C3=40` (in unit lengths), `120` (unit
    lengths a minute), all with words in quotes before or after.
    """
    value = re.sub(r'"[^"]*"', "", value.split("%", maxsplit=1)[0])
    beat, equals, rest = value.partition("=")
    number = re.search(r"\d{1,4}(?:\.\d{1,3})?", rest if equals else beat)
    if not number or not float(number[0]) or re.match(r"\s*\d+\s*/", rest):
        return None
    lengths = re.findall(r"(\d{1,3})\s*/\s*(\d{1,3})", beat) if equals else []
    size = sum((Fraction(4 * int(a), int(b)) for a, b in lengths if int(b)), Fraction(0))
    if not size:
        units = re.search(r"[A-Ga-g]\s*(\d{0,2})", beat) if equals else None
        size = unit * int((units and units[1]) or 1)
    tempo = float(number[0]) * float(size)
    return tempo if 4 <= tempo <= 1000 else None


def read_voice(value: str) -> VoiceOptions:
    """What follows the name of the voice in a V: field, or the key in a K: field."""
    value = value.split("%", maxsplit=1)[0]
    options = {name.lower(): text.strip('"') for name, text in _OPTION.findall(value)}
    bare = re.sub(_SIGN, " ", re.sub(_OPTION, " ", value))
    clef = _CLEF.search(options.get("clef", "") or re.sub(r"^\s*[A-G][#b]?\S*", "", bare))
    octaves = int(int(clef[1]) / 7) if clef and clef[1] else 0
    return VoiceOptions(
        name=options.get("name", options.get("nm")),
        octave=_number(options.get("octave", options.get("oct"))),
        transpose=_number(options.get("transpose")),
        clef_octave=octaves if clef else None,
        percussion=clef[0].startswith("perc") if clef else None,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[+-]?\d{1,2}", text) else None


def read_parts(value: str) -> list[str]:
    """The order of parts of a P: field, such as A2B or (AB)2C; at most MAX_PARTS of them."""
    order: list[list[str]] = [[]]
    text = re.sub(r"[^A-Za-z()\d]", "", value.split("%", maxsplit=1)[0])
    for name, bracket, number in re.findall(r"([A-Za-z])|([()])|(\d{1,3})", text):
        if bracket == "(":
            order.append([])
        elif bracket and len(order) > 1:
            inner = order.pop()
            order[-1].append("".join(inner))
        elif number and order[-1]:
            order[-1][-1] *= max(1, int(number))
        elif name:
            order[-1].append(name)
        if sum(len(item) for level in order for item in level) > MAX_PARTS:
            return []
    return list("".join("".join(level) for level in order))
