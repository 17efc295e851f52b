"""How many pitches sound at a time, drums left out."""

from typing import NamedTuple

import numpy as np
from symusic import Score

from musegen.metrics.sounding import pitched_notes
from musegen.music.notes import Ints, last_end


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
