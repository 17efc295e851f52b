"""Harmony: does an accompaniment fit its melody, is it similar to another, how polyphonic is it?"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from symusic import Score, Track

from musegen.music.chord_symbols import NO_CHORD, ChordSymbol
from musegen.music.chord_track import Symbols
from musegen.music.metre import bar_ticks, strong_beats
from musegen.music.notes import Floats, Ints, check_ticks, last_end, note_arrays, pitched_notes


def chord_tone_rate(melody: Track, accompaniment: Score) -> float:
    """Share (0 to 1) of the melody notes on strong beats that are chord tones.

    Each melody note that sounds on a strong beat (see `strong_beats`) counts once per such beat; it is a
    chord tone if its pitch class is among those of the accompaniment at that time, in any octave. Over a
    silent accompaniment it is none. NaN if no note sounds on a strong beat. This is our own definition: no
    chords are identified, the harmony is what sounds.

    Args:
        melody: in ticks.
        accompaniment: its tracks without the melody; with the metre of the piece.
    """
    whole = accompaniment.copy()
    whole.tracks.append(melody.copy())
    beats = strong_beats(whole, bar_ticks(whole))
    onsets, durations, pitches, _ = note_arrays(melody)
    melody_sounds = _sounding(onsets, durations, beats)  # (beats, notes)
    onsets, durations, played = pitched_notes(accompaniment)
    sounds = _sounding(onsets, durations, beats)
    harmony = np.stack([sounds[:, played % 12 == each].any(axis=1) for each in range(12)], axis=1)
    chord_tones = harmony[:, pitches % 12][melody_sounds]
    return float(chord_tones.mean()) if len(chord_tones) else float("nan")


class ChordAgreement(NamedTuple):
    """Shares (0 to 1) of the beats on which two series of chords agree; NaN without chords."""

    roots: float
    """In the root."""
    triads: float
    """In the root and the triad (see `ChordSymbol.triad`): Am7 and Am/C agree, A7 and Am do not."""


def chord_agreement(ours: Symbols, human: Symbols, beats: Ints) -> ChordAgreement:
    """How well chords agree with the human's, on the beats on which the human has a chord.

    As the comparisons "root" and "triads" of MIREX (Pauwels and Peeters 2013), by beat, not by duration.

    Args:
        ours: by tick; each holds until the next.
        human: the reference.
        beats: ticks (see `all_beats`).
    """
    pairs = [
        (own, wanted)
        for own, wanted in zip(_chords_at(ours, beats), _chords_at(human, beats), strict=True)
        if wanted != NO_CHORD
    ]
    if not pairs:
        return ChordAgreement(float("nan"), float("nan"))
    return ChordAgreement(
        float(np.mean([own != NO_CHORD and own.root == wanted.root for own, wanted in pairs])),
        float(np.mean([own.triad == wanted.triad for own, wanted in pairs])),
    )


def _chords_at(symbols: Symbols, ticks: Ints) -> list[ChordSymbol]:
    rows = np.searchsorted([time for time, _ in symbols], ticks, side="right") - 1
    return [symbols[row][1] if row >= 0 else NO_CHORD for row in rows.tolist()]


def _sounding(onsets: Ints, durations: Ints, ticks: Ints) -> NDArray[np.bool_]:
    """Whether each note sounds at each tick, (ticks, notes)."""
    at: Any = ticks[:, None]
    return np.asarray((onsets <= at) & (at < onsets + durations))


def pitch_class_similarity(ours: Score, human: Score, bars: Ints) -> float:
    """Harmonic similarity (0 to 1), the mean over bars of the cosine similarity of pitch-class profiles.

    A profile is the duration of each of the 12 pitch classes in the bar, over all pitched tracks. A bar in
    which only one of the two sounds counts 0, one in which both are silent is ignored; NaN if there is no
    other. This is our own definition; it ignores the order of notes and their octaves.

    Args:
        ours: the evaluated accompaniment, without the melody.
        human: the reference accompaniment, without the melody.
        bars: bar lines of the piece, (bars + 1,) ticks.

    Raises:
        ValueError: the Scores differ in ticks per quarter note.
    """
    check_ticks(ours, human)
    a, b = (profiles(score, bars) for score in (ours, human))
    sizes = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = (a * b).sum(axis=1) / np.where(sizes > 0, sizes, 1.0)
    sounds = a.any(axis=1) | b.any(axis=1)
    return float(cosines[sounds].mean()) if sounds.any() else float("nan")


def profiles(score: Score, bars: Ints) -> Floats:
    """Duration of each pitch class in each bar, (bars, 12) in ticks."""
    onsets, durations, pitches = pitched_notes(score)
    result = np.zeros((len(bars) - 1, 12))
    for each in range(12):
        same = pitches % 12 == each
        before = np.clip(bars[:, None] - onsets[same], 0, durations[same]).sum(axis=1)  # each bar line
        result[:, each] = np.diff(before)
    return result


class Texture(NamedTuple):
    """Time segments and the number of different pitches in each, both (segments,)."""

    ticks: Ints
    pitches: Ints


def texture(score: Score) -> Texture:
    """The segments between onsets and ends of notes; a pitch in two tracks counts once."""
    onsets, durations, pitches = pitched_notes(score)
    apart = pitches * (last_end(score) + 1)  # shifts each pitch to a separate range of time
    begins = np.sort(onsets + apart)
    ends = np.maximum.accumulate((onsets + durations + apart)[np.argsort(onsets + apart, kind="stable")])
    is_first = np.append(True, begins[1:] > ends[:-1])[: len(begins)]
    is_last = np.append(is_first[1:], True)[: len(begins)]
    room = last_end(score) + 1
    times = np.concatenate([begins[is_first] % room, ends[is_last] % room])
    steps = np.repeat([1, -1], [is_first.sum(), is_last.sum()])
    order = np.argsort(times, kind="stable")
    return Texture(np.diff(times[order]), np.cumsum(steps[order])[:-1])


def polyphony(score: Score) -> float:
    """Mean number of simultaneous pitches, silence excluded; NaN without notes. MusPy's `polyphony`."""
    ticks, pitches = texture(score)
    return float((ticks * pitches).sum() / ticks[pitches > 0].sum()) if len(ticks) else float("nan")


def polyphony_rate(score: Score) -> float:
    """Share of the time (0 to 1), from tick 0 to the last end, in which two or more pitches sound.

    Dong et al., "MuseGAN" (2018). MusPy's `polyphony_rate` with `threshold=1`: its default of 2 counts
    only where three or more sound, against its own definition ("multiple pitches are on").
    """
    ticks, pitches = texture(score)
    return float(ticks[pitches > 1].sum() / last_end(score)) if len(ticks) else float("nan")
