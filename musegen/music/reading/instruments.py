"""Programs and drums of notated instruments: by number, name, or place on a staff."""

import re
from typing import NamedTuple
from xml.etree.ElementTree import Element

from musegen.music.reading.musicxml.document import as_number

SNARE = 38
DRUM_CHANNEL = 10
_STANDARD = (
    "acoustic bass drum", "bass drum 1", "side stick", "acoustic snare", "hand clap", "electric snare",
    "low floor tom", "closed high hat", "high floor tom", "pedal high hat", "low tom", "open high hat",
    "low mid tom", "high mid tom", "crash cymbal 1", "high tom", "ride cymbal 1", "chinese cymbal",
    "ride bell", "tambourine", "splash cymbal", "cowbell", "crash cymbal 2", "vibraslap", "ride cymbal 2",
    "high bongo", "low bongo", "mute high conga", "open high conga", "low conga", "high timbale",
    "low timbale", "high agogo", "low agogo", "cabasa", "maracas", "short whistle", "long whistle",
    "short guiro", "long guiro", "claves", "high wood block", "low wood block", "mute cuica", "open cuica",
    "mute triangle", "open triangle",
)  # fmt: skip
"""The names of General MIDI's drums from 35 on, with "high" for "hi"."""
_FIRST_DRUM = 35
_DRUMS = (
    ("bass drum|kick", 36), ("side ?stick|rim ?(shot|click)?|cross ?stick", 37), ("snare|side drum", 38),
    ("pedal.*hat|hat.*(pedal|foot)", 44), ("open.*hat|hat.*open", 46), ("hat", 42),
    ("ride.*bell|bell.*ride", 53), ("ride", 51), ("crash", 49), ("china|chinese", 52), ("splash", 55),
    ("low.*floor|floor.*low", 41), ("floor", 43), ("(low|high).*mid.*tom|mid.*tom", 47),
    ("low.*tom|tom.*low", 45), ("high.*tom|tom.*high", 50), ("tom", 47),
    ("cow ?bell", 56), ("tambourin", 54), ("clap", 39), ("triangle", 81),
    ("wood ?block|temple ?block", 76), ("claves?", 75), ("maracas?", 70), ("high.*bongo", 60),
    ("bongo", 61), ("high.*conga", 63), ("conga", 64), ("high.*timbale", 65), ("timbale", 66),
    ("agogo", 67), ("cabasa|shekere", 69), ("shaker|caxixi", 82), ("guiro", 73), ("whistle", 71),
    ("vibraslap", 58), ("cuica", 79), ("castanet", 85), ("sleigh|jingle", 83), ("gong|tam ?tam", 52),
)  # fmt: skip
"""Words in the name or sound of an instrument, and General MIDI drums; the first that is found counts."""
_ANY_DRUM = (("cymbal", 49), (r"drum(?!s|set| set| kit| group)", SNARE))
"""The same where no other is found."""
_POSITIONS = {
    "D4": 44, "E4": 35, "F4": 36, "A4": 41, "B4": 45, "C5": 38, "D5": 47, "E5": 50, "F5": 51, "G5": 42,
    "A5": 49,
}  # fmt: skip
"""Drums by their place on the staff, as drum sets are commonly written (Weinberg 1998)."""
_CROSSES = {"C5": 37, "F5": 51, "G5": 42, "A5": 49, "D4": 44}
"""The same with crosses for heads."""
_PROGRAMS = (
    ("piccolo", 72), ("flute|flauto|flöte", 73), ("oboe|hautbois", 68), ("english horn|cor anglais", 69),
    ("bass clarinet|clarinet|klarinette", 71), ("bassoon|fagott", 70), ("recorder|blockfl", 74),
    ("soprano sax", 64), ("alto sax", 65), ("tenor sax", 66), ("bari.* sax", 67), ("sax", 65),
    ("trumpet|tromba|trompete|cornet", 56), ("trombone|posaune", 57), ("tuba", 58),
    ("french horn|horn|corno", 60), ("viola d|viola|bratsche", 41), ("violoncello|cello", 42),
    ("contrabass|double bass|kontrabass", 43), ("violin|violon", 40), ("harpsichord|cembalo|clavecin", 6),
    ("celesta", 8), ("glockenspiel", 9), ("vibraphone", 11), ("marimba", 12), ("xylophone", 13),
    ("timpani|pauken", 47), ("harmonica", 22), ("accordion", 21), ("organ|orgel", 19),
    ("electric guitar", 27), ("guitar|gitarre", 24), ("(electric|e-?) ?bass", 33), ("bass guitar", 33),
    ("harp|harfe", 46), ("banjo", 105), ("mandolin", 24),
    ("soprano|alto|tenor|baritone|bass voice|voice|vocal|choir|chorus|mezzo|canto|gesang|stimme", 52),
    ("bass", 43), ("strings", 48),
)  # fmt: skip
"""Words in the name of a part without a program, and General MIDI programs from 0."""


class Instrument(NamedTuple):
    """An instrument of a part."""

    program: int
    """From 0."""
    is_drum: bool
    """On channel 10, or with a drum of its own."""
    drum: int | None
    """The drum of its unpitched notes (0 to 127), if one is given or its name is known."""


class PartInfo(NamedTuple):
    """What the part list says of a part."""

    name: str
    instruments: dict[str, Instrument]


def part_list(root: Element) -> dict[str, PartInfo]:
    """The parts by id."""
    parts = {}
    for part in root.iter("score-part"):
        name = " ".join((part.findtext("part-name") or "").split())
        named = {i.get("id", ""): i for i in part.findall("score-instrument")}
        played = {i.get("id", ""): i for i in part.findall("midi-instrument")}
        ids = [*named, *(i for i in played if i not in named)]
        parts[part.get("id", "")] = PartInfo(
            name, {i: _instrument(name, named.get(i), played.get(i)) for i in ids}
        )
    return parts


def _instrument(part: str, named: Element | None, played: Element | None) -> Instrument:
    words = (
        [named.findtext(tag) or "" for tag in ("instrument-name", "instrument-sound")]
        if named is not None
        else []
    )
    unpitched = int(as_number(played.findtext("midi-unpitched"))) if played is not None else 0
    channel = int(as_number(played.findtext("midi-channel"))) if played is not None else 0
    program = int(as_number(played.findtext("midi-program"))) if played is not None else 0
    drum = unpitched - 1 if 1 <= unpitched <= 128 else drum_named(*words)
    is_drum = channel == DRUM_CHANNEL or 1 <= unpitched <= 128
    if not 1 <= program <= 128:
        program = 1 + program_named(" ".join([part, *words[:1]]))
    return Instrument(program - 1, is_drum, drum)


def drum_named(*names: str) -> int | None:
    """The General MIDI drum that an instrument's name or else its sound means, such as drum.snare-drum."""
    plain = [re.sub(r"\bhi\b", "high", re.sub(r"[._\s-]+", " ", name.lower())).strip() for name in names]
    standard = [_FIRST_DRUM + _STANDARD.index(name) for name in plain if name in _STANDARD]
    by_words = (
        drum
        for patterns in (_DRUMS, _ANY_DRUM)
        for name in plain
        for pattern, drum in patterns
        if re.search(pattern, name)
    )
    return next(iter(standard), None) or next(by_words, None)


def program_named(words: str) -> int:
    """The General MIDI program, from 0, that the name of a part means; 0 (piano) if none is known."""
    plain = words.lower()
    return next((program for pattern, program in _PROGRAMS if re.search(rf"\b(?:{pattern})", plain)), 0)


def drum_placed(step: str, octave: str, head: str) -> int:
    """The drum that is usually written at a place on the staff."""
    place = f"{step.strip()}{octave.strip()}"
    crossed = _CROSSES.get(place) if head.strip() in ("x", "cross", "circle-x") else None
    return crossed or _POSITIONS.get(place, SNARE)
