"""What a bar of notation prints: voices, note values, ties and triplets, key signatures and spelt pitches.

Times are in units of 1/96 of a quarter, see `musegen.music.quantise`. Nothing here knows a file format;
`musegen.music.writing.musicxml` writes what is found here.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from symusic import Score, Track

from musegen.music.key import pitch_class_weights
from musegen.music.notes import note_arrays
from musegen.music.quantise import UNITS, Bar

TYPES = ("breve", "whole", "half", "quarter", "eighth", "16th", "32nd", "64th", "128th", "256th")
VALUES = {1536 >> i: (name, 0) for i, name in enumerate(TYPES)}
VALUES |= {(1536 >> i) * 3 // 2: (name, 1) for i, name in enumerate(TYPES[1:-1], start=1)}
"""Lengths that one note shows, in half units, with the note's type and dots."""
FIFTHS = (("F", 5), ("C", 0), ("G", 7), ("D", 2), ("A", 9), ("E", 4), ("B", 11))
"""The steps on the line of fifths, with their pitch classes."""
Signature = tuple[int, int, int]
"""The tick from which it holds, sharps (flats below 0), and 1 for minor."""


class Value(NamedTuple):
    """A note, a chord or a rest as it is printed."""

    onset: int
    """From the begin of its bar."""
    length: int
    pitches: tuple[int, ...]
    """None for a rest."""
    tie: Literal["", "start", "continue", "stop"]
    triplet: int = 0
    """The length of the triplet it is part of, or 0."""
    bracket: Literal["", "start", "stop", "startStop"] = ""
    """Whether the triplet begins or ends with it."""

    @property
    def shown(self) -> tuple[str, int]:
        """The type of the note and its dots."""
        return VALUES[self.length * (3 if self.triplet else 2)]


class Chord(NamedTuple):
    """Notes that begin and end together."""

    onset: int
    end: int
    pitches: tuple[int, ...]


def voices(track: Track) -> list[list[Chord]]:
    """The notes of a track as lines in which nothing overlaps, the highest note in the first that is free."""
    onsets, durations, pitches, _ = note_arrays(track)
    together: dict[tuple[int, int], list[int]] = {}
    for onset, end, pitch in np.stack([onsets, onsets + durations, pitches], axis=1).tolist():
        together.setdefault((onset, end), []).append(pitch)
    chords = [Chord(onset, end, tuple(sorted(found))) for (onset, end), found in together.items()]
    lines: list[list[Chord]] = []
    for chord in sorted(chords, key=lambda c: (c.onset, -c.pitches[-1])):
        free = next((line for line in lines if line[-1].end <= chord.onset), None)
        if free is None:
            lines.append([chord])
        else:
            free.append(chord)
    return lines


def write_bar(line: Iterable[Chord], bar: Bar) -> list[Value]:
    """What a voice prints in a bar: chords cut at its bar lines and tied, rests between them."""
    parts: list[tuple[int, int, Chord | None]] = []
    now = bar.begin
    for chord in line:
        begin, end = max(chord.onset, bar.begin), min(chord.end, bar.end)
        if begin < end:
            parts += [(now, begin, None), (begin, end, chord)]
            now = end
    parts.append((now, bar.end, None))
    triplets = _triplets({begin - bar.begin for begin, end, _ in parts if begin < end}, bar)
    values = []
    for begin, end, held in ((a - bar.begin, b - bar.begin, each) for a, b, each in parts if a < b):
        cuts = [begin, *(cut for span in triplets for cut in span if begin < cut < end), end]
        for a, b in pairwise(sorted(set(cuts))):
            values += [_value(x, y, held, bar, triplets) for x, y in _readable(a, b, bar, triplets)]
    return _brackets(values)


def _value(begin: int, end: int, chord: Chord | None, bar: Bar, triplets: list[tuple[int, int]]) -> Value:
    span = next((b - a for a, b in triplets if a <= begin < b), 0)
    if chord is None:
        return Value(begin, end - begin, (), "", span)
    first, last = begin + bar.begin == chord.onset, end + bar.begin == chord.end
    tie: Literal["", "start", "continue", "stop"]
    tie = ("" if last else "start") if first else "stop" if last else "continue"
    return Value(begin, end - begin, chord.pitches, tie, span)


def _brackets(values: list[Value]) -> list[Value]:
    """The values with the first and the last of each triplet marked."""
    result: list[Value] = []
    left = 0  # of the open triplet
    for value in values:
        if not value.triplet:
            result.append(value)
            continue
        opens, left = left == 0, (left or value.triplet) - value.length
        closes = left == 0
        bracket: Literal["", "start", "stop", "startStop"]
        bracket = ("startStop" if closes else "start") if opens else "stop" if closes else ""
        result.append(value._replace(bracket=bracket))
    return result


def _triplets(points: set[int], bar: Bar) -> list[tuple[int, int]]:
    """Spans of a bar to be written as triplets, so that notes begin at `points`."""
    size = bar.end - bar.begin
    span = bar.pulse if bar.unit >= 8 or size % (2 * UNITS) else 2 * UNITS
    inside = sorted(points)
    return [found for begin in range(0, size, span) for found in _thirds(inside, begin, begin + span)]


def _thirds(points: list[int], begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The largest triplets within a span, halving it until one fits; every span is 3 units times 2^n."""
    inner = [point - begin for point in points if begin < point < end]
    if all(point % 3 == 0 for point in inner):
        return
    third, half = (end - begin) // 3, (end - begin) // 2
    if all(point % third == 0 for point in inner) or (
        end - begin <= UNITS and half not in inner and all(2 * point % third == 0 for point in inner)
    ):
        yield begin, end
    else:
        yield from _thirds(points, begin, begin + half)
        yield from _thirds(points, begin + half, end)


def _readable(begin: int, end: int, bar: Bar, triplets: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """A length cut into note values that show the beats."""
    span = next(((a, b) for a, b in triplets if a <= begin < b), None)
    if span:
        steps, origin = [(span[1] - span[0]) // 3 >> i for i in range(6)], span[0]
        whole = (end - begin) * 3 in VALUES
    else:
        steps, origin = [*(bar.beat << i for i in (3, 2, 1, 0)), *(bar.pulse >> i for i in range(6))], 0
        whole = (end - begin) * 2 in VALUES and _shows_beats(begin, end, bar)
    if whole:
        yield begin, end
        return
    cuts = ((begin - origin) // step * step + step + origin for step in steps if step)
    cut = next(cut for cut in cuts if cut < end)
    yield from _readable(begin, cut, bar, triplets)
    yield from _readable(cut, end, bar, triplets)


def _shows_beats(begin: int, end: int, bar: Bar) -> bool:
    """Whether one note may stand there: inside a beat, from a beat on, or across one as a syncopation."""
    beat = bar.beat
    if begin // beat == (end - 1) // beat:
        return True
    if bar.dotted:
        return begin % beat == 0 and end % beat == 0
    middle = (bar.end - bar.begin) // 2
    return begin % beat == 0 or (end - begin == beat and not begin < middle < end)


def spell(midi: int, sharps: int) -> tuple[str, int, int]:
    """Step, semitones of its accidental and octave of a MIDI pitch under a key signature.

    On the line of fifths the twelve names reach from three below the tonic (in major) to eight above
    it: in C from E flat to G sharp, so that a minor key finds its leading note too.
    """
    fifths = (7 * midi + 3 - sharps) % 12 - 3 + sharps
    alter, index = divmod(fifths + 1, 7)
    step, natural = FIFTHS[index]
    return step, alter, (midi - alter - natural) // 12 - 1


def find_signatures(score: Score) -> list[Signature]:
    """The key signatures by time; where none is given, the one that needs the fewest accidentals."""
    given = sorted((k.time, k.key, k.tonality) for k in score.key_signatures)
    if given:
        return given
    weights = pitch_class_weights(score.tracks)
    inside = {k: sum(weights[7 * (k + i) % 12] for i in range(-1, 6)) for k in range(-6, 7)}
    return [(0, max(inside, key=lambda k: (inside[k], -abs(k))), 0)]
