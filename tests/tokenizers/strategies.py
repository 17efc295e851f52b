"""Small scores with everything in them that tokenizers stumble over, for hypothesis.

A score is read off a few numbers and bytes, six bytes a note, so that an example costs little and still
shrinks: fewer bytes are fewer notes, and zeros are plain music (4/4, a long note on the first beat).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from symusic import Note, Score, Tempo, TimeSignature, Track
from symusic.core import ScoreTick

from musegen.music.notes import normalise_notes
from musegen.tokenizers import Part
from musegen.tokenizers.tables import POSITIONS_PER_BEAT, Ints

METRES = [
    *(
        (4, 4),
        (3, 4),
        (2, 4),
        (6, 8),
        (2, 2),
        (3, 2),
        (5, 4),
        (7, 8),
        (9, 8),
        (12, 8),
        (1, 4),
        (3, 8),
        (3, 16),
    ),
    *((5, 16), (4, 2), (8, 4)),
]
TICKS_PER_QUARTER = 480
"""A position of 24 a beat is a whole number of these ticks in every metre down to sixteenths."""
RESOLUTIONS = [480, 96, 120, 220, 384, 960, 1024]
PARTS = [Part("Flute", 73), Part("Soprano", 52), Part("Alto", 52), Part("Bass", 32)]
LENGTHS = np.array([24, 12, 6, 3, 48, 36, 18, 8, 16, 4, 72, 96, 2, 1, 32, 7])
"""Positions; longer ones follow from the rest of the byte."""
NOTE_BYTES = 6


class Example(NamedTuple):
    """A tidy score."""

    score: ScoreTick
    exact: bool
    """Whether all of it has tokens as it is."""


class Values(NamedTuple):
    """What a tokenizer has tokens for."""

    durations: Ints
    """Positions, ascending."""
    velocities: Ints
    tempos: Ints
    """Microseconds a quarter."""


@st.composite
def metres(draw: st.DrawFn, positions: int = POSITIONS_PER_BEAT) -> list[tuple[int, int]]:
    """The metres of a few bars, each a whole number of `positions` a quarter; the first is no pickup."""
    stretches = draw(st.lists(st.integers(0, 3 * len(METRES) - 1), min_size=1, max_size=4))
    bars = [METRES[n % len(METRES)] for n in stretches for _ in range(1 + n // len(METRES))]
    bars = [(beats, unit) for beats, unit in bars if beats * 4 * positions % unit == 0] or [(4, 4)]
    while len(bars) > 1 and bars[0][0] * bars[1][1] < bars[1][0] * bars[0][1]:
        bars.pop(0)
    return bars


def _bytes(draw: st.DrawFn, most: int, size: int) -> Ints:
    """Up to `most` rows of `size` bytes, (rows, size)."""
    rows = draw(st.integers(0, most))
    data = draw(st.binary(min_size=rows * size, max_size=rows * size))
    return np.frombuffer(data, np.uint8).reshape(rows, size).astype(np.int64)


@st.composite
def events(draw: st.DrawFn, values: Values, *, tempos: bool = True) -> Example:
    """Up to four tracks (one of them drums) that may play anything at once, held for any time."""
    bars = draw(metres())
    mode = draw(st.integers(0, 4 * 4 * 2 * len(RESOLUTIONS) - 1))
    exact, tracks = mode % 4 != 3, 1 + mode // 4 % 4
    apart = mode // 16 % 2 == 0  # whether no two tracks share a pitch
    units = np.array([unit for _, unit in bars])
    step = TICKS_PER_QUARTER * 4 // units // POSITIONS_PER_BEAT  # ticks of a position
    positions = np.array([beats for beats, _ in bars]) * POSITIONS_PER_BEAT
    lines = np.append(0, (step * positions).cumsum())
    rows = np.vstack([np.array([[0, 0, 0, 0, 0, 100]]), _bytes(draw, 24, NOTE_BYTES)])
    track, bar = rows[:, 0] % tracks, rows[:, 1] % len(bars)
    # Three quarters of the onsets lie on sixteenths or triplets of the beat, the others anywhere.
    quantum = np.array([6, 8, 12, 1])[rows[:, 1] // 64]
    onset = lines[bar] + rows[:, 2] * positions[bar] // 256 // quantum * quantum * step[bar]
    pitch = np.where(apart, rows[:, 3] // 8 * 4 + track, (rows[:, 3] + 60) % 128)
    long = np.searchsorted(values.durations, np.maximum(1, (rows[:, 4] - 127) * 12), side="right") - 1
    length = np.where(rows[:, 4] < 128, LENGTHS[rows[:, 4] % 16], values.durations[long]) * step[bar]
    loud = values.velocities[rows[:, 5] % len(values.velocities)] if exact else 1 + rows[:, 5] % 127
    if not exact:
        onset = onset + rows[:, 4] % 7
        length = length + rows[:, 3] % 11
    score = _score(bars, lines)
    for number in range(tracks):
        score.tracks.append(_track(number))
        own = track == number
        score.tracks[-1].notes = Note.from_numpy(
            time=onset[own].astype(np.int32),
            duration=length[own].astype(np.int32),
            pitch=pitch[own].astype(np.int8),
            velocity=loud[own].astype(np.int8),
        )
    if tempos:
        marks = _bytes(draw, 3, 3)
        at = lines[marks[:, 0] % len(bars)] + marks[:, 1] % 24 * step[marks[:, 0] % len(bars)]
        score.tempos = [
            Tempo(0, mspq=int(values.tempos[mode % len(values.tempos)])),
            *_tempos(at, marks, values),
        ]
    score, _ = normalise_notes(score)
    score.tracks = [track for track in score.tracks if len(track.notes)]
    if not exact:
        score = score.resample(RESOLUTIONS[mode // 32], min_dur=1)
    return Example(score, exact and all(_has_tokens(track, lines, step, values) for track in score.tracks))


@st.composite
def voices(draw: st.DrawFn, *, positions: int, parts: Sequence[Part] = ()) -> Example:
    """Tracks of one note at a time on a grid of so many `positions` a quarter, in metres that fit it."""
    bars = draw(metres(positions))
    step = TICKS_PER_QUARTER // positions
    lines = np.append(0, np.cumsum([TICKS_PER_QUARTER * 4 * beats // unit for beats, unit in bars]))
    score = _score(bars, lines)
    for part in parts or [Part("", 0)]:
        rows = np.vstack([np.array([[0, 24, 60]]), _bytes(draw, 16, 3)])
        onsets = np.cumsum(rows[:, 0] % 32)
        lengths = 1 + rows[:, 1] % 32
        lengths[:-1] = np.minimum(lengths[:-1], np.diff(onsets))
        kept = (lengths > 0) & (onsets * step < lines[-1])
        track = Track(part.name, part.program)
        notes = zip(onsets[kept] * step, lengths[kept] * step, rows[kept, 2] % 128, strict=True)
        track.notes.extend([Note(*map(int, note), 90) for note in notes])
        score.tracks.append(track)
    score.tracks = [track for track in score.tracks if len(track.notes)]
    end = max(note.end for track in score.tracks for note in track.notes)
    score.time_signatures = [mark for mark in score.time_signatures if mark.time < end]
    return Example(score, exact=True)


def _has_tokens(track: Track, lines: Ints, step: Ints, values: Values) -> bool:
    """Whether all notes are as long as some token says; one that was cut for the next may not be."""
    columns = track.notes.numpy()
    positions = columns["duration"] / step[lines.searchsorted(columns["time"], side="right") - 1]
    return bool(np.isin(positions, values.durations).all())


def _score(bars: list[tuple[int, int]], lines: Ints) -> ScoreTick:
    score = Score(TICKS_PER_QUARTER)
    for number, metre in enumerate(bars):
        if number == 0 or metre != bars[number - 1]:
            score.time_signatures.append(TimeSignature(int(lines[number]), *metre))
    return score


def _track(number: int) -> Track:
    """Three instruments that are also three of `PARTS`, and drums."""
    part = [PARTS[0], PARTS[2], PARTS[3], Part("Drums", 0)][number]
    return Track(part.name, part.program, number == 3)


def _tempos(at: Ints, marks: Ints, values: Values) -> list[Tempo]:
    """Marks after the first tick, by tick, none twice at one."""
    chosen = {
        int(tick): int(values.tempos[rank % len(values.tempos)])
        for tick, rank in zip(at, marks[:, 2], strict=True)
    }
    return [Tempo(tick, mspq=tempo) for tick, tempo in sorted(chosen.items()) if tick > 0]
