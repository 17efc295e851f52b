"""Four measures of a clip, each about something else: how many notes, how wide, how uneven, how high.

Times are in any unit, the same for all; notes of a clip go by their onset.
"""

from collections.abc import Sequence

import numpy as np
from symusic import Score

from musegen.music.fingerprint import GRID
from musegen.music.notes import Floats, Ints, pitched_notes


def attributes(clip: Ints, onset: Ints, pitch: Ints, *, count: int, bars: int) -> Floats:
    """Density, spread, complexity and pitch of many clips at once, (count, 4).

    Density is notes a bar; spread the highest pitch less the lowest, in semitones; complexity the share
    of the steps from one onset to the next that are not as long as the step before (`rhythm_changes`),
    which says how uneven a rhythm is whether its notes are few or many; pitch the mean MIDI pitch.

    Args:
        clip: (N,) to which clip each note belongs, from 0.
        onset: (N,).
        pitch: (N,) MIDI pitches.
        count: of clips; one without notes has density 0 and NaN for the rest.
        bars: of each clip.
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
    """Share of the steps between onsets that differ from the step before, (count,); 0 without two steps.

    Args:
        clip: (N,) to which clip each note belongs, from 0.
        onset: (N,); notes of one onset count once.
        count: of clips.
    """
    order = np.lexsort((onset, clip))
    clip, onset = clip[order], onset[order]
    is_new = np.append(True, (np.diff(clip) != 0) | (np.diff(onset) != 0))[: len(clip)]
    clip, onset = clip[is_new], onset[is_new]
    step, home = np.diff(onset), clip[1:]
    inside = clip[1:] == clip[:-1]
    step, home = step[inside], home[inside]
    pairs = home[1:] == home[:-1]
    changed = (step[1:] != step[:-1])[pairs]
    there = np.bincount(home[1:][pairs], minlength=count)
    return np.bincount(home[1:][pairs], changed, minlength=count) / np.maximum(there, 1)


def score_attributes(scores: Sequence[Score], bars: int) -> Floats:
    """The attributes of clips of so many bars, (clips, 4); drums left out."""
    rows = [pitched_notes(score) for score in scores]
    clip = np.repeat(np.arange(len(rows)), [len(onsets) for onsets, _, _ in rows])
    onset = [np.round(each[0] * GRID / score.tpq) for each, score in zip(rows, scores, strict=True)]
    pitch = [pitches for _, _, pitches in rows]
    times, pitches = (np.concatenate(each).astype(np.int64) for each in (onset, pitch))
    return attributes(clip, times, pitches, count=len(rows), bars=bars)
