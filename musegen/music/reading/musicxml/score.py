"""A MusicXML score as a notated piece, and played."""

from collections import Counter
from fractions import Fraction

from musegen.errors import MidiError
from musegen.music.reading.bars import Metre
from musegen.music.reading.instruments import PartInfo, part_list
from musegen.music.reading.musicxml.document import parse_document
from musegen.music.reading.musicxml.part import Measure, Part, filled
from musegen.music.reading.notated import KeyMark, Mark, Notated, NotatedPart, Sound, Tune, play
from musegen.music.reading.repeats import merged_signs

MAX_PARTS = 256
MAX_MEASURES = 20_000


def parse_musicxml(text: str) -> Tune:
    """A MusicXML score as it is played, with one track per part (a piano of two staves is one).

    Raises:
        MidiError: it is damaged, or has no notes.
    """
    root = parse_document(text)
    repairs: Counter[str] = Counter()
    infos = part_list(root)
    elements = root.findall("part")
    if len(elements) > MAX_PARTS or any(len(e) > MAX_MEASURES for e in elements):
        raise MidiError(f"absurdly long: more than {MAX_PARTS} parts or {MAX_MEASURES} measures")
    parts = [
        Part(infos.get(e.get("id", ""), PartInfo("", {})), e.findall("measure"), repairs) for e in elements
    ]
    parts = [p for p in parts if any(m.sounds or m.drums for m in p.measures)]
    if not parts:
        raise MidiError("no notes")
    title = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    score = play(_notated(parts), repairs, abc=False)
    return Tune(" ".join(title.split()), score, [f"{n} {what}" for what, n in (+repairs).items()])


def _notated(parts: list[Part]) -> Notated:
    count = max(len(p.measures) for p in parts)
    columns = [[p.measures[i] for p in parts if i < len(p.measures)] for i in range(count)]
    metres: list[Metre] = []
    metre: Metre = (4, 4)
    for measures in columns:
        metre = next((m.metre for m in measures if m.metre), metre)
        metres.append(metre)
    lengths = [
        filled(measures, metre, is_first=i == 0)
        for i, (measures, metre) in enumerate(zip(columns, metres, strict=True))
    ]
    return Notated(
        [each for part in parts for each in _parts(part, count)],
        lengths,
        metres,
        [merged_signs(m.printed for m in measures) for measures in columns],
        [_marks(measures) for measures in columns],
    )


def _parts(part: Part, count: int) -> list[NotatedPart]:
    """A part, its drums apart from its other notes."""
    empty: list[list[Sound]] = [[] for _ in range(count - len(part.measures))]
    sounds, drums = (
        [*column, *empty] for column in zip(*((m.sounds, m.drums) for m in part.measures), strict=True)
    )
    both = [
        NotatedPart(part.info.name, part.program, drums=False, measures=sounds),
        NotatedPart(part.info.name, 0, drums=True, measures=drums),
    ]
    return [each for each in both if any(each.measures)]


def _marks(measures: list[Measure]) -> list[tuple[Fraction, Mark]]:
    """The marks of a measure of all parts, each once, in order of time; of keys those of the first part."""
    marks: dict[tuple[Fraction, Mark], None] = {}
    has_key = False
    for measure in measures:
        keys = [mark for mark in measure.marks if isinstance(mark[1], KeyMark)]
        marks.update(dict.fromkeys(m for m in measure.marks if not (has_key and isinstance(m[1], KeyMark))))
        has_key |= bool(keys)
    return sorted(marks, key=lambda mark: mark[0])
