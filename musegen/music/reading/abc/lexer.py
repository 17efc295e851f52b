"""The tokens of a line of ABC music."""

import re
from collections.abc import Iterator
from fractions import Fraction

from musegen.errors import MidiError

_LENGTH = r"(?:\d+(?:/+\d*)?|/+\d*)?"
_TOKEN = re.compile(
    rf"""
    (?P<space>[\s`\\*$;]+)
  | (?P<comment>%.*)
  | (?P<field>\[[A-Za-z]:[^\]]*\]?)
  | (?P<text>"[^"]*"?)
  | (?P<decoration>![^!\s|\[\]]+!|\+[^+\s|\[\]]+\+)
  | (?P<grace>\{{[^{{}}]*\}}?)
  | (?P<bar>:*(?:\[?\|\]?)+:*|::+)
  | (?P<named>\["[^"]*"(?=[^\]|]*(?:\||$)))
  | (?P<ending>\[?\s*\d+(?:\s*[,.-]\s*\d+)*)
  | (?P<tuplet>\(\s*\d+(?::\d*){{0,2}})
  | (?P<note>(?:\^\^?|__?|=)?(?:\d*/\d*)?[A-Ga-g][,']*{_LENGTH})
  | (?P<rest>[zxZX]{_LENGTH})
  | (?P<spacer>y{_LENGTH})
  | (?P<open>\[)
  | (?P<close>\]{_LENGTH})
  | (?P<tie>-)
  | (?P<slur>[()])
  | (?P<broken>>+|<+)
  | (?P<overlay>&+)
  | (?P<letter>[.~H-Wh-w])
  | (?P<linebreak>!)
  | (?P<other>.)
    """,
    re.VERBOSE,
)
_NOTE = re.compile(r"(\^\^?|__?|=)?(\d*/\d*)?([A-Ga-g])([,']*)(.*)")
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}


def tokens(line: str) -> Iterator[tuple[str, str]]:
    """Kind and text of the tokens of a line, without spaces, comments and line breaks (!)."""
    for found in _TOKEN.finditer(line):
        if found.lastgroup not in ("space", "comment", "linebreak"):
            yield found.lastgroup or "", found[0]


def read_length(text: str) -> Fraction:
    """A length as a multiple of the unit: "" is 1, "/" is 1/2, "//" is 1/4, "3/2" is 3/2.

    Raises:
        MidiError: a number of four figures or more.
    """
    if not text:
        return Fraction(1)
    number, slashes, divisor = re.fullmatch(r"(\d*)(/*)(\d*)", text).groups()  # type: ignore[union-attr]
    if len(number) > 3 or len(divisor) > 3:
        raise MidiError("an ABC note length of four figures or more")
    below = int(divisor) if divisor else 2 ** min(len(slashes), 10)
    return Fraction(int(number or 1), below or 1)


def read_note(text: str) -> tuple[str, int, Fraction | None, Fraction]:
    """A note: its letter (A to G), its octave (4 for C to B), its own accidental and its length.

    The accidental is in semitones, half ones for quarter tones; None if it has none. The length is in units.
    """
    sign, part, letter, marks, length = _NOTE.match(text).groups()  # type: ignore[union-attr]
    octave = (5 if letter.islower() else 4) + marks.count("'") - marks.count(",")
    alter = None if sign is None else Fraction(_ACCIDENTALS[sign])
    if part is not None and alter is not None:
        alter *= read_length(part)
    return letter.upper(), octave, alter, read_length(length)


def step_pitch(letter: str, octave: int) -> int:
    """The MIDI pitch of a natural note."""
    return 12 * (octave + 1) + _STEPS[letter]
