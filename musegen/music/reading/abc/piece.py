"""The voices of an ABC tune put together."""

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction

from musegen.errors import MidiError
from musegen.music.reading.abc.measure import Measure
from musegen.music.reading.abc.voice import Voice
from musegen.music.reading.notated import Mark, Notated, NotatedPart
from musegen.music.reading.repeats import merged_signs


def put_together(
    voices: Sequence[Voice], opening: Sequence[Mark], order: Sequence[str], counts: Counter[str]
) -> Notated:
    """The voices as a notated piece.

    Args:
        voices: read to their ends.
        opening: marks at the start of the piece.
        order: the order of its labelled parts; (): as printed.
        counts: of what is left out, by description.

    Raises:
        MidiError: no notes.
    """
    voices = [v for v in voices if v.measures]
    if not any(e.tones for v in voices for m in v.measures for layer in m.layers for e in layer):
        raise MidiError("no notes")
    count = max(len(v.measures) for v in voices)
    columns = [[v.measures[i] for v in voices if i < len(v.measures)] for i in range(count)]
    marks = [_merged(measures) for measures in columns]
    marks[0] = [*((Fraction(0), mark) for mark in opening), *marks[0]]
    return Notated(
        [_part(voice, count, counts) for voice in voices],
        [max(m.length for m in measures) for measures in columns],
        [measures[0].metre for measures in columns],
        [merged_signs(m.signs for m in measures) for measures in columns],
        marks,
        order if any(m.signs.label for v in voices for m in v.measures) else (),
    )


def _merged(measures: Iterable[Measure]) -> list[tuple[Fraction, Mark]]:
    """The marks of a measure of all voices, each once, in order of time."""
    marks = dict.fromkeys(mark for measure in measures for mark in measure.marks())
    return sorted(marks, key=lambda mark: mark[0])


def _part(voice: Voice, count: int, dropped: Counter[str]) -> NotatedPart:
    measures = []
    for measure in voice.measures:
        sounds = list(measure.sounds(voice.name))
        measures.append([s for s in sounds if 0 <= s.pitch <= 127])
        dropped["notes outside MIDI's range dropped"] += len(sounds) - len(measures[-1])
    measures += [[] for _ in range(count - len(measures))]
    name = voice.options.name or (voice.name if voice.name and not voice.name.isdigit() else "")
    return NotatedPart(name, 0 if voice.drums else voice.program, voice.drums, measures)
