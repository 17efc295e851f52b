"""Simplifies MusicXML before music21 reads it: measures within parts, pitched drums, no cue notes.

music21 rejects measures that contain parts ("timewise"), plays cue notes, and loses notes of drum chords.
"""

import re
from collections import Counter
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from musegen.errors import MidiError

SNARE = 38
"""The default drum of an unpitched note."""
_STEPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def plain_xml(text: str) -> tuple[str, int, Counter[str]]:
    """The text of a MusicXML score in a form that music21 reads correctly.

    Returns:
        text, the number of its notes (grace notes included), and the number of everything omitted.

    Raises:
        MidiError: it is not well-formed, or nested too deeply.
    """
    try:
        root = ET.fromstring(text)  # noqa: S314  texts with their own entities are rejected before
    except (ET.ParseError, ValueError) as error:
        raise MidiError(f"damaged XML: {error}") from error
    if root.tag == "score-timewise":
        _to_partwise(root)
    left_out = Counter({"chord symbols not sounded": sum(1 for _ in root.iter("harmony"))})
    drums = _drums(root)
    for measure in root.iter("measure"):
        for note in measure.findall("note"):
            if note.find("cue") is not None and note.find("rest") is None:
                left_out["cue notes not sounded"] += 1
                _silence(measure, note)
            _give_pitch(note, drums)
    written = sum(1 for _ in root.iter("pitch"))
    try:
        return ET.tostring(root, encoding="unicode"), written, left_out
    except RecursionError as error:
        raise MidiError("XML nested far deeper than music is") from error


def _to_partwise(root: Element) -> None:
    """Convert measures that contain parts to parts that contain measures."""
    root.tag = "score-partwise"
    parts: dict[str, Element] = {}
    for measure in root.findall("measure"):
        root.remove(measure)
        for part in measure.findall("part"):
            whole = parts.setdefault(part.get("id", ""), Element("part", part.attrib))
            part.tag, part.attrib = "measure", dict(measure.attrib)
            whole.append(part)
    root.extend(parts.values())


def _drums(root: Element) -> dict[str, int]:
    """The drum pitch (0 to 127) of every instrument that has one; MusicXML counts from 1."""
    drums = {}
    for instrument in root.iter("midi-instrument"):
        number = (instrument.findtext("midi-unpitched") or "").strip()
        if re.fullmatch(r"\d{1,3}", number) and 1 <= int(number) <= 128:
            drums[instrument.get("id", "")] = int(number) - 1
    return drums


def _silence(measure: Element, note: Element) -> None:
    """Replace a note by a rest; remove it if it is a further note of a chord."""
    if note.find("chord") is not None:
        measure.remove(note)
        return
    for child in list(note):
        if child.tag in ("pitch", "unpitched"):
            note.insert(list(note).index(child), Element("rest"))
        if child.tag in ("pitch", "unpitched", "tie", "notations"):
            note.remove(child)


def _give_pitch(note: Element, drums: dict[str, int]) -> None:
    """Give an unpitched note the pitch of its drum."""
    unpitched = note.find("unpitched")
    if unpitched is None:
        return
    instrument = note.find("instrument")
    pitch = drums.get(instrument.get("id", "") if instrument is not None else "", SNARE)
    name = _STEPS[pitch % 12]
    unpitched.clear()
    unpitched.tag = "pitch"
    for tag, value in (("step", name[0]), ("alter", len(name) - 1), ("octave", pitch // 12 - 1)):
        ET.SubElement(unpitched, tag).text = str(value)
