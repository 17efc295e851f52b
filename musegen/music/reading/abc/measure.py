"""A measure of a voice of an ABC tune; times and lengths in quarter notes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce

from musegen.music.reading.bars import Metre, snap
from musegen.music.reading.notated import Mark, Sound
from musegen.music.reading.repeats import Printed


@dataclass(slots=True)
class Tone:
    """A note as written."""

    letter: str
    octave: int
    alter: Fraction
    """Semitones above the natural note."""
    pitch: int
    length: Fraction
    """In quarter notes, like all lengths here."""
    velocity: int
    tied_from: bool = False
    tied_on: bool = False

    @property
    def tie(self) -> str | None:
        """As in `Sound`."""
        if self.tied_from:
            return "continue" if self.tied_on else "stop"
        return "start" if self.tied_on else None


@dataclass(slots=True)
class Element:
    """Something in a measure: a note, a chord, a rest (no tones), or a mark, which takes no time."""

    length: Fraction
    tones: list[Tone] = field(default_factory=list)
    mark: Mark | None = None
    is_invisible: bool = False
    """An invisible rest (x)."""


@dataclass(slots=True)
class Measure:
    """A measure of a voice."""

    metre: Metre
    layers: list[list[Element]] = field(default_factory=lambda: [[]])
    """Its elements, and those of each voice overlay (&)."""
    signs: Printed = field(default_factory=Printed)

    @property
    def length(self) -> Fraction:
        """Of its longest layer."""
        return max(reduce(lambda now, e: snap(now + e.length), layer, Fraction(0)) for layer in self.layers)

    def sounds(self, voice: str) -> Iterator[Sound]:
        """Its notes."""
        for number, layer in enumerate(self.layers):
            now = Fraction(0)
            for element in layer:
                for tone in element.tones:
                    name = f"{voice}&{number}"
                    yield Sound(now, tone.length, tone.pitch, tone.velocity, tone.tie, name)
                now = snap(now + element.length)

    def marks(self) -> Iterator[tuple[Fraction, Mark]]:
        """Its marks and their times from its start."""
        for layer in self.layers:
            now = Fraction(0)
            for element in layer:
                if element.mark is not None:
                    yield now, element.mark
                now = snap(now + element.length)
