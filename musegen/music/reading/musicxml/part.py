"""The measures of one MusicXML part: its notes, and the signs between them."""

from collections import Counter
from fractions import Fraction
from typing import NamedTuple
from xml.etree.ElementTree import Element

from musegen.music.chord_symbols import STEPS
from musegen.music.reading.bars import Metre, quarters, snap
from musegen.music.reading.instruments import Instrument, PartInfo, drum_placed, program_named
from musegen.music.reading.musicxml import signs
from musegen.music.reading.musicxml.document import as_number, number
from musegen.music.reading.notated import LOUDNESS, VELOCITY, Mark, Sound
from musegen.music.reading.repeats import Printed

QUARTER_TONES = "quarter tones rounded to semitones"
_ALTERING = ("sharp", "flat", "double-sharp", "sharp-sharp", "flat-flat", "quarter-sharp", "quarter-flat")


class Measure(NamedTuple):
    """A measure of a part; times in quarter notes from its start."""

    sounds: list[Sound]
    drums: list[Sound]
    length: Fraction
    """Of its notes and rests, without rests for the whole measure."""
    rests: Fraction
    """The length of the rest for the whole measure, if it has one."""
    metre: Metre | None
    """A metre that begins with it."""
    printed: Printed
    marks: list[tuple[Fraction, Mark]]
    is_implicit: bool
    """Not counted: a pickup, or the rest of a bar that a repeat cuts in two."""


class Part:
    """A part while it is read, measure by measure."""

    def __init__(self, info: PartInfo, measures: list[Element], repairs: Counter[str]) -> None:
        """Read it; what is left out or changed is counted in `repairs`."""
        self.info, self.repairs = info, repairs
        self.divisions = self._first_divisions(measures)
        self.transpose = 0
        """Semitones that the part sounds higher than written."""
        self.transposed: dict[str, int] = {}
        """The same of single staves."""
        self.percussion: set[str] = set()
        """The staves with a percussion clef."""
        self.velocity = VELOCITY
        self.first: Instrument | None = None
        """The instrument of the first note that is no drum."""
        self.repeating = 0
        """How many measures before are repeated by a sign, until it ends."""
        self.signs = signs.Signs(repairs)
        self.measures: list[Measure] = []
        for measure in measures:
            self._start(measure)

    def _first_divisions(self, measures: list[Element]) -> Fraction:
        for i, measure in enumerate(measures):
            found = measure.find("attributes/divisions")
            if found is not None and as_number(found.text) > 0:
                if i or any(
                    child.tag == "note" for child in list(measure)[: _position(measure, "attributes")]
                ):
                    self.repairs["divisions given only after the first notes, used from the start"] += 1
                return Fraction(as_number(found.text)).limit_denominator(10_000)
        return Fraction(1)

    def _start(self, measure: Element) -> None:
        self.now = self.end = self.onset = self.rest = Fraction(0)
        self.sounds: list[Sound] = []
        self.drums: list[Sound] = []
        self.marks: list[tuple[Fraction, Mark]] = []
        self.metre: Metre | None = None
        for child in measure:
            self._element(child)
        is_repeated = bool(self.repeating) and not self.sounds and not self.drums
        printed = self.signs.printed()
        if is_repeated and len(self.measures) >= self.repeating:
            before = self.measures[-self.repeating]
            self.sounds, self.drums = list(before.sounds), list(before.drums)
            self.end, self.rest = before.length, before.rests
        is_implicit = measure.get("implicit") == "yes"
        self.measures.append(
            Measure(
                self.sounds, self.drums, self.end, self.rest, self.metre, printed, self.marks, is_implicit
            )
        )

    def _element(self, child: Element) -> None:
        if child.tag == "note":
            self._note(child)
        elif child.tag == "backup":
            self.now = snap(max(Fraction(0), self.now - self._duration(child)))
        elif child.tag == "forward":
            self.now = snap(self.now + self._duration(child))
            self.end = max(self.end, self.now)
        elif child.tag == "attributes":
            self._attributes(child)
        elif child.tag in ("direction", "sound"):
            self._direction(child)
        elif child.tag == "harmony":
            self._harmony(child)
        elif child.tag == "barline":
            self.signs.barline(child)

    def _duration(self, element: Element) -> Fraction:
        text = element.findtext("duration")
        if text is not None:
            return Fraction(max(0.0, as_number(text))).limit_denominator(10_000) / self.divisions
        size = signs.NOTE_TYPES.get((element.findtext("type") or "").strip(), Fraction(0))
        return size * (2 - Fraction(1, 2 ** min(3, len(element.findall("dot")))))

    def _attributes(self, attributes: Element) -> None:
        divisions = number(attributes, "divisions")
        if divisions > 0:
            self.divisions = Fraction(divisions).limit_denominator(10_000)
        for transpose in attributes.findall("transpose"):
            semitones = int(number(transpose, "chromatic") + 12 * number(transpose, "octave-change"))
            self.repairs["doublings at the octave not sounded"] += transpose.find("double") is not None
            if transpose.get("number"):
                self.transposed[transpose.get("number", "")] = semitones
            else:
                self.transpose, self.transposed = semitones, {}
        time = attributes.find("time")
        if time is not None:
            self.metre = signs.read_metre(time) or self.metre
        key = attributes.find("key")
        mark = signs.read_key(key, self.transpose) if key is not None else None
        if mark is not None:
            self.marks.append((self.now, mark))
        for clef in attributes.findall("clef"):
            staff = {clef.get("number", "1")}
            is_percussion = (clef.findtext("sign") or "").strip() == "percussion"
            self.percussion = self.percussion | staff if is_percussion else self.percussion - staff
        for style in attributes.findall("measure-style"):
            self._style(style)

    def _style(self, style: Element) -> None:
        repeat = style.find("measure-repeat")
        if repeat is not None:
            self.repeating = int(as_number(repeat.text, 1)) if repeat.get("type") == "start" else 0
        for tag in ("beat-repeat", "slash"):
            found = style.find(tag)
            if found is not None and found.get("type") == "start":
                self.repairs["beats with a repeat sign or slashes not sounded"] += 1

    def _direction(self, direction: Element) -> None:
        at = self.now + Fraction(number(direction, "offset")).limit_denominator(10_000) / self.divisions
        at = max(Fraction(0), at)
        tempo = signs.read_tempo(direction)
        if tempo is not None:
            self.marks.append((at, tempo))
        for sound in [direction] if direction.tag == "sound" else direction.findall("sound"):
            if sound.find("swing/first") is not None:
                self.repairs["swing not played"] += 1
        for dynamics in direction.iter("dynamics"):
            self.velocity = next((LOUDNESS[d.tag] for d in dynamics if d.tag in LOUDNESS), self.velocity)
        self.signs.direction(direction, is_at_start=at == 0)

    def _harmony(self, harmony: Element) -> None:
        symbol = signs.read_harmony(harmony, self.transpose, self.repairs)
        if symbol is not None:
            offset = Fraction(number(harmony, "offset")).limit_denominator(10_000) / self.divisions
            self.marks.append((max(Fraction(0), self.now + offset), symbol))
        else:
            self.repairs["chord symbols not understood"] += 1

    def _note(self, note: Element) -> None:
        if note.find("grace") is not None:
            self.repairs["grace notes dropped"] += note.find("rest") is None
            return
        length = self._duration(note)
        is_chord = note.find("chord") is not None
        if not is_chord:
            self.onset = self.now
        rest = note.find("rest")
        if rest is not None and rest.get("measure") == "yes":
            self.rest = max(self.rest, self.now + length)
            self.now = snap(self.now + length)
            return
        if rest is None:
            self._sound(note, length)
        if not is_chord:
            self.now = snap(self.now + length)
        self.end = max(self.end, self.onset + length, self.now)

    def _sound(self, note: Element, length: Fraction) -> None:
        if note.find("cue") is not None:
            self.repairs["cue notes not sounded"] += 1
            return
        instrument = self._instrument(note)
        is_drum = self._is_drum(note, instrument)
        pitch = (
            self._drum(note, instrument) if note.find("unpitched") is not None else self._pitch(note, is_drum)
        )
        if pitch is None:
            return
        if not is_drum:
            self.first = self.first or instrument
            if self.first != instrument and instrument is not None:
                self.repairs["notes of a part's second instrument played by its first"] += 1
        self.repairs["tremolos played as plain notes"] += note.find("notations/ornaments/tremolo") is not None
        if not 0 <= pitch <= 127:
            self.repairs["notes outside MIDI's range dropped"] += 1
        elif length > 0:
            voice = f"{note.findtext('staff') or ''}/{note.findtext('voice') or ''}"
            sounds = self.drums if is_drum else self.sounds
            sounds.append(Sound(self.onset, length, pitch, self.velocity, _tie(note), voice))
        else:
            self.repairs["notes without length dropped"] += 1

    def _instrument(self, note: Element) -> Instrument | None:
        named = note.find("instrument")
        if named is None and self.info.instruments:
            return next(iter(self.info.instruments.values()))
        return self.info.instruments.get(named.get("id", "") if named is not None else "")

    def _is_drum(self, note: Element, instrument: Instrument | None) -> bool:
        on_percussion = (note.findtext("staff") or "1").strip() in self.percussion
        return note.find("unpitched") is not None or on_percussion or bool(instrument and instrument.is_drum)

    def _drum(self, note: Element, instrument: Instrument | None) -> int:
        if instrument is not None and instrument.drum is not None:
            return instrument.drum
        step, octave = (note.findtext(f"unpitched/display-{tag}") or "" for tag in ("step", "octave"))
        return drum_placed(step, octave, note.findtext("notehead") or "")

    def _pitch(self, note: Element, is_drum: bool) -> int | None:  # noqa: FBT001
        step = (note.findtext("pitch/step") or "").strip()
        if step not in STEPS:
            self.repairs["notes without a pitch dropped"] += 1
            return None
        alter = number(note, "pitch/alter")
        if alter % 1:
            self.repairs[QUARTER_TONES] += 1
        if not alter and (note.findtext("accidental") or "").strip() in _ALTERING:
            self.repairs["accidentals printed but not sounded (the note has no alter)"] += 1
        octave_number = int(number(note, "pitch/octave", 4))
        staff = (note.findtext("staff") or "1").strip()
        offset = 0 if is_drum else self.transposed.get(staff, self.transpose)
        return 12 * (octave_number + 1) + STEPS[step] + round(alter) + offset

    @property
    def program(self) -> int:
        """Its MIDI program, from 0."""
        return self.first.program if self.first else program_named(self.info.name)


def _position(measure: Element, tag: str) -> int:
    return next((i for i, child in enumerate(measure) if child.tag == tag), len(measure))


def _tie(note: Element) -> str | None:
    """The tie of a note as in `Sound`: what is played, else what is printed."""
    types = {tie.get("type") for tie in note.findall("tie")} or {t.get("type") for t in note.iter("tied")}
    if "stop" in types or "continue" in types:
        return "continue" if "start" in types or "continue" in types else "stop"
    return "start" if "start" in types else None


def filled(measures: list[Measure], metre: Metre, *, is_first: bool) -> Fraction:
    """The length of a measure of several parts, in quarter notes.

    A rest for the whole measure is as long as the notes of other parts in a pickup, else as it says; a
    measure with nothing lasts a bar.
    """
    length = max(m.length for m in measures)
    rests = max(m.rests for m in measures)
    is_pickup = any(m.is_implicit for m in measures) or is_first
    if not length:
        return rests or quarters(metre)
    return length if is_pickup or rests <= length else max(length, min(rests, quarters(metre)))
