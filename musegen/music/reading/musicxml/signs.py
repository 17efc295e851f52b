"""What a MusicXML measure has besides notes: keys, metres, tempos, chord symbols, repeats and jumps."""

import re
from collections import Counter
from fractions import Fraction
from xml.etree.ElementTree import Element

from musegen.music.chord_symbols import KINDS, NO_CHORD, STEPS, ChordSymbol, moved, parse_symbol
from musegen.music.reading.bars import Metre
from musegen.music.reading.musicxml.document import as_number, number
from musegen.music.reading.notated import JUMPS, KeyMark, TempoMark
from musegen.music.reading.repeats import UNCLEAR, Printed, read_jump

SECTIONS = ("light-light", "light-heavy", "heavy-light", "heavy-heavy")
SIGNATURE = "FCGDAEB"
NOTE_TYPES = {
    "breve": Fraction(8), "whole": Fraction(4), "half": Fraction(2), "quarter": Fraction(1),
    "eighth": Fraction(1, 2), "16th": Fraction(1, 4), "32nd": Fraction(1, 8), "64th": Fraction(1, 16),
}  # fmt: skip
"""Lengths in quarter notes."""
_QUALITIES = {kind: quality for quality, kind in KINDS.items()}


def read_metre(time: Element) -> Metre | None:
    """The metre of a <time>, additive ones and several of them summed up; None if there is none."""
    total = Fraction(0)
    unit = 1
    for beats, below in zip(time.findall("beats"), time.findall("beat-type"), strict=False):
        numbers = [int(n) for n in re.findall(r"\d{1,3}", beats.text or "")]
        kind = int(as_number(below.text))
        if not 0 < kind <= 256 or not numbers:
            return None
        total += Fraction(sum(numbers), kind)
        unit = max(unit, kind)
    return (int(total * unit), unit) if total and (total * unit).denominator == 1 else None


def read_key(key: Element, chromatic: int) -> KeyMark | None:
    """The key of a <key> as it sounds in a part that sounds `chromatic` semitones higher than written."""
    minor = (key.findtext("mode") or "").strip() == "minor"
    if key.find("fifths") is not None:
        sharps = int(number(key, "fifths"))
    elif key.find("key-step") is not None:
        sharps = int(sum(as_number(alter.text) for alter in key.findall("key-alter")))
    else:
        return None
    sounding = (sharps + 7 * chromatic + 5) % 12 - 5 if chromatic % 12 else sharps
    return KeyMark(sounding, minor) if -7 <= sounding <= 7 else None


def read_tempo(direction: Element) -> TempoMark | None:
    """The tempo of a <direction> or <sound>: what is played, else what is printed."""
    for sound in [direction] if direction.tag == "sound" else direction.findall("sound"):
        qpm = as_number(sound.get("tempo"))
        if 4 <= qpm <= 1000:
            return TempoMark(qpm)
    mark = direction.find("direction-type/metronome")
    if mark is None or mark.find("beat-unit") is None:
        return None
    printed = re.search(r"\d+(?:\.\d+)?", mark.findtext("per-minute") or "")
    beat = NOTE_TYPES.get((mark.findtext("beat-unit") or "").strip(), Fraction(0))
    dots = len(mark.findall("beat-unit-dot"))
    qpm = as_number(printed[0]) * float(beat * (2 - Fraction(1, 2 ** min(dots, 3)))) if printed else 0.0
    return TempoMark(qpm) if 4 <= qpm <= 1000 else None


def read_harmony(harmony: Element, chromatic: int, repairs: Counter[str]) -> ChordSymbol | None:
    """The chord symbol of a <harmony> as it sounds; None if it is none that is known.

    Args:
        harmony: the element.
        chromatic: semitones by which the part sounds higher than written.
        repairs: counts symbols of which added or changed notes are not kept.
    """
    root = _pitch_class(harmony, "root/root-step", "root/root-alter")
    named = (harmony.findtext("kind") or "").strip()
    if named == NO_CHORD.quality:
        return NO_CHORD
    kind = _QUALITIES.get(named)
    if root is None or kind is None:
        return None
    bass = _pitch_class(harmony, "bass/bass-step", "bass/bass-alter")
    degrees = "".join(_degree(degree, kind) for degree in harmony.findall("degree"))
    # Added notes are read as they are written: a dominant with a flat ninth is C7(b9), sus4 with 7 C(7)sus4.
    whole = parse_symbol(f"C{kind}({degrees})") or parse_symbol(f"C({degrees}){kind}")
    repairs["chord symbols without their added or changed notes"] += whole is None
    symbol = ChordSymbol(root, whole.quality if whole else kind, None if bass == root else bass)
    return moved(symbol, chromatic)


def _degree(degree: Element, kind: str) -> str:
    """A note that is added to or changed in a triad or other kind, as in a symbol; ? for one left out."""
    sign = {-1: "b", 0: "", 1: "#"}.get(round(number(degree, "degree-alter")), "?")
    is_there = (degree.findtext("degree-type") or "").strip() in ("add", "alter")
    value = int(number(degree, "degree-value"))
    without_seventh = kind in ("", "m") and not sign and value not in (6, 7)  # C9 would have one
    return f"{'add' * without_seventh}{sign}{value}" if is_there else "?"


def _pitch_class(harmony: Element, step: str, alter: str) -> int | None:
    name = (harmony.findtext(step) or "").strip()
    return (STEPS[name] + round(number(harmony, alter))) % 12 if name in STEPS else None


class Signs:
    """The signs of a measure that determine the order of playing, collected; `next` are those of the next."""

    def __init__(self, repairs: Counter[str]) -> None:
        """None so far; what is not understood is counted in `repairs`."""
        self.repairs = repairs
        self.here: dict[str, object] = {}
        self.next: dict[str, object] = {}
        self.endings: tuple[int, ...] = ()
        """Of the bracket that is open."""
        self._closes = False

    def printed(self) -> Printed:
        """The signs of the measure; what was said of the next is then that of the measure."""
        printed = Printed(**self.here)._replace(endings=self.endings)  # type: ignore[arg-type]
        self.here, self.next = self.next, {}
        if self._closes:
            self.endings, self._closes = (), False
        return printed

    def barline(self, barline: Element) -> None:
        """A barline."""
        location = barline.get("location", "right")
        if (barline.findtext("bar-style") or "").strip() in SECTIONS and location == "right":
            self.here["section"] = True
        if location == "middle" and barline.find("repeat") is not None:
            self.repairs["repeats in the middle of a bar not played there"] += 1
        repeat, ending = barline.find("repeat"), barline.find("ending")
        if repeat is not None and repeat.get("direction") == "forward":
            self.here["start"] = True
        elif repeat is not None:
            self.here["end"] = min(64, max(2, int(as_number(repeat.get("times"), 2))))
        if ending is not None and ending.get("type") == "start":
            self.endings, self._closes = _passes(ending.get("number", "") or ending.text or ""), False
        elif ending is not None:
            self._closes = True

    def direction(self, direction: Element, *, is_at_start: bool) -> None:
        """A <direction>, or a <sound> alone, at the start of the measure or after it."""
        sounds = [direction] if direction.tag == "sound" else direction.findall("sound")
        said = {name for sound in sounds for name, value in sound.attrib.items() if value and value != "no"}
        words = " ".join(" ".join(w.text or "" for w in direction.iter("words")).split())
        jump = read_jump(words)
        goal = jump[len("DaCapo") :] if jump.startswith("DaCapo") else jump[len("DalSegno") :]
        if "dacapo" in said or "dalsegno" in said:
            start = "DaCapo" if "dacapo" in said else "DalSegno"
            self.here["jump"] = start + (goal if jump.startswith(("DaCapo", "DalSegno")) else "")
        elif jump.startswith(("DaCapo", "DalSegno")):
            self.here["jump"] = jump
        elif "fine" in said or jump == "fine":
            self.here["fine"] = True
        elif "tocoda" in said or jump == "tocoda":
            (self.here if is_at_start else self.next)["coda"] = True
        elif jump == UNCLEAR:
            self.repairs[JUMPS] += 1
        elif "coda" in said or jump == "coda" or direction.find("direction-type/coda") is not None:
            (self.here if is_at_start else self.next)["coda"] = True
        if "forward-repeat" in said:
            self.here["start"] = True
        if "segno" in said or jump == "segno" or direction.find("direction-type/segno") is not None:
            (self.here if is_at_start else self.next)["segno"] = True


def _passes(text: str) -> tuple[int, ...]:
    """The passes that an ending is for: "1, 3" or "1-3"; the first if it has no number."""
    passes: list[int] = []
    for first, last in re.findall(r"(\d{1,2})(?:\s*[-–]\s*(\d{1,2}))?", text)[:32]:
        passes += range(int(first), min(int(last or first), int(first) + 31) + 1)
    return tuple(sorted(set(passes))) or (1,)
