"""Four attributes of a clip: number of notes, pitch range, rhythmic complexity and mean pitch.

Times are in any common unit; only the onsets of notes count.
"""

from collections.abc import Sequence

import numpy as np
from symusic import Score

from musegen.music.fingerprint import GRID
from musegen.music.notes import Floats, Ints, pitched_notes

ATTRIBUTES = ("density", "spread", "complexity", "pitch")
"""In the order of their columns, and of the first latent dimensions of a model with sliders."""


def attributes(clip: Ints, onset: Ints, pitch: Ints, *, count: int, bars: int) -> Floats:
    """Density, spread, complexity and pitch of many clips at once, (count, 4).

    Density is notes per bar; spread the difference of the highest and lowest pitch in semitones; complexity
    the share of inter-onset intervals that differ from the one before (`rhythm_changes`), which measures how
    uneven a rhythm is independently of the density; pitch the mean MIDI pitch.

    Args:
        clip: (N,) index of the clip of each note, from 0.
        onset: (N,).
        pitch: (N,) MIDI pitches.
        count: number of clips; one without notes has density 0 and otherwise NaN.
        bars: per clip.
    """
    notes = np.bincount(clip, minlength=count)
    high = np.full(count, np.iinfo(np.int64).min)
    low = np.full(count, np.iinfo(np.int64).max)
    np.maximum.at(high, clip, pitch)
    np.minimum.at(low, clip, pitch)
    silent = notes == 0
    with np.errstate(invalid="ignore"):
        mean = np.bincount(clip, pitch, minlength=count) / np.maximum(notes, 1)
    columns = [high.astype(np.float64) - low, rhythm_changes(clip, onset, count=count), mean]
    return np.column_stack([notes / bars, *np.where(silent, np.nan, columns)])


def rhythm_changes(clip: Ints, onset: Ints, *, count: int) -> Floats:
    """Share of inter-onset intervals that differ from the one before, (count,); 0 for fewer than two.

    Args:
        clip: (N,) index of the clip of each note, from 0.
        onset: (N,); simultaneous notes count once.
        count: number of clips.
    """
    order = np.lexsort((onset, clip))
    clip, onset = clip[order], onset[order]
    is_new = np.append(True, (np.diff(clip) != 0) | (np.diff(onset) != 0))[: len(clip)]
    clip, onset = clip[is_new], onset[is_new]
    interval, clip_of = np.diff(onset), clip[1:]
    inside = clip[1:] == clip[:-1]
    interval, clip_of = interval[inside], clip_of[inside]
    pairs = clip_of[1:] == clip_of[:-1]
    changed = (interval[1:] != interval[:-1])[pairs]
    totals = np.bincount(clip_of[1:][pairs], minlength=count)
    return np.bincount(clip_of[1:][pairs], changed, minlength=count) / np.maximum(totals, 1)


def score_attributes(scores: Sequence[Score], bars: int) -> Floats:
    """The attributes of clips of `bars` bars, (clips, 4), without drums."""
    rows = [pitched_notes(score) for score in scores]
    clip = np.repeat(np.arange(len(rows)), [len(onsets) for onsets, _, _ in rows])
    onset = [np.round(each[0] * GRID / score.tpq) for each, score in zip(rows, scores, strict=True)]
    pitch = [pitches for _, _, pitches in rows]
    times, pitches = (np.concatenate(each).astype(np.int64) for each in (onset, pitch))
    return attributes(clip, times, pitches, count=len(rows), bars=bars)
