"""The parts and measures of a MusicXML document."""

from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from musegen.errors import MidiError


def parse_document(text: str) -> Element:
    """The score of a MusicXML text: parts that contain measures, names without namespaces.

    Raises:
        MidiError: it is not well-formed, or no score.
    """
    try:
        root = ET.fromstring(text)  # noqa: S314  texts with their own entities are rejected before
    except (ET.ParseError, ValueError, RecursionError) as error:
        raise MidiError(f"damaged XML: {error}") from error
    for element in root.iter():
        if isinstance(element.tag, str) and element.tag.startswith("{"):
            element.tag = element.tag.partition("}")[2]
    if root.tag not in ("score-partwise", "score-timewise"):
        found = next((e for e in root.iter() if e.tag in ("score-partwise", "score-timewise")), None)
        if found is None:
            raise MidiError("not MusicXML: it has no score-partwise or score-timewise")
        root = found
    if root.tag == "score-timewise":
        _to_partwise(root)
    return root


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


def number(element: Element | None, path: str, default: float = 0.0) -> float:
    """The number in the text at `path`; the default if there is none."""
    return as_number(element.findtext(path) if element is not None else None, default)


def as_number(text: str | None, default: float = 0.0) -> float:
    """The number in a text of at most 20 characters; the default if there is none."""
    try:
        value = float((text or "").strip()[:20])
    except ValueError:
        return default
    return value if abs(value) < 1e9 else default
