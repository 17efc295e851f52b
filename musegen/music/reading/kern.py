"""Reading Humdrum **kern with converter21, which replaces music21's reader and gives music21's streams.

This must run in a limited process (see `sandbox`): untrusted text can make the libraries hang or use too
much memory. The input is text, never a path: for files music21 unpickles a cache with a predictable name.
"""

import re
import warnings
from collections import Counter
from contextlib import redirect_stderr
from fractions import Fraction
from io import StringIO
from typing import Any

from musegen.errors import MidiError
from musegen.music.reading.bars import Metre
from musegen.music.reading.instruments import DRUM_CHANNEL, drum_placed, program_named
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

_LABEL = re.compile(r"(?:^|(?<=\t))\*>[^\t\n]*", re.MULTILINE)
_REFERENCE = re.compile(r"^!!!.*\n?", re.MULTILINE)
_TITLE = re.compile(r"^!!!OTL[^:]*:\s*(.*)", re.MULTILINE)
_NOTE = re.compile(r"[A-Ga-g]")


def parse_kern(text: str) -> Tune:
    """The **kern spines of a Humdrum file as they are played, with one track per part.

    Raises:
        MidiError: it cannot be read, has no measures, or notes of it were lost.
    """
    try:
        return _tune(text)
    except (MidiError, MemoryError):
        raise
    except Exception as error:  # the libraries raise many types on odd input (Index, Key, Type, Zero, own)
        reason = " ".join(str(error).split())[:120]
        raise MidiError(f"not readable as kern: {reason or type(error).__name__}") from error


def _tune(text: str) -> Tune:
    written = count_notes(text)
    stream = _stream(text)
    parts = [p if p.hasMeasures() else p.makeMeasures() for p in stream.parts]
    measured = [(p, list(p.getElementsByClass("Measure"))) for p in parts]
    measured = [(p, measures) for p, measures in measured if measures]
    if not measured:
        raise MidiError("no measures")
    lead, longest = max(measured, key=lambda m: len(m[1]))  # the first of the longest
    count = len(longest)
    repairs: Counter[str] = Counter()
    players = [_part(p, measures, count, repairs) for p, measures in measured]
    read = sum(len(sounds) for player in players for sounds in player.measures) + repairs.total()
    if read != written:
        raise MidiError(
            f"{written} notes are written, {read} could be read: its spines are not followed rightly"
        )
    lengths, metres = _measures([measures for _, measures in measured], count)
    printed, order = _ordered(text, _printed(lead, longest))
    marks = [_marks(m) for m in longest]
    score = play(Notated(players, lengths, metres, printed, marks, order), repairs, abc=False)
    title = _TITLE.search(text)
    return Tune(title[1].strip() if title else "", score, [f"{n} {what}" for what, n in (+repairs).items()])


def _stream(text: str) -> Any:
    """The music21 stream of a text, at sounding pitch."""
    from converter21 import HumdrumConverter

    with redirect_stderr(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is lost is counted, or the file rejected
        converter = HumdrumConverter()
        # It fails at reference records, with music21 10.5, and at labels beside repeats: we read these.
        converter.parseData(_LABEL.sub("*", _REFERENCE.sub("", text)))
        return converter.stream.toSoundingPitch()


def _ordered(text: str, printed: list[Printed]) -> tuple[list[Printed], list[str]]:
    """The signs with labels and their order, if the text gives one (*>[A,A,B]): it includes all repeats."""
    found = re.search(r"^\*>\[([^\]\t]*)\]", text, re.MULTILINE)
    order = [label.strip() for label in found[1].split(",")] if found else []
    if not order:
        return printed, []
    labels = measure_labels(text)
    plain = [Printed(label=labels.get(i, ""), section=p.section) for i, p in enumerate(printed)]
    return plain, order


def measure_labels(text: str) -> dict[int, str]:
    """The labels of sections (*>A) by the number of the measure that begins with them, from 0."""
    labels: dict[int, str] = {}
    number, is_new, pending = -1, True, ""
    for line in text.splitlines():
        if line.startswith("="):
            is_new = True
        elif re.match(r"\*>[^\[]+", line):
            label = line.split("\t")[0][2:].strip()
            pending = "" if "[" in label else label
        elif line and line[0] not in "!*":
            number += is_new
            is_new = False
            if pending:
                labels[number] = pending
                pending = ""
    return labels


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
    program = instrument.midiProgram if instrument is not None else None
    if program is None:
        program = program_named(str(part.partName or ""))
    drums = any(True for _ in part.recurse().getElementsByClass("PercussionClef"))
    drums |= instrument is not None and instrument.midiChannel == DRUM_CHANNEL - 1
    sounds = []
    velocity = VELOCITY
    for measure in measures:
        # Velocities of the dynamic marks, with their offsets in quarter notes.
        dynamics = [mark for mark in measure.getElementsByClass("Dynamic") if mark.value in LOUDNESS]
        loudness = [(Fraction(0), velocity), *((Fraction(d.offset), LOUDNESS[d.value]) for d in dynamics)]
        sounds.append(_sounds(measure, loudness, dropped, is_drum=drums))
        velocity = loudness[-1][1]
    sounds += [[] for _ in range(count - len(sounds))]
    return NotatedPart(str(part.partName or ""), 0 if drums else int(program), drums, sounds)


def _sounds(
    measure: Any, loudness: list[tuple[Fraction, int]], dropped: Counter[str], *, is_drum: bool
) -> list[Sound]:
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
                pitch = _pitch(note, is_drum=is_drum)
                if 0 <= pitch <= 127:
                    length = Fraction(element.quarterLength)
                    sounds.append(Sound(onset, length, pitch, velocity, tie, str(voice.id)))
                else:
                    dropped["notes outside MIDI's range dropped"] += 1
    return sounds


def _pitch(note: Any, *, is_drum: bool) -> int:
    if not is_drum:
        return int(note.pitch.midi)
    place = getattr(note, "pitch", None)
    step, octave = (place.step, place.octave) if place is not None else (note.displayStep, note.displayOctave)
    return drum_placed(step, str(octave), str(getattr(note, "notehead", "") or ""))


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


def count_notes(text: str) -> int:
    """The number of notes in the **kern spines, grace notes included."""
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
    return written


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
