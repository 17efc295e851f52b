"""Texts of music made comparable: without what other readers play beside the notes, and as printed."""

import re
from collections.abc import Iterable
from itertools import pairwise, zip_longest
from typing import NamedTuple
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

NOTE = re.compile(r"<note\b.*?</note>", re.DOTALL)
"""A note of MusicXML."""
_CHORD = re.compile(r"<note\b.*?</note>(?:\s*<note\b[^>]*>\s*<chord\b.*?</note>)*", re.DOTALL)
_FIELD = re.compile(r"[A-Za-z+]:(?![|:])")
_PITCHES = [
    f"<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
    for octave in range(2, 8)
    for step in "CDEFGAB"
]
_VALUES = {"whole": 4, "half": 2, "quarter": 1, "eighth": 0.5, "16th": 0.25, "32nd": 0.125}
"""In quarter notes."""
_BACKWARD = "barline/repeat[@direction='backward']"
_VALUE = ("duration", "voice", "type", "dot", "time-modification")


def plain_abc(tune: str) -> str:
    """A tune without ornaments, annotations, chord symbols and made-up drums, which other readers play."""
    tune = re.sub(
        r"^%%MIDI\s+(drum|drumon|drone|droneon|gchord|gchordon|chordattack|ratio)\b.*\n",
        "",
        tune,
        flags=re.MULTILINE,
    )
    return _over_music(tune, _without_ornaments)


def printed_abc(tune: str) -> str:
    """A tune without repeats, endings, jumps and orders of parts: its notes once, as they are printed."""
    lines = [line for line in plain_abc(tune).splitlines() if not line.startswith("P:")]
    return _over_music("\n".join(lines) + "\n", _without_repeats)


def plain_musicxml(text: str) -> str:
    """A score with time that passes in place of its cue notes, which other readers play."""
    return _CHORD.sub(_without_cues, text)


def _without_cues(chord: re.Match[str]) -> str:
    """The notes of a chord that are no cues; the first of them begins it."""
    notes = NOTE.findall(chord[0])
    kept = [note for note in notes if "<cue" not in note]
    if len(kept) == len(notes):
        return chord[0]
    if kept:
        return "".join([re.sub(r"<chord\s*/>|<chord></chord>", "", kept[0]), *kept[1:]])
    length = re.search(r"<duration>[^<]*</duration>", notes[0])
    return f"<forward>{length[0]}</forward>" if length else ""


def aligned_musicxml(text: str) -> str:
    """A score whose measures last equally long in all parts, as they do by the standard; others drift."""
    root = ET.fromstring(text)
    parts = [_measures(part) for part in root.iterfind("part")]
    for columns in zip_longest(*parts):
        longest = max(max(column.now, column.length) for column in columns if column)
        for column in filter(None, columns):
            rest = round((longest - column.now) * column.divisions)
            if column.length < longest:
                sign = ET.fromstring(f"<forward><duration>{rest}</duration></forward>")
                column.measure.insert(column.place, sign)
    return ET.tostring(root, encoding="unicode")


class _Measure(NamedTuple):
    """A measure of MusicXML; times in quarter notes."""

    measure: Element
    divisions: float
    now: float
    """Where it stands after its last note."""
    length: float
    place: int
    """The index in the measure after the last note."""


def _measures(part: Element) -> list[_Measure]:
    """The measures of a part."""
    found, divisions = [], 1.0
    for measure in part.iterfind("measure"):
        now, length, place = 0.0, 0.0, 0
        for index, item in enumerate(measure):
            if item.tag == "attributes":
                divisions = float(item.findtext("divisions") or divisions)
            elif item.tag in ("note", "backup", "forward"):
                duration, place = float(item.findtext("duration") or 0) / divisions, index + 1
                if item.find("chord") is None and item.find("grace") is None:
                    now += -duration if item.tag == "backup" else duration
                length = max(length, now)
        found.append(_Measure(measure, divisions, now, length, place))
    return found


def order_musicxml(text: str) -> str:
    """A score in which each measure of the first part strikes a pitch of its own, and all else is silent.

    What is left is the order of the measures. The first voice keeps its rhythm, if it fills the measure.
    """
    root = ET.fromstring(text)
    for number, part in enumerate(root.iterfind("part")):
        for count, (measure, divisions, _, length, _) in enumerate(_measures(part)):
            items = [item for item in measure if item.tag in ("note", "backup", "forward")]
            place = list(measure).index(items[0]) if items else len(measure)
            rhythm = _plain_rhythm(length, divisions) if number else _rhythm(items, length, divisions)
            for item in items:
                measure.remove(item)
            sign = "<rest/>" if number else _PITCHES[count % len(_PITCHES)]
            for value in reversed(rhythm):
                measure.insert(place, ET.fromstring(f"<note>{sign}{value}</note>"))
    return ET.tostring(root, encoding="unicode")


def mended_musicxml(text: str) -> str:
    """A score whose brackets reach their repeat sign: some stop a bar short of it, before the next ending.

    So it is with many that an old program has written; played to the letter, the rest of a first ending is
    played before the second too.
    """
    root = ET.fromstring(text)
    for part in root.iterfind("part"):
        measures = part.findall("measure")
        for i, measure in enumerate(measures):
            for barline in measure.findall("barline"):
                stop = barline.find("ending")
                if stop is not None and stop.get("type") != "start" and measure.find(_BACKWARD) is None:
                    sign = _sign_reached(measures[i + 1 :], stop.get("number", ""))
                    if sign is not None:
                        barline.remove(stop)
                        stop.set("type", "stop")
                        sign.insert(0, stop)
    return ET.tostring(root, encoding="unicode")


def _sign_reached(measures: list[Element], number: str) -> Element | None:
    """The barline with the repeat sign that the ending `number` goes on to, if a higher ending follows."""
    for measure, following in pairwise(measures):
        signs = [b for b in measure.findall("barline") if b.find("repeat[@direction='backward']") is not None]
        if measure.find("barline/ending") is not None:
            return None
        if signs:
            after = following.find("barline/ending[@type='start']")
            return signs[0] if after is not None and after.get("number", "") > number else None
    return None


def _rhythm(items: list[Element], length: float, divisions: float) -> list[str]:
    """The note values of the first voice of a measure, or if they do not fill it, plain ones that do."""
    values, filled = [], 0.0
    for item in items:
        if item.tag != "note" or item.find("type") is None:
            break
        if item.find("chord") is None and item.find("grace") is None:
            filled += float(item.findtext("duration") or 0) / divisions
            parts = [ET.tostring(e, encoding="unicode") for e in item if e.tag in _VALUE]
            values.append("".join(parts))
    return values if values and filled == length else _plain_rhythm(length, divisions)


def _plain_rhythm(length: float, divisions: float) -> list[str]:
    values = []
    for name, quarters in _VALUES.items():
        while length >= quarters:
            length -= quarters
            values.append(f"<duration>{quarters * divisions:g}</duration><voice>1</voice><type>{name}</type>")
    return values


def printed_musicxml(text: str) -> str:
    """A score without repeats, endings and jumps."""
    text = re.sub(r"<(repeat|ending)\b[^>]*?(/>|>[^<]*</\1>)", "", text)
    text = re.sub(r"<(segno|coda)\b[^>]*?(/>|></\1>)|<words\b[^>]*>[^<]*</words>", "<words/>", text)
    return re.sub(r"\s(dacapo|dalsegno|tocoda|segno|coda|fine)=\"[^\"]*\"", "", text)


def printed_kern(text: str) -> str:
    """A kern text without repeats, orders and labels of sections, and grace notes."""
    lines = []
    for line in text.splitlines():
        if line.startswith("="):
            line = "\t".join("=" + re.sub(r"[^\d=]", "", cell[1:]) for cell in line.split("\t"))  # noqa: PLW2901
        elif line.startswith("*>"):
            line = re.sub(r"\*>[^\t]*", "*", line)  # noqa: PLW2901
        elif not line.startswith(("!", "*")) and re.search(r"[qQ]", line):
            cells = ["." if re.search(r"[qQ]", cell) else cell for cell in line.split("\t")]
            line = "\t".join(cells)  # noqa: PLW2901
            if set(cells) == {"."}:
                continue
        lines.append(line)
    return "\n".join(lines) + "\n"


def _over_music(tune: str, change: object) -> str:
    """The tune with its lines of music changed, outside fields in brackets."""
    lines: list[str] = []
    in_body = False
    for line in tune.splitlines():
        if not in_body or _FIELD.match(line) or line.startswith("%"):
            in_body |= line.startswith("K:")
            lines.append(line)
            continue
        pieces = re.split(r"(\[[A-Za-z]:[^\]]*\])", re.sub(r"\"[^\"]*\"", "", line))
        lines.append("".join(p if i % 2 else change(p) for i, p in enumerate(pieces)))  # type: ignore[operator]
    return "\n".join(lines) + "\n"


def _without_ornaments(music: str) -> str:
    music = re.sub(r"\{[^}]*\}|![^!\s|]+!|\+[^+\s|]+\+", "", music)
    return re.sub(r"[~.H-Wh-w!`]", "", music)


def _without_repeats(music: str) -> str:
    music = re.sub(r":*\|[|\]]*:*|::+|\[\|\]?", "|", music)
    return re.sub(r"(\||\[)\s*\d+(?:\s*[,.-]\s*\d+)*", "|", music)


def note_count(text: str) -> int:
    """The notes that a MusicXML text strikes, counted in the text: no grace notes, cues or ends of ties."""
    notes: Iterable[str] = NOTE.findall(text)
    skipped = re.compile(r"<(grace|cue|rest)\b|<tie [^>]*type=\"stop\"")
    return sum(1 for note in notes if not skipped.search(note))
