"""Writing a Score as MusicXML for notation programs, with music21."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from symusic import Score, Track

from musegen.files import write_atomic
from musegen.music.notes import all_onsets, note_arrays
from musegen.music.programs import program_name
from musegen.music.quantise import UNITS, Bar, find_bars, quantise
from musegen.music.writing.harmony import put_harmony, without_sounded_symbols
from musegen.music.writing.notation import Chord, Signature, Value, find_signatures, spell, voices, write_bar

VOICES = 4
"""Maximum per staff: notation programs have no more."""
MIDDLE_C = 60
TWO_STAVES = (48, 72)
"""A polyphonic track that reaches both of these pitches is written on two staves."""


def write_musicxml(score: Score, path: Path, *, title: str = "") -> list[str]:
    """Write a tidy Score as MusicXML; returns descriptions of the changes this needs.

    Raises:
        OSError: see `write_atomic`.
    """
    data, words = musicxml_bytes(score, title=title)
    write_atomic(path, data)
    return words


def musicxml_bytes(score: Score, *, title: str = "") -> tuple[bytes, list[str]]:
    """A tidy Score as MusicXML, and descriptions of the changes this needs.

    Notes on the grid of notation are preserved exactly. A track is a part at sounding pitch; drums are
    written at their MIDI pitches. A first bar that starts with at least half a bar of rest is written
    as a pickup. Without a key signature, the one with the fewest accidentals is chosen. Velocities are
    not written. Chord symbols stand above the first part; a track that only sounds them is not written.
    """
    from music21 import layout, metadata, stream
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    grid, words = quantise(without_sounded_symbols(score))
    bars = _with_pickup(find_bars(grid), int(all_onsets(grid).min()))
    keys = find_signatures(grid)
    result = stream.Score()
    result.metadata = metadata.Metadata(title=title)
    for number, track in enumerate(t for t in grid.tracks if len(t.notes)):
        staves = list(_staves(track))
        kind: Any = stream.PartStaff if len(staves) > 1 else stream.Part
        parts = [_part(kind(), staff, bars, keys, drums=track.is_drum) for staff in staves]
        for part in parts:
            part.insert(0, _instrument(track, number))
            part.partName = track.name.strip() or part.getInstrument().instrumentName
            result.insert(0, part)
        if len(parts) > 1:
            result.insert(0, layout.StaffGroup(parts, symbol="brace", name=parts[0].partName))
    _put_tempos(result.parts[0], grid, bars)
    put_harmony(result.parts[0], grid, bars, keys)
    exporter = GeneralObjectExporter(result)
    exporter.makeNotation = False
    return bytes(exporter.parse()), words


def _with_pickup(bars: list[Bar], first_onset: int) -> list[Bar]:
    """The bars without the rest before a pickup, if that is at least half a bar; see `plan_bars`."""
    first, *others = bars
    begin = first_onset // first.pulse * first.pulse
    same_metre = bool(others) and others[0][2:] == first[2:]
    return [first._replace(begin=begin), *others] if same_metre and 2 * begin >= first.end else bars


def _staves(track: Track) -> Iterator[list[list[Chord]]]:
    """The voices of each staff of the track, at most four per staff."""
    pitches = note_arrays(track)[2]
    hands = [voices(track)]
    dense = len(hands[0]) > 1 or any(len(chord.pitches) > 1 for chord in hands[0][0])
    if dense and not track.is_drum and pitches.min() <= TWO_STAVES[0] and pitches.max() >= TWO_STAVES[1]:
        hands = [voices(_only(track, pitches >= MIDDLE_C)), voices(_only(track, pitches < MIDDLE_C))]
    for hand in hands:
        yield from (hand[first : first + VOICES] for first in range(0, len(hand), VOICES))


def _only(track: Track, wanted: np.ndarray[Any, np.dtype[np.bool_]]) -> Track:
    result = track.copy()
    result.notes = [note for note, keep in zip(track.notes, wanted.tolist(), strict=True) if keep]
    return result


def _instrument(track: Track, number: int) -> Any:
    """The instrument of a track: program, channel from 0 (index 9 is for drums), and ids."""
    from music21 import instrument

    player: Any = instrument.UnpitchedPercussion() if track.is_drum else instrument.Instrument()
    player.instrumentName = "Drums" if track.is_drum else program_name(track.program)
    player.midiProgram = track.program
    player.midiChannel = 9 if track.is_drum else (*range(9), *range(10, 16))[number % 15]
    # music21 would assign new channels: one per part, which are not enough, and only one part of drums
    player.autoAssignMidiChannel = lambda **_: player.midiChannel
    player.partId, player.instrumentId = f"P{number + 1}", f"P{number + 1}-I1"
    return player


def _part(
    part: Any, lines: list[list[Chord]], bars: list[Bar], signatures: list[Signature], *, drums: bool
) -> Any:
    """Fill a music21 part with the content of a staff."""
    from music21 import key as keys
    from music21 import meter

    before: tuple[Any, Any] = (None, None)
    for number, bar in enumerate(bars, start=int(bars[0].begin == 0)):
        key = signatures[max(0, bisect_left(signatures, bar.end, key=lambda k: k[0]) - 1)]
        measure = _measure(bar, [write_bar(_within(line, bar), bar) for line in lines], key[1])
        measure.number = number
        if key[1:] != before[0]:
            measure.insert(0, keys.KeySignature(key[1]).asKey("minor" if key[2] else "major"))
        if bar[2:] != before[1]:
            measure.insert(0, meter.TimeSignature(f"{bar.beats}/{bar.unit}"))
        before = (key[1:], bar[2:])
        part.append(measure)
    part.getElementsByClass("Measure")[0].insert(0, _clef(lines, drums=drums))
    part.makeAccidentals(inPlace=True)
    part.makeBeams(inPlace=True)
    return part


def _clef(lines: list[list[Chord]], *, drums: bool) -> Any:
    from music21 import clef

    if drums:
        return clef.PercussionClef()
    mean = np.mean([pitch for line in lines for chord in line for pitch in chord.pitches])
    return clef.TrebleClef() if mean >= MIDDLE_C else clef.BassClef()


def _within(line: list[Chord], bar: Bar) -> list[Chord]:
    first = bisect_right(line, bar.begin, key=attrgetter("end"))
    return line[first : bisect_left(line, bar.end, key=attrgetter("onset"))]


def _measure(bar: Bar, contents: list[list[Value]], sharps: int) -> Any:
    """A measure with its voices, up to the last one that has notes."""
    from music21 import note, stream

    measure = stream.Measure()
    missing = UNITS * 4 * bar.beats // bar.unit - (bar.end - bar.begin)
    if missing:
        measure.paddingLeft, measure.showNumber = missing / UNITS, stream.enums.ShowNumber.NEVER
    last = max((i for i, values in enumerate(contents) if any(value.pitches for value in values)), default=-1)
    if last < 0 and not missing:
        rest = note.Rest(quarterLength=(bar.end - bar.begin) / UNITS)
        rest.fullMeasure = True
        measure.insert(0, rest)
        return measure
    for number, values in enumerate(contents[: max(0, last) + 1]):
        voice: Any = stream.Voice(id=str(number + 1)) if last > 0 else measure
        for value in values:
            voice.append(_element(value, sharps, hidden=number > 0))
        if voice is not measure:
            measure.insert(0, voice)
    return measure


def _element(value: Value, sharps: int, *, hidden: bool) -> Any:
    """A music21 note, chord or rest; rests are hidden except in the first voice."""
    from music21 import chord, note, tie

    duration = _duration(value)
    if not value.pitches:
        rest = note.Rest(duration=duration)
        rest.style.hideObjectOnPrint = hidden
        return rest
    notes = [note.Note(_pitch(pitch, sharps)) for pitch in value.pitches]
    for each in notes if value.tie else []:
        each.tie = tie.Tie(value.tie)
    if len(notes) > 1:
        return chord.Chord(notes, duration=duration)
    notes[0].duration = duration
    return notes[0]


def _duration(value: Value) -> Any:
    from music21 import duration

    kind, dots = value.shown
    result = duration.Duration(type=kind, dots=dots)
    if value.triplet:
        triplet = duration.Tuplet(3, 2, duration.Duration(value.triplet / 2 / UNITS).type)
        triplet.type = value.bracket or None
        result.appendTuplet(triplet)
    return result


def _pitch(midi: int, sharps: int) -> Any:
    from music21 import pitch

    step, alter, octave = spell(midi, sharps)
    return pitch.Pitch(step + ("#" * alter if alter > 0 else "-" * -alter), octave=octave)


def _put_tempos(part: Any, grid: Score, bars: list[Bar]) -> None:
    """Put the tempos into the measures of a part, except changes of less than 1 BPM."""
    from music21 import tempo

    measures = list(part.getElementsByClass("Measure"))
    last = 0.0
    for mark in sorted(grid.tempos, key=attrgetter("time")):
        index = max(0, bisect_right(bars, mark.time, key=attrgetter("begin")) - 1)
        if abs(mark.qpm - last) >= 1 and mark.time < bars[-1].end:
            offset = max(0, mark.time - bars[index].begin) / UNITS
            measures[index].insert(offset, tempo.MetronomeMark(number=round(mark.qpm, 2)))
            last = mark.qpm
