"""A notated piece and its performance: repeats unrolled, placed on bar lines, as a Score."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from symusic import KeySignature, Note, Score, Tempo, TimeSignature, Track

from musegen.errors import MidiError
from musegen.music.chord_symbols import ChordSymbol, symbol_marker
from musegen.music.reading.bars import Metre, NotatedBar, Plan, plan_bars
from musegen.music.reading.repeats import Printed, follow_jump, in_order, unended, unroll, whole_endings

JUMPS = "jumps (da capo, dal segno) not played"
ORDERS = "orders of parts not followed"
CHORDS = "chord symbols kept, not sounded"
TPQ = 480
MAX_QUARTERS = 20_000
MAX_METRE = 255
"""The largest number in a time signature that a Score can hold."""
MAX_PLAYED = 200_000
"""Notes, and measures, as played."""
MAX_TIES = 16
"""Open ties of one pitch."""
PARSER_VERSION = 5
"""Part of the key of every cache of parsed music: increase it when the same text gives other notes."""
VELOCITY = 80
LOUDNESS = {
    "pppp": 8, "ppp": 16, "pp": 33, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112, "fff": 126, "ffff": 127,
}  # fmt: skip
"""Velocities of dynamic marks: the even steps that notation programs play."""


class TempoMark(NamedTuple):
    """A tempo."""

    qpm: float
    """Quarter notes per minute."""


class KeyMark(NamedTuple):
    """A key signature."""

    sharps: int
    """-7 to 7; below zero: flats."""
    minor: bool = False


Mark = TempoMark | KeyMark | ChordSymbol


class Sound(NamedTuple):
    """A note of a measure; times in quarter notes from the start of the measure."""

    onset: Fraction
    duration: Fraction
    pitch: int
    velocity: int = VELOCITY
    tie: str | None = None
    """One of "start", "continue", "stop" or None."""
    voice: str = ""
    """Its voice within the part: a tie goes on there if it can."""


class NotatedPart(NamedTuple):
    """The notes of one part."""

    name: str
    program: int
    drums: bool
    measures: list[list[Sound]]


class Notated(NamedTuple):
    """A piece as notated; every list but the last has one entry per measure."""

    parts: list[NotatedPart]
    lengths: list[Fraction]
    """The length of each measure (of the longest part), in quarter notes."""
    metres: list[Metre]
    printed: list[Printed]
    marks: list[list[tuple[Fraction, Mark]]]
    """Marks with their times in quarter notes from the start of the measure."""
    order: Sequence[str] = ()
    """The labels of the parts of the piece as they are played; (): as printed."""


class Tune(NamedTuple):
    """A piece as played, before its metre is tidied."""

    title: str
    score: Score
    repairs: list[str]


def play(piece: Notated, repairs: Counter[str], *, abc: bool) -> Score:
    """The piece as performed; repairs are added to `repairs`.

    Args:
        piece: as notated.
        repairs: number of repairs by description.
        abc: a double barline starts a repeat, as in ABC.

    Raises:
        MidiError: far too long, or an impossible time signature.
    """
    beats, unit = max(piece.metres, key=max)
    if max(beats, unit) > MAX_METRE:
        raise MidiError(f"impossible time signature {beats}/{unit}")
    order = _order(piece, repairs, abc=abc)
    if sum(float(piece.lengths[i]) for i in order) > MAX_QUARTERS:
        raise MidiError(f"absurdly long: more than {MAX_QUARTERS} quarters")
    notes = [sum(len(part.measures[i]) for part in piece.parts) for i in range(len(piece.printed))]
    if len(order) > MAX_PLAYED or sum(notes[i] for i in order) > MAX_PLAYED:
        raise MidiError(f"absurdly long: more than {MAX_PLAYED} notes or measures")
    plan = plan_bars(_played(piece, order))
    repairs.update(plan.repairs)
    repairs[CHORDS] += sum(isinstance(mark, ChordSymbol) for marks in piece.marks for _, mark in marks)
    return _score(piece, order, plan)


def _order(piece: Notated, repairs: Counter[str], *, abc: bool) -> list[int]:
    printed = whole_endings(piece.printed)
    repairs["repeats without an end played once"] += unended(printed)
    if piece.order:
        ordered = in_order(printed, piece.order, sections_start=abc)
        if ordered is not None:
            return ordered
        repairs[ORDERS] += 1
    order = unroll(printed, sections_start=abc)
    if any(measure.jump for measure in printed):
        followed = follow_jump(printed, order)
        if followed is None:
            repairs[JUMPS] += 1
        order = followed or order
    if len(set(order)) < len(printed):
        repairs["repeats left as printed"] += 1
        order = list(range(len(printed)))
    return order


def _played(piece: Notated, order: list[int]) -> list[NotatedBar]:
    played = []
    for i, after in zip(order, [*order[1:], len(piece.printed)], strict=True):
        closes = after != i + 1 or bool(piece.printed[i].end) or piece.printed[i].section
        played.append(NotatedBar(piece.lengths[i], piece.metres[i], closes))
    return played


def _score(piece: Notated, order: list[int], plan: Plan) -> Score:
    score = Score(TPQ)
    score.time_signatures = [TimeSignature(_ticks(t), *metre) for t, metre in plan.metres]
    for (start, _), index in zip(plan.spans, order, strict=True):
        for offset, mark in piece.marks[index]:
            _put_mark(score, _ticks(start + offset), mark)
    for part in piece.parts:
        track = Track(part.name, part.program, part.drums)
        track.notes.extend(_restruck(_join(plan.spans, [part.measures[i] for i in order])))
        score.tracks.append(track)
    return score


def _ticks(quarter: Fraction) -> int:
    return round(quarter * TPQ)


def _put_mark(score: Score, time: int, mark: Mark) -> None:
    if isinstance(mark, ChordSymbol):
        score.markers.append(symbol_marker(time, mark))
    elif isinstance(mark, KeyMark):
        if score.key_signatures and score.key_signatures[-1].time == time:
            del score.key_signatures[-1]
        if not score.key_signatures or score.key_signatures[-1].key != mark.sharps:
            score.key_signatures.append(KeySignature(time, mark.sharps, int(mark.minor)))
    else:
        if score.tempos and score.tempos[-1].time == time:
            del score.tempos[-1]
        if not score.tempos or abs(score.tempos[-1].qpm - mark.qpm) > 1e-3:
            score.tempos.append(Tempo(time, mark.qpm))


class _Tie(NamedTuple):
    """A note whose tie goes on."""

    note: Note
    voice: str
    measure: int


def _join(spans: list[tuple[Fraction, Fraction]], measures: list[list[Sound]]) -> list[Note]:
    """Notes in ticks: tied ones are joined, and notes are cut at the end of their measure.

    A tie goes on in its voice, else in any, where it ends; else, at most a measure later, over a gap or
    other notes, as the notes of an arpeggio are tied into a chord.
    """
    notes: list[Note] = []
    ties: dict[int, list[_Tie]] = {}  # pitch -> notes whose tie goes on
    for number, ((start, stop), sounds) in enumerate(zip(spans, measures, strict=True)):
        for sound in sorted(sounds, key=lambda s: (s.onset, s.pitch)):
            onset, end = _ticks(start + sound.onset), _ticks(min(stop, start + sound.onset + sound.duration))
            tied = _tied(ties, sound, onset, number) if sound.tie in ("stop", "continue") else None
            note = tied.note if tied else Note(onset, end - onset, sound.pitch, sound.velocity)
            if tied:
                note.duration = max(note.duration, end - note.time)
            else:
                notes.append(note)
            if sound.tie in ("start", "continue"):
                ties[sound.pitch] = [*ties.get(sound.pitch, []), _Tie(note, sound.voice, number)][-MAX_TIES:]
    return notes


def _tied(ties: dict[int, list[_Tie]], sound: Sound, onset: int, measure: int) -> _Tie | None:
    """The open tie that `sound` continues, taken from `ties`."""
    there = [t for t in ties.get(sound.pitch, ()) if t.measure >= measure - 1 and t.note.time < onset]
    if not there:
        return None
    best = max(there, key=lambda t: (t.note.end == onset, t.voice == sound.voice, t.note.end))
    ties[sound.pitch] = [t for t in ties[sound.pitch] if t is not best]
    return best


def _restruck(notes: list[Note]) -> list[Note]:
    """Notes struck again while they sound (by another voice) end there, and the new ones last as long."""
    last: dict[int, Note] = {}
    for note in sorted(notes, key=lambda n: (n.time, -n.duration)):
        before = last.get(note.pitch)
        if before is not None and before.time < note.time < before.end:
            note.duration = max(before.end, note.end) - note.time
            before.duration = note.time - before.time
        if before is None or before.time < note.time:
            last[note.pitch] = note
    return notes
