"""The one file that imports music21 (MusicXML, ABC, Humdrum) and pretty_midi."""

import re
from collections import Counter
from fractions import Fraction
from typing import Any, NamedTuple

from symusic import KeySignature, Note, Score, Tempo, TimeSignature, Track

from musegen.errors import MidiError
from musegen.music.bars import Metre, plan_bars

TPQ = 480
VELOCITY = 80
PARSER_VERSION = 1
"""Part of the key of every cache of parsed music: raise it when the same text would give other notes."""


class Tune(NamedTuple):
    """One piece of a file, as notated: metre not yet tidied."""

    title: str
    score: Score
    repairs: list[str]


class Sound(NamedTuple):
    """A note of a measure; times in quarters from the measure's begin."""

    onset: Fraction
    duration: Fraction
    pitch: int
    tie: str | None


def split_abc(text: str) -> list[str]:
    """The tunes of an ABC file, each with the file's header before its `X:` line."""
    starts = [m.start() for m in re.finditer(r"^X:", text, re.MULTILINE)]
    if not starts:
        return [text]
    header = text[: starts[0]]
    return [header + text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def parse_music21(text: str, form: str) -> Tune:
    """One piece of text in a format of music21: "abc", "musicxml" or "humdrum".

    Text goes in, never a path: for files music21 unpickles a cache whose name can be foreseen.

    Raises:
        MidiError: music21 cannot read it, or it holds no measure.
    """
    from music21 import converter, stream

    try:
        with _true_measures():
            parsed = converter.parseData(text, format=form)
        if isinstance(parsed, stream.Opus):
            parsed = parsed.scores[0]
        if form != "abc":
            parsed.toSoundingPitch(inPlace=True)
        return _tune(parsed)
    except MidiError:
        raise
    except Exception as error:  # music21 fails in many ways on bad input (Index, Key, Type, Zero, own)
        raise MidiError(f"not readable as {form}: {type(error).__name__}: {str(error)[:200]}") from error


class _true_measures:
    """While open, music21's ABC reader leaves long measures whole instead of inventing a metre for their tail."""

    def __enter__(self) -> None:
        from music21.abcFormat import translate

        self.rebar = translate.reBar
        translate.reBar = lambda part, *, inPlace=False: None if inPlace else part

    def __exit__(self, *error: object) -> None:
        from music21.abcFormat import translate

        translate.reBar = self.rebar


def _tune(parsed: Any) -> Tune:
    parts = list(parsed.parts) or [parsed]
    measured = [list(p.getElementsByClass("Measure")) for p in parts]
    parts, measured = zip(*[(p, m) for p, m in zip(parts, measured, strict=True) if m], strict=True) or ((), ())
    count = min(len(m) for m in measured)
    repairs: Counter[str] = Counter()
    lengths, metres = _measures(measured, count)
    sounds = [[_sounds(m, repairs) for m in measures[:count]] for measures in measured]
    marks = [_marks(m) for m in measured[0][:count]]
    order = _played_order(parts[0], measured[0], repairs)
    plan = plan_bars([lengths[i] for i in order], [metres[i] for i in order])

    score = Score(TPQ)
    score.time_signatures = [TimeSignature(_ticks(t), *metre) for t, metre in plan.metres]
    for start, index in zip(plan.starts, order, strict=True):
        for offset, mark in marks[index]:
            _put_mark(score, _ticks(start + offset), mark)
    for part, measures in zip(parts, sounds, strict=True):
        track = _track(part)
        track.notes.extend(_join(plan.starts, [measures[i] for i in order]))
        score.tracks.append(track)
    title = parsed.metadata.title if parsed.metadata is not None else None
    words = [f"{n} {what}" for what, n in (repairs + plan.repairs).items()]
    return Tune(title or "", score, words)


def _ticks(quarter: Fraction) -> int:
    return round(quarter * TPQ)


def _measures(measured: Any, count: int) -> tuple[list[Fraction], list[Metre]]:
    """Length of what stands in each measure (the longest part's, quarters), and its metre."""
    lengths = [max(Fraction(m[i].highestTime) for m in measured) for i in range(count)]
    metres: list[Metre] = []
    metre = (4, 4)
    for i in range(count):
        signature = next((m[i].timeSignature for m in measured if m[i].timeSignature is not None), None)
        if signature is not None:
            metre = (int(signature.numerator), int(signature.denominator))
            if metre[1] == 1:
                metre = (2 * metre[0], 2)
        metres.append(metre)
    return lengths, metres


def _sounds(measure: Any, repairs: Counter[str]) -> list[Sound]:
    from music21 import harmony, note

    sounds = []
    for voice in list(measure.voices) or [measure]:
        base = Fraction(voice.offset) if voice is not measure else Fraction(0)
        for element in voice.notes:
            if isinstance(element, harmony.Harmony):
                continue
            if element.duration.isGrace:
                repairs["grace notes dropped"] += 1
                continue
            onset = base + Fraction(element.offset)
            for one in element.notes if element.isChord else [element]:
                tie = (one.tie or element.tie).type if (one.tie or element.tie) else None
                pitch = one.pitch.midi if isinstance(one, note.Note) else 38
                if 0 <= pitch <= 127:
                    sounds.append(Sound(onset, Fraction(element.quarterLength), int(pitch), tie))
    return sounds


def _marks(measure: Any) -> list[tuple[Fraction, Any]]:
    """Tempo and key marks of a measure as symusic events, with their offsets in quarters."""
    from music21 import key, tempo

    marks: list[tuple[Fraction, Any]] = []
    for element in measure.getElementsByClass((key.KeySignature, tempo.MetronomeMark)):
        if isinstance(element, tempo.MetronomeMark):
            speed = element.getQuarterBPM()
            if speed and 4 <= speed <= 1000:
                marks.append((Fraction(element.offset), Tempo(0, float(speed))))
        elif -7 <= element.sharps <= 7:
            minor = getattr(element, "mode", None) == "minor"
            marks.append((Fraction(element.offset), KeySignature(0, element.sharps, int(minor))))
    return marks


def _put_mark(score: Score, time: int, mark: Any) -> None:
    mark = mark.copy()
    mark.time = time
    if isinstance(mark, Tempo):
        if not score.tempos or score.tempos[-1].qpm != mark.qpm:
            score.tempos.append(mark)
    elif not score.key_signatures or score.key_signatures[-1].key != mark.key:
        score.key_signatures.append(mark)


def _played_order(part: Any, measures: list[Any], repairs: Counter[str]) -> list[int]:
    """The indices of the measures as played, repeats unrolled; as printed where that fails (counted)."""
    from music21 import repeat

    for index, measure in enumerate(measures):
        measure.number = index
        measure.removeByClass("GeneralNote")  # what is copied below shall be small
    try:
        played = repeat.Expander(part).process()
    except (repeat.ExpanderException, IndexError, AttributeError, TypeError):
        repairs["repeats left as printed"] += 1
        return list(range(len(measures)))
    return [m.number for m in played.getElementsByClass("Measure")]


def _track(part: Any) -> Track:
    instrument = part.getInstrument()
    program = instrument.midiProgram if instrument is not None and instrument.midiProgram is not None else 0
    drums = instrument is not None and instrument.midiChannel == 9
    return Track(str(part.partName or ""), int(program) if not drums else 0, drums)


def _join(starts: list[Fraction], measures: list[list[Sound]]) -> list[Note]:
    """Notes in ticks, tied ones joined."""
    notes: list[Note] = []
    open_ties: dict[int, int] = {}  # pitch -> index of the note that is held over
    for start, sounds in zip(starts, measures, strict=True):
        for sound in sorted(sounds):
            onset, end = _ticks(start + sound.onset), _ticks(start + sound.onset + sound.duration)
            held = open_ties.pop(sound.pitch, None)
            if held is not None and sound.tie in ("stop", "continue") and notes[held].end >= onset:
                notes[held].duration = max(notes[held].duration, end - notes[held].time)
            else:
                held = len(notes)
                notes.append(Note(onset, end - onset, sound.pitch, VELOCITY))
            if sound.tie in ("start", "continue"):
                open_ties[sound.pitch] = held
    return notes
