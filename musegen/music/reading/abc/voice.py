"""The measures of one voice of an ABC tune, collected token by token."""

import re
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from musegen.errors import MidiError
from musegen.music.reading.abc.fields import Key, VoiceOptions
from musegen.music.reading.abc.lexer import read_note, step_pitch
from musegen.music.reading.abc.measure import Element, Measure, Tone
from musegen.music.reading.bars import Metre, quarters, snap
from musegen.music.reading.notated import VELOCITY, Mark
from musegen.music.reading.repeats import Printed

MAX_MEASURES = 20_000
DRUM_CHANNEL = 10
QUARTER_TONES = "quarter tones rounded to semitones"


class Context(NamedTuple):
    """What fields have set, for a voice or for all."""

    key: Key
    metre: Metre
    unit: Fraction
    """The length of a note without a number."""
    propagate: str = "pitch"
    """How far an accidental holds in its bar: not, octave, pitch (in all octaves)."""
    program: int = 0
    channel: int = 0
    """From 1; 0: none is given."""
    transpose: int = 0
    """Semitones, by a directive."""
    drum_map: tuple[tuple[int, int], ...] = ()
    """Pitches of the percussion staff and the drums they stand for."""


@dataclass
class Voice:
    """A voice while it is read; `tune` gives it its tokens."""

    name: str
    context: Context
    counts: Counter[str]
    """Of what is left out or changed, by description."""
    options: VoiceOptions = field(default_factory=VoiceOptions)
    velocity: int = VELOCITY
    measures: list[Measure] = field(default_factory=list)
    last: Element | None = None
    """The last note, chord or rest, to which ties and broken rhythms refer."""
    chord: list[Tone] | None = None
    """The notes of the chord that is open."""
    _accidentals: dict[tuple[str, int], Fraction] = field(default_factory=dict)
    _tuplets: list[tuple[Fraction, int]] = field(default_factory=list)
    _broken: Fraction = Fraction(1)
    _endings: tuple[int, ...] = ()
    _fork: tuple[Element | None] | None = None
    """The last element before the first of several endings: its ties go into each of them."""
    _lasts: dict[int, Element | None] = field(default_factory=dict)
    """The last element of each layer, the measure's own first, while others are read."""
    _after: dict[str, object] = field(default_factory=dict)
    """Signs at the begin of a measure, before its first note is there: they hold after the note that follows
    them, or if a barline or the end of the line follows, after the measure before."""

    _next: dict[str, object] = field(default_factory=dict)
    """Signs of the measure after the open one."""
    _playing: Context | None = None
    """The context of its first note, which decides on its instrument."""

    def __post_init__(self) -> None:
        """It begins with a measure."""
        self.current = Measure(self.context.metre)

    @property
    def offset(self) -> int:
        """Semitones by which all that is written is moved."""
        octaves = (self.options.octave or 0) + (self.options.clef_octave or 0)
        return 12 * octaves + (self.options.transpose or 0) + self.context.transpose

    @property
    def drums(self) -> bool:
        """Whether it plays drums: on channel 10, or on a percussion staff that has no channel."""
        channel = (self._playing or self.context).channel
        return channel == DRUM_CHANNEL or (channel == 0 and bool(self.options.percussion))

    @property
    def program(self) -> int:
        """Its MIDI program, from 0."""
        return (self._playing or self.context).program

    def configure(self, options: VoiceOptions) -> None:
        """Set what `options` say; the rest stays."""
        said = {name: value for name, value in options._asdict().items() if value is not None}
        self.options = self.options._replace(**said)

    def note(self, text: str) -> None:
        """A note, alone or in the open chord."""
        letter, octave, alter, length = read_note(text)
        tied = self._tied(letter, octave)
        if alter is not None:
            self._remember(letter, octave, alter)
        elif tied is not None:
            alter = tied.alter
        else:
            alter = self._alter(letter, octave)
        if alter.denominator > 1:
            self.counts[QUARTER_TONES] += 1
        written = step_pitch(letter, octave) + round(alter)
        pitch = dict(self.context.drum_map).get(written, written) if self.drums else written + self.offset
        tone = Tone(letter, octave, alter, pitch, length * self.context.unit, self.velocity)
        tone.tied_from = tied is not None and tied.pitch == pitch
        if self.chord is not None:
            self.chord.append(tone)
        else:
            self._place(Element(tone.length, [tone]))

    def open_chord(self) -> None:
        """The begin of a chord."""
        self.chord = self.chord or []

    def close_chord(self, factor: Fraction) -> None:
        """End the open chord: it lasts as long as its first note."""
        tones, self.chord = self.chord or [], None
        if tones:
            for tone in tones:
                tone.length *= factor
            self._place(Element(tones[0].length, tones))

    def rest(self, length: Fraction, *, is_invisible: bool = False) -> None:
        """A rest of so many units; in a chord it is part of that."""
        if self.chord is None:
            self._place(Element(length * self.context.unit, is_invisible=is_invisible))

    def bars_of_rest(self, count: int) -> None:
        """Whole measures of rest; the last stays open for its barline."""
        for number in range(count):
            if number or self._has_content():
                self.close()
            self._place(Element(quarters(self.context.metre)))

    def mark(self, mark: Mark) -> None:
        """A tempo, a key or a chord symbol here."""
        self.current.layers[-1].append(Element(Fraction(0), mark=mark))

    def tie(self) -> None:
        """Tie the last note, or all notes of the last chord."""
        for tone in self.chord[-1:] if self.chord else self.last.tones if self.last else []:
            tone.tied_on = True

    def broken(self, sign: str) -> None:
        """A broken rhythm between the last element and the next."""
        short = Fraction(1, 2 ** min(len(sign), 4))
        before, after = (2 - short, short) if sign[0] == ">" else (short, 2 - short)
        if self.last is not None and any(e is self.last for e in self.current.layers[-1]):
            self.last.length *= before
            for tone in self.last.tones:
                tone.length *= before
            self._broken = after

    def tuplet(self, text: str) -> None:
        """The begin of a tuplet (p:q:r: p notes in the time of q, for the next r."""
        numbers = [int(n[:2]) if n.strip() else 0 for n in text.strip("( ").split(":")]
        p, q, r = (*numbers, 0, 0)[:3]
        beats, unit = self.context.metre
        compound = 3 if beats % 3 == 0 and beats > 3 and unit >= 8 else 2
        default = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(p, compound)
        if p:
            self._tuplets.append((Fraction(q or default, p), r or p))

    def overlay(self) -> None:
        """A further voice from the begin of the measure; the same in the measure before may be tied to it."""
        layer = len(self.current.layers)
        self._lasts[layer - 1] = self.last
        self.current.layers.append([])
        self.last = self._lasts.get(layer)

    def barline(self, text: str) -> None:
        """A barline with its repeat signs."""
        colons = len(text) - len(text.lstrip(":")), len(text) - len(text.rstrip(":"))
        if set(text) == {":"}:
            colons = len(text) // 2, len(text) - len(text) // 2
        self._drop_room()
        self.settle()
        self.close()
        self._accidentals.clear()
        before, after = colons
        section = bool(re.search(r"\|\||\[\|(?!\])|(?<!\[)\|\]", text))  # [|] is invisible
        if self.measures and (before or section):
            last = self.measures[-1]
            end = max(last.signs.end, before + 1) if before else last.signs.end
            last.signs = last.signs._replace(end=end, section=last.signs.section or section)
        if before or after or section:
            self._endings = ()
        self.sign(start=self.current.signs.start or after > 0, endings=self._endings)

    def ending(self, numbers: tuple[int, ...]) -> None:
        """The begin of an ending for some passes of a repeat."""
        self.close()
        if self._fork is None:
            self._fork = (self.last,)
        else:
            (self.last,) = self._fork
        self._endings = numbers
        self.sign(endings=numbers)

    def part(self, label: str) -> None:
        """The begin of a labelled part of the tune."""
        self.close()
        self.sign(label=label)

    def sign(self, **signs: object) -> None:
        """Set signs of the measure that is open."""
        self.current.signs = self.current.signs._replace(**signs)  # type: ignore[arg-type]

    def sign_after(self, **signs: object) -> None:
        """Set signs that hold after what was played, or after the note that follows: see `_after`."""
        if self._has_content() or not self.measures:
            self.sign(**signs)
        else:
            self._after |= signs

    def settle(self) -> None:
        """No note of the line follows the signs at the begin of a measure."""
        if self._after:
            self.measures[-1].signs = self.measures[-1].signs._replace(**self._after)  # type: ignore[arg-type]
            self._after = {}

    def sign_next(self, **signs: object) -> None:
        """Set signs of the measure after the open one."""
        self._next |= signs

    def sign_before(self, **signs: object) -> None:
        """Set signs of the measure that begins here: the open one if it is empty, else the next."""
        if self._has_content():
            self.sign_next(**signs)
        else:
            self.sign(**signs)

    def set_context(self, context: Context) -> None:
        """What fields have set, from here on; a change of metre begins a measure."""
        if context.metre != self.context.metre:
            self.close()
            self.current.metre = context.metre
        if context.key != self.context.key:
            self._accidentals.clear()
        if self._playing is not None and context.program not in (self.context.program, self._playing.program):
            self.counts["program changes within a part not followed"] += 1
        self.context = context

    def close(self) -> None:
        """End the open measure, if it has any notes or rests."""
        if self.chord is not None:
            self.counts["unclosed chords closed"] += 1
            self.close_chord(Fraction(1))
        if not self._has_content():
            return
        if len(self.measures) >= MAX_MEASURES:
            raise MidiError(f"absurdly long: more than {MAX_MEASURES} measures")
        layers = len(self.current.layers)
        self._lasts[layers - 1] = self.last
        self._lasts = {layer: last for layer, last in self._lasts.items() if layer < layers}
        self.last = self._lasts[0]
        self.measures.append(self.current)
        if not self._endings:
            self._fork = None
        self.current = Measure(self.context.metre, signs=Printed(endings=self._endings))
        self.sign(**self._next)
        self._next = {}
        self._tuplets.clear()
        self._broken = Fraction(1)

    def _drop_room(self) -> None:
        """Drop an invisible rest that only makes room for a sign over the barline of a full measure."""
        layer, last = self.current.layers[0], self.last
        if last is None or not last.is_invisible or layer[-1:] != [last]:
            return
        if self.current.length - last.length == quarters(self.current.metre):
            layer.pop()
            self.counts["invisible rests (x) after a full bar left out"] += 1

    def _has_content(self) -> bool:
        return any(e.mark is None for layer in self.current.layers for e in layer)

    def _place(self, element: Element) -> None:
        factor, self._broken = self._broken, Fraction(1)
        for ratio, _ in self._tuplets:
            factor *= ratio
        self._tuplets = [(ratio, left - 1) for ratio, left in self._tuplets if left > 1]
        element.length = snap(element.length * factor)
        for tone in element.tones:
            tone.length = snap(tone.length * factor)
        self.current.layers[-1].append(element)
        self.last = element
        self.sign(**self._after)
        self._after = {}
        if element.tones and self._playing is None:
            self._playing = self.context

    def _tied(self, letter: str, octave: int) -> Tone | None:
        """The note whose tie leads to a note that is written so."""
        if self.last is None:
            return None
        here = (t for t in self.last.tones if t.tied_on and (t.letter, t.octave) == (letter, octave))
        return next(here, None)

    def _remember(self, letter: str, octave: int, alter: Fraction) -> None:
        if self.context.propagate == "octave":
            self._accidentals[letter, octave] = alter
        elif self.context.propagate == "pitch":
            self._accidentals[letter, 0] = alter

    def _alter(self, letter: str, octave: int) -> Fraction:
        for where in ((letter, octave), (letter, 0)):
            if where in self._accidentals:
                return self._accidentals[where]
        return Fraction(self.context.key.alters.get(letter, 0))
