"""The notes, rests and barlines of **kern."""

import re
from fractions import Fraction
from typing import NamedTuple

from musegen.music.reading.repeats import Printed

_RECIPROCAL = re.compile(r"(\d+)(?:%(\d+))?(\.*)")
_PITCH = re.compile(r"([a-gA-G])\1*([#n-]*)")
_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


class KernNote(NamedTuple):
    """A note or a rest."""

    length: Fraction
    """In quarter notes; 0 for a grace note."""
    pitch: int | None
    """MIDI pitch as written; None for a rest."""
    tie: str | None
    """As in `Sound`."""
    is_grace: bool

    @property
    def place(self) -> tuple[str, str]:
        """The step and octave at which it stands, naturals only, for drums."""
        pitch = self.pitch or 0
        step = max((s for s in _STEPS if _STEPS[s] <= pitch % 12), key=_STEPS.__getitem__)
        return step.upper(), str(pitch // 12 - 1)


def read_length(token: str) -> Fraction | None:
    """The length of a note or rest in quarter notes: 4. is 3/2, 0 a breve, 3%2 two thirds of a whole note."""
    found = _RECIPROCAL.search(token)
    if not found or len(found[1]) > 4 or len(found[2] or "") > 4:
        return None
    if set(found[1]) == {"0"}:
        whole = Fraction(2 ** min(len(found[1]), 4))
    else:
        whole = Fraction(int(found[2] or 1), int(found[1]))
    return 4 * whole * (2 - Fraction(1, 2 ** min(len(found[3]), 4)))


def read_notes(cell: str) -> list[KernNote]:
    """The notes of a cell: a note, a rest, or a chord, whose notes stand side by side."""
    notes: list[KernNote] = []
    length: Fraction | None = None
    for token in cell.split():
        is_grace = "q" in token.lower()
        length = read_length(token) or length
        found = None if "r" in token else _PITCH.search(token)
        if not is_grace and length is None:
            continue
        if "r" in token or found:
            pitch = _pitch(found) if found else None
            notes.append(
                KernNote(Fraction(0) if is_grace else length or Fraction(0), pitch, _tie(token), is_grace)
            )
    return notes


def _pitch(found: re.Match[str]) -> int:
    letters, signs = found[0].rstrip("#n-"), found[2]
    octave = 3 + len(letters) if letters[0].islower() else 4 - len(letters)
    return 12 * (octave + 1) + _STEPS[letters[0].lower()] + signs.count("#") - signs.count("-")


def _tie(token: str) -> str | None:
    if "_" in token or ("[" in token and "]" in token):
        return "continue"
    return "start" if "[" in token else "stop" if "]" in token else None


def read_barline(cell: str) -> tuple[Printed, Printed]:
    """The signs that a barline gives to the measure before it, and to the one after."""
    text = cell.lstrip("=0123456789abcdefghijklmnopqrstuvwxyz-;'`")
    before, _, after = text.partition("|") if "|" in text else text.partition("!")
    is_end, is_start = ":" in before, ":" in after
    is_section = cell.startswith("==") or "||" in text or "!" in text.replace("|!", "!").replace("!|", "!")
    return Printed(end=2 * is_end, section=is_section), Printed(start=is_start)
