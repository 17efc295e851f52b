"""The one file that imports music21 (MusicXML, ABC, Humdrum) and pretty_midi."""

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from fractions import Fraction
from io import StringIO
from typing import Any, NamedTuple

from symusic import KeySignature, Note, Score, Tempo, TimeSignature, Track

from musegen.errors import MidiError
from musegen.music.abc import plain_abc, split_voices
from musegen.music.bars import Measure, Metre, plan_bars
from musegen.music.repeats import Printed, unroll

TPQ = 480
VELOCITY = 80
MAX_QUARTERS = 20_000
PARSER_VERSION = 2
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


def parse_abc(tune: str) -> Tune:
    """One ABC tune (see `split_abc`), repeats unrolled, each voice a track.

    Raises:
        MidiError: music21 cannot read it, or it holds no measures.
    """
    voices = []
    repairs: Counter[str] = Counter()
    for voice in split_voices(tune):
        text, graces = plain_abc(voice)
        repairs["grace notes dropped"] += graces
        with _true_measures():
            voices.append(_parsed(text, "abc"))
    parts = [part for voice in voices for part in voice.parts]
    try:
        return _tune(voices[0], parts, repairs, abc=True)
    except MidiError:
        raise
    except Exception as error:  # music21 fails in many ways on odd input (Index, Key, Type, Zero, own)
        raise _unreadable("ABC", error) from error


def parse_music21(text: str, form: str) -> Tune:
    """One piece of text in another format of music21: "musicxml" or "humdrum".

    Raises:
        MidiError: music21 cannot read it, or it holds no measures.
    """
    parsed = _parsed(text, form)
    try:
        parsed.toSoundingPitch(inPlace=True)
        return _tune(parsed, list(parsed.parts), Counter(), abc=False)
    except MidiError:
        raise
    except Exception as error:  # as above
        raise _unreadable(form, error) from error


def _parsed(text: str, form: str) -> Any:
    """Text goes in, never a path: for files music21 unpickles a cache whose name can be foreseen."""
    from music21 import converter, stream

    try:
        with redirect_stderr(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what music21 finds odd is counted in our repairs, or refused
            parsed = converter.parseData(text, format=form)
    except Exception as error:  # as above
        raise _unreadable(form, error) from error
    return parsed.scores[0] if isinstance(parsed, stream.Opus) else parsed


def _unreadable(form: str, error: Exception) -> MidiError:
    reason = " ".join(str(error).split())[:120]
    return MidiError(f"not readable as {form}: {reason or type(error).__name__}")


@contextmanager
def _true_measures() -> Iterator[None]:
    """Meanwhile music21's ABC reader leaves long measures whole; it would invent a metre for their tail."""
    from music21.abcFormat import translate

    rebar = translate.reBar
    translate.reBar = lambda part, *, inPlace=False: None if inPlace else part
    try:
        yield
    finally:
        translate.reBar = rebar


def _tune(parsed: Any, parts: list[Any], repairs: Counter[str], *, abc: bool) -> Tune:
    parts = [p if p.hasMeasures() else p.makeMeasures() for p in parts]
    measured = [list(p.getElementsByClass("Measure")) for p in parts]
    kept = [(p, m) for p, m in zip(parts, measured, strict=True) if m]
    if not kept:
        raise MidiError("no measures")
    measured = [m for _, m in kept]
    count = min(len(m) for m in measured)
    sounds = [[_sounds(m, repairs) for m in measures[:count]] for measures in measured]
    marks = [_marks(m) for m in measured[0][:count]]
    lengths, metres = _measures(measured, count)
    printed = _printed(kept[0][0], measured[0][:count])
    order = _played_order(kept[0][0], measured[0], printed, repairs, abc=abc)
    last_onsets = [max((s[i][-1].onset for s in sounds if s[i]), default=Fraction(0)) for i in range(count)]
    ends = [
        max((n.onset + n.duration for s in sounds for n in s[i]), default=Fraction(0)) for i in range(count)
    ]
    played = []
    for i, after in zip(order, [*order[1:], count], strict=True):
        closes = after != i + 1 or bool(printed[i].end) or printed[i].section
        slack = lengths[i] - ends[i] + (ends[i] - last_onsets[i]) / 2
        played.append(Measure(lengths[i], metres[i], closes, slack))
    if sum(m.length for m in played) > MAX_QUARTERS:
        raise MidiError(f"absurdly long: more than {MAX_QUARTERS} quarters")
    plan = plan_bars(played)

    score = Score(TPQ)
    score.time_signatures = [TimeSignature(_ticks(t), *metre) for t, metre in plan.metres]
    for (start, _), index in zip(plan.spans, order, strict=True):
        for offset, mark in marks[index]:
            _put_mark(score, _ticks(start + offset), mark)
    for (part, _), measures in zip(kept, sounds, strict=True):
        track = _track(part)
        track.notes.extend(_join(plan.spans, [measures[i] for i in order]))
        score.tracks.append(track)
    title = parsed.metadata.title if parsed.metadata is not None else None
    words = [f"{n} {what}" for what, n in (repairs + plan.repairs).items()]  # the sum drops zeros
    return Tune(title or "", score, words)


def _printed(part: Any, measures: list[Any]) -> list[Printed]:
    """What the barlines and brackets of a part say about the order of its measures."""
    from music21 import bar, spanner

    endings: dict[int, tuple[int, ...]] = {}
    for bracket in part.recurse().getElementsByClass(spanner.RepeatBracket):
        numbers = tuple(int(n) for n in bracket.numberRange)
        spanned = [index for index, m in enumerate(measures) if bracket.hasSpannedElement(m)]
        if spanned:  # music21 lists the first and the last measure only
            endings.update(dict.fromkeys(range(spanned[0], spanned[-1] + 1), numbers))
    printed = []
    for index, measure in enumerate(measures):
        left, right = measure.leftBarline, measure.rightBarline
        end = 0
        if isinstance(right, bar.Repeat) and right.direction == "end":
            end = max(2, right.times or 2)
        start = isinstance(left, bar.Repeat) and left.direction == "start"
        section = right is not None and right.type in ("double", "final", "heavy-light", "heavy-heavy")
        printed.append(Printed(start, end, endings.get(index, ()), section))
    return printed


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


def _played_order(
    part: Any, measures: list[Any], printed: list[Printed], repairs: Counter[str], *, abc: bool
) -> list[int]:
    """The indices of the measures as played, repeats unrolled; as printed where that fails (counted)."""
    from music21 import repeat

    order = None
    if any(part.recurse().getElementsByClass(repeat.RepeatExpression)):  # da capo, segno, coda
        order = _expanded(part, measures, len(printed))
    order = order or unroll(printed, sections_start=abc)
    if order is None:
        repairs["repeats left as printed"] += 1
        order = list(range(len(printed)))
    return order


def _expanded(part: Any, measures: list[Any], count: int) -> list[int] | None:
    """As music21 plays the part, or None where it cannot tell."""
    from music21 import repeat

    for index, measure in enumerate(measures):
        measure.number = index
        measure.removeByClass("GeneralNote")  # what is copied below shall be small
    try:
        played = repeat.Expander(part).process()
    except (repeat.ExpanderException, IndexError, AttributeError, TypeError):
        return None
    return [m.number for m in played.getElementsByClass("Measure") if m.number < count]


def _track(part: Any) -> Track:
    instrument = part.getInstrument()
    program = instrument.midiProgram if instrument is not None and instrument.midiProgram is not None else 0
    drums = instrument is not None and instrument.midiChannel == 9
    return Track(str(part.partName or ""), int(program) if not drums else 0, drums)


def _join(spans: list[tuple[Fraction, Fraction]], measures: list[list[Sound]]) -> list[Note]:
    """Notes in ticks, tied ones joined, those that outlast the span of their measure cut."""
    notes: list[Note] = []
    open_ties: dict[int, int] = {}  # pitch -> index of the note that is held over
    for (start, stop), sounds in zip(spans, measures, strict=True):
        for sound in sorted(sounds, key=lambda s: (s.onset, s.pitch)):
            onset, end = _ticks(start + sound.onset), _ticks(min(stop, start + sound.onset + sound.duration))
            held = open_ties.pop(sound.pitch, None)
            if held is not None and sound.tie in ("stop", "continue") and notes[held].end >= onset:
                notes[held].duration = max(notes[held].duration, end - notes[held].time)
            else:
                held = len(notes)
                notes.append(Note(onset, end - onset, sound.pitch, VELOCITY))
            if sound.tie in ("start", "continue"):
                open_ties[sound.pitch] = held
    return notes


def program_name(program: int) -> str:
    """The General MIDI name of a program from 0, such as "Acoustic Grand Piano"."""
    import pretty_midi

    return str(pretty_midi.program_to_instrument_name(program))
