"""Reading with music21: MusicXML, Humdrum.

This must run in a limited process (see `sandbox`): untrusted text can make music21 hang or use too much
memory. The input is text, never a path: for files music21 unpickles a cache with a predictable name.
"""

import re
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr
from fractions import Fraction
from io import StringIO
from typing import Any, NamedTuple, TypeVar

from symusic import Score

from musegen.errors import MidiError
from musegen.music.reading.bars import Metre
from musegen.music.reading.notated import (
    LOUDNESS,
    VELOCITY,
    KeyMark,
    Mark,
    Notated,
    NotatedPart,
    Sound,
    TempoMark,
    Tune,
    play,
)
from musegen.music.reading.repeats import Printed
from musegen.music.reading.xml import plain_xml

Result = TypeVar("Result")
PARSER_VERSION = 4
"""Part of the key of every cache of parsed music: increase it when the same text gives other notes."""
_NOTE = re.compile(r"[A-Ga-g]")


class Text(NamedTuple):
    """A parsed text, with facts about it."""

    parsed: Any
    """The music21 stream."""
    parts: list[Any]
    written: int
    """Number of notes in the text, grace notes included."""
    left_out: Counter[str]


def parse_music21(text: str, form: str) -> Tune:
    """One piece of text in another format of music21: "musicxml" or "humdrum".

    Raises:
        MidiError: music21 cannot read it, or it has no measures.
    """
    if form == "musicxml":
        text, written, left_out = plain_xml(text)
    else:
        written, left_out = count_kern(text)
    parsed = _parsed(text, form)

    def tune() -> Tune:
        parsed.toSoundingPitch(inPlace=True)
        return _tune(Text(parsed, list(parsed.parts), written, left_out))

    return _readable(form, tune)


def _parsed(text: str, form: str) -> Any:
    from music21 import converter, stream

    with redirect_stderr(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what music21 warns about is counted in the repairs, or rejected
        parsed = _readable(form, lambda: converter.parseData(text, format=form))
    return parsed.scores[0] if isinstance(parsed, stream.Opus) else parsed


def _readable(form: str, read: Callable[[], Result]) -> Result:
    """The result of `read`; any exception becomes a MidiError."""
    try:
        return read()
    except (MidiError, MemoryError):
        raise
    except Exception as error:  # music21 raises many types on odd input (Index, Key, Type, Zero, own)
        reason = " ".join(str(error).split())[:120]
        raise MidiError(f"not readable as {form}: {reason or type(error).__name__}") from error


def _tune(text: Text) -> Tune:
    parts = [p if p.hasMeasures() else p.makeMeasures() for p in text.parts]
    measured = [(p, list(p.getElementsByClass("Measure"))) for p in parts]
    measured = [(p, measures) for p, measures in measured if measures]
    if not measured:
        raise MidiError("no measures")
    lead, longest = max(measured, key=lambda m: len(m[1]))  # the first of the longest
    count = len(longest)
    repairs = Counter(text.left_out)
    read: Counter[str] = Counter()
    players = [_part(p, measures, count, read) for p, measures in measured]
    played = sum(len(sounds) for player in players for sounds in player.measures)
    lengths, metres = _measures([measures for _, measures in measured], count)
    printed = _printed(lead, longest)
    marks = [_marks(m) for m in longest]
    piece = Notated(players, lengths, metres, printed, marks)
    if played + read.total() != text.written:
        repairs[f"notes read of {text.written} written"] += played
    repairs += read
    score = play(piece, repairs, abc=False)
    metadata = text.parsed.metadata
    words = [f"{n} {what}" for what, n in (+repairs).items()]
    return Tune((metadata.title if metadata is not None else None) or "", score, words)


def _printed(part: Any, measures: list[Any]) -> list[Printed]:
    """The barlines, brackets and signs of a part that determine the order of its measures."""
    from music21 import bar, spanner

    endings: dict[int, tuple[int, ...]] = {}
    for bracket in part.recurse().getElementsByClass(spanner.RepeatBracket):
        numbers = tuple(int(n) for n in bracket.numberRange)
        spanned = [index for index, m in enumerate(measures) if bracket.hasSpannedElement(m)]
        if spanned:  # music21 lists only the first and the last measure
            endings.update(dict.fromkeys(range(spanned[0], spanned[-1] + 1), numbers))
    printed = []
    late_coda = False
    for index, measure in enumerate(measures):
        left, right = measure.leftBarline, measure.rightBarline
        end = 0
        if isinstance(right, bar.Repeat) and right.direction == "end":
            end = max(2, right.times or 2)
        start = isinstance(left, bar.Repeat) and left.direction == "start"
        section = right is not None and right.type in ("double", "final", "heavy-light", "heavy-heavy")
        signs = {type(e).__name__: e.offset for e in measure.getElementsByClass("RepeatExpression")}
        jump = next((s for s in signs if s.startswith(("DaCapo", "DalSegno"))), "")
        coda = late_coda or ("Coda" in signs and signs["Coda"] == 0)
        late_coda = signs.get("Coda", 0) > 0  # at the end of a measure: belongs to the next
        ending = endings.get(index, ())
        printed.append(Printed(start, end, ending, section, jump, "Segno" in signs, coda, "Fine" in signs))
    return printed


def _measures(measured: list[list[Any]], count: int) -> tuple[list[Fraction], list[Metre]]:
    """Length of each measure (of the longest part, in quarter notes), and its metre."""
    lengths: list[Fraction] = []
    metres: list[Metre] = []
    metre = (4, 4)
    for i in range(count):
        here = [m[i] for m in measured if i < len(m)]
        lengths.append(max(Fraction(m.highestTime) for m in here))
        signature = next((m.timeSignature for m in here if m.timeSignature is not None), None)
        if signature is not None:
            metre = (int(signature.numerator), int(signature.denominator))
            if metre[1] == 1:
                metre = (2 * metre[0], 2)
        metres.append(metre)
    return lengths, metres


def _part(part: Any, measures: list[Any], count: int, dropped: Counter[str]) -> NotatedPart:
    """The part with its notes in `count` measures; what does not sound is counted in `dropped`."""
    instrument = part.getInstrument()
    program = instrument.midiProgram if instrument is not None and instrument.midiProgram is not None else 0
    drums = instrument is not None and instrument.midiChannel == 9
    sounds = []
    velocity = VELOCITY
    for measure in measures:
        # Velocities of the dynamic marks, with their offsets in quarter notes.
        dynamics = [mark for mark in measure.getElementsByClass("Dynamic") if mark.value in LOUDNESS]
        loudness = [(Fraction(0), velocity), *((Fraction(d.offset), LOUDNESS[d.value]) for d in dynamics)]
        sounds.append(_sounds(measure, loudness, dropped))
        velocity = loudness[-1][1]
    sounds += [[] for _ in range(count - len(sounds))]
    return NotatedPart(str(part.partName or ""), 0 if drums else int(program), drums, sounds)


def _sounds(measure: Any, loudness: list[tuple[Fraction, int]], dropped: Counter[str]) -> list[Sound]:
    from music21 import harmony

    sounds = []
    for voice in (measure, *measure.voices):
        base = Fraction(voice.offset) if voice is not measure else Fraction(0)
        for element in voice.notes:
            if isinstance(element, harmony.Harmony):
                continue
            notes = element.notes if hasattr(element, "notes") else [element]
            if element.duration.isGrace:
                dropped["grace notes dropped"] += len(notes)
                continue
            onset = base + Fraction(element.offset)
            velocity = next((v for offset, v in reversed(loudness) if offset <= onset), VELOCITY)
            for note in notes:
                tie = (note.tie or element.tie).type if (note.tie or element.tie) else None
                if 0 <= note.pitch.midi <= 127:
                    length = Fraction(element.quarterLength)
                    sounds.append(Sound(onset, length, int(note.pitch.midi), velocity, tie))
                else:
                    dropped["notes outside MIDI's range dropped"] += 1
    return sounds


def _marks(measure: Any) -> list[tuple[Fraction, Mark]]:
    """Tempo and key marks of a measure, with their offsets in quarter notes."""
    from music21 import key, tempo

    marks: list[tuple[Fraction, Mark]] = []
    for element in measure.getElementsByClass((key.KeySignature, tempo.MetronomeMark)):
        if isinstance(element, tempo.MetronomeMark):
            speed = element.getQuarterBPM()
            if speed and 4 <= speed <= 1000:
                marks.append((Fraction(element.offset), TempoMark(float(speed))))
        elif -7 <= element.sharps <= 7:
            minor = getattr(element, "mode", None) == "minor"
            marks.append((Fraction(element.offset), KeyMark(element.sharps, minor)))
    return marks


def count_kern(text: str) -> tuple[int, Counter[str]]:
    """The number of notes in the **kern spines (grace notes included), and what is not played."""
    written = 0
    spines: list[str] = []
    for line in text.splitlines():
        if not line or line.startswith("!"):
            continue
        cells = line.split("\t")
        if line.startswith("*"):
            spines = _follow(spines, cells)
        elif not line.startswith("="):
            kern = (cell for spine, cell in zip(spines, cells, strict=False) if spine == "**kern")
            written += sum("r" not in note and bool(_NOTE.search(note)) for c in kern for note in c.split())
    orders = len(re.findall(r"^\*>\[", text, re.MULTILINE))
    return written, Counter({"orders of sections (*>[...]) not followed": orders})


def _follow(spines: list[str], cells: list[str]) -> list[str]:
    """The kinds of the spines after a line of interpretations: started, ended, split, joined, exchanged."""
    kinds: list[str] = []
    joining = exchanged = False
    for i, cell in enumerate(cells):
        kind = spines[i] if i < len(spines) else ""
        if cell.startswith("**"):
            kind = cell
        if not (cell == "*-" or (cell == "*v" and joining)):
            kinds += [kind, kind] if cell == "*^" else [kind, ""] if cell == "*+" else [kind]
        if cell == "*x" and exchanged:
            kinds[-2:] = kinds[:-3:-1]
        exchanged = cell == "*x" and not exchanged
        joining = cell == "*v"
    return kinds
