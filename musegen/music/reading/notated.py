"""A notated piece and its performance: repeats unrolled, placed on bar lines, as a Score."""

from collections import Counter
from fractions import Fraction
from typing import Any, NamedTuple

from symusic import Note, Score, Tempo, TimeSignature, Track

from musegen.errors import MidiError
from musegen.music.reading.bars import Metre, NotatedBar, Plan, plan_bars
from musegen.music.reading.repeats import Printed, follow_jump, unroll

JUMPS = "jumps (da capo, dal segno) not played"
TPQ = 480
MAX_QUARTERS = 20_000


class Sound(NamedTuple):
    """A note of a measure; times in quarter notes from the start of the measure."""

    onset: Fraction
    duration: Fraction
    pitch: int
    velocity: int
    tie: str | None
    """One of "start", "continue", "stop" or None."""


class NotatedPart(NamedTuple):
    """The notes of one part."""

    name: str
    program: int
    drums: bool
    measures: list[list[Sound]]


class Notated(NamedTuple):
    """A piece as notated; every list has one entry per measure."""

    parts: list[NotatedPart]
    lengths: list[Fraction]
    """The length of each measure (of the longest part), in quarter notes."""
    metres: list[Metre]
    printed: list[Printed]
    marks: list[list[tuple[Fraction, Any]]]
    """Tempo and key as symusic events, with their times in quarter notes from the start of the measure."""


def play(piece: Notated, repairs: Counter[str], *, abc: bool) -> Score:
    """The piece as performed; repairs are added to `repairs`.

    Args:
        piece: as notated.
        repairs: number of repairs by description.
        abc: a double barline starts a repeat, as in ABC.

    Raises:
        MidiError: far too long.
    """
    order = _order(piece.printed, repairs, abc=abc)
    measures = _played(piece, order)
    if sum(m.length for m in measures) > MAX_QUARTERS:
        raise MidiError(f"absurdly long: more than {MAX_QUARTERS} quarters")
    plan = plan_bars(measures)
    repairs.update(plan.repairs)
    return _score(piece, order, plan)


def _order(printed: list[Printed], repairs: Counter[str], *, abc: bool) -> list[int]:
    order = unroll(printed, sections_start=abc)
    if order is None:
        repairs["repeats left as printed"] += 1
        order = list(range(len(printed)))
    if any(measure.jump for measure in printed):
        followed = follow_jump(printed, order)
        if followed is None:
            repairs[JUMPS] += 1
        order = followed or order
    return order


def _played(piece: Notated, order: list[int]) -> list[NotatedBar]:
    sounds = [[s for part in piece.parts for s in part.measures[i]] for i in range(len(piece.printed))]
    played = []
    for i, after in zip(order, [*order[1:], len(piece.printed)], strict=True):
        closes = after != i + 1 or bool(piece.printed[i].end) or piece.printed[i].section
        last_onset = max((s.onset for s in sounds[i]), default=Fraction(0))
        end = max((s.onset + s.duration for s in sounds[i]), default=Fraction(0))
        slack = piece.lengths[i] - end + (end - last_onset) / 2
        played.append(NotatedBar(piece.lengths[i], piece.metres[i], closes, slack))
    return played


def _score(piece: Notated, order: list[int], plan: Plan) -> Score:
    score = Score(TPQ)
    score.time_signatures = [TimeSignature(_ticks(t), *metre) for t, metre in plan.metres]
    for (start, _), index in zip(plan.spans, order, strict=True):
        for offset, mark in piece.marks[index]:
            _put_mark(score, _ticks(start + offset), mark)
    for part in piece.parts:
        track = Track(part.name, part.program, part.drums)
        track.notes.extend(_join(plan.spans, [part.measures[i] for i in order]))
        score.tracks.append(track)
    return score


def _ticks(quarter: Fraction) -> int:
    return round(quarter * TPQ)


def _put_mark(score: Score, time: int, mark: Any) -> None:
    mark = mark.copy()
    mark.time = time
    if isinstance(mark, Tempo):
        if not score.tempos or score.tempos[-1].qpm != mark.qpm:
            score.tempos.append(mark)
    elif not score.key_signatures or score.key_signatures[-1].key != mark.key:
        score.key_signatures.append(mark)


def _join(spans: list[tuple[Fraction, Fraction]], measures: list[list[Sound]]) -> list[Note]:
    """Notes in ticks: tied ones are joined, and notes are cut at the end of their measure."""
    notes: list[Note] = []
    open_ties: dict[int, int] = {}  # pitch -> index of the note with an open tie
    for (start, stop), sounds in zip(spans, measures, strict=True):
        for sound in sorted(sounds, key=lambda s: (s.onset, s.pitch)):
            onset, end = _ticks(start + sound.onset), _ticks(min(stop, start + sound.onset + sound.duration))
            held = open_ties.pop(sound.pitch, None)
            if held is not None and sound.tie in ("stop", "continue") and notes[held].end >= onset:
                notes[held].duration = max(notes[held].duration, end - notes[held].time)
            else:
                held = len(notes)
                notes.append(Note(onset, end - onset, sound.pitch, sound.velocity))
            if sound.tie in ("start", "continue"):
                open_ties[sound.pitch] = held
    return notes
