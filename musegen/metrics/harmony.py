"""Harmony: does an accompaniment fit its melody, is it like another, how many pitches sound at a time?"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from symusic import Score, Track

from musegen.music.metre import bar_ticks, strong_beats
from musegen.music.notes import Floats, Ints, check_ticks, last_end, note_arrays, pitched_notes


def chord_tone_rate(melody: Track, accompaniment: Score) -> float:
    """Share (0 to 1) of the melody's notes that are tones of the harmony under them, on strong beats.

    Counted is each melody note that sounds on a strong beat (see `strong_beats`), once for each such
    beat; it is a chord tone where its pitch class is among those that the accompaniment sounds there,
    whatever the octave. Over a silent accompaniment it is none. NaN where no note sounds on a strong
    beat. The definition is ours: no chords are named, the harmony is what sounds.

    Args:
        melody: in ticks.
        accompaniment: its tracks without the melody; with the piece's metre.
    """
    whole = accompaniment.copy()
    whole.tracks.append(melody.copy())
    beats = strong_beats(whole, bar_ticks(whole))
    onsets, durations, pitches, _ = note_arrays(melody)
    sings = _sounding(onsets, durations, beats)  # (beats, notes)
    onsets, durations, below = pitched_notes(accompaniment)
    plays = _sounding(onsets, durations, beats)
    harmony = np.stack([plays[:, below % 12 == each].any(axis=1) for each in range(12)], axis=1)
    chosen = harmony[:, pitches % 12][sings]
    return float(chosen.mean()) if len(chosen) else float("nan")


def _sounding(onsets: Ints, durations: Ints, ticks: Ints) -> NDArray[np.bool_]:
    """Which notes sound at each tick, (ticks, notes)."""
    at: Any = ticks[:, None]
    return np.asarray((onsets <= at) & (at < onsets + durations))


def pitch_class_similarity(ours: Score, human: Score, bars: Ints) -> float:
    """Likeness in harmony (0 to 1), the mean over bars of the cosine of their pitch-class profiles.

    A profile is how long each of the 12 pitch classes sounds in the bar, all pitched tracks together.
    A bar in which only one of the two sounds counts 0, one in which both are silent is left out; NaN
    where that leaves none. The definition is ours; it knows no order of notes and no octaves.

    Args:
        ours: the accompaniment in question, without the melody.
        human: the accompaniment it is compared with, without the melody.
        bars: bar lines of the piece, (bars + 1,) ticks.

    Raises:
        ValueError: the Scores differ in ticks a quarter.
    """
    check_ticks(ours, human)
    a, b = (profiles(score, bars) for score in (ours, human))
    sizes = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = (a * b).sum(axis=1) / np.where(sizes > 0, sizes, 1.0)
    heard = a.any(axis=1) | b.any(axis=1)
    return float(cosines[heard].mean()) if heard.any() else float("nan")


def profiles(score: Score, bars: Ints) -> Floats:
    """How long each pitch class sounds in each bar, (bars, 12) in ticks."""
    onsets, durations, pitches = pitched_notes(score)
    result = np.zeros((len(bars) - 1, 12))
    for each in range(12):
        mine = pitches % 12 == each
        before = np.clip(bars[:, None] - onsets[mine], 0, durations[mine]).sum(axis=1)  # each bar line
        result[:, each] = np.diff(before)
    return result


class Texture(NamedTuple):
    """Stretches of time and how many different pitches sound in each, both (stretches,)."""

    ticks: Ints
    pitches: Ints


def texture(score: Score) -> Texture:
    """The stretches between the begins and ends of notes; a pitch that two tracks play counts once."""
    onsets, durations, pitches = pitched_notes(score)
    apart = pitches * (last_end(score) + 1)  # each pitch gets a stretch of time of its own
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
    """Mean number of pitches that sound, while any does; NaN without notes. MusPy's `polyphony`."""
    ticks, pitches = texture(score)
    return float((ticks * pitches).sum() / ticks[pitches > 0].sum()) if len(ticks) else float("nan")


def polyphony_rate(score: Score) -> float:
    """Share of the time (0 to 1), from tick 0 to the last end, in which two or more pitches sound.

    Dong et al., "MuseGAN" (2018). MusPy's `polyphony_rate` with `threshold=1`: its default of 2 counts
    only where three or more sound, against its own definition ("multiple pitches are on").
    """
    ticks, pitches = texture(score)
    return float(ticks[pitches > 1].sum() / last_end(score)) if len(ticks) else float("nan")
