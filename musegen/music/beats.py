"""The beats of a tidy Score as they are counted and felt; times in ticks."""

import numpy as np
from symusic import Score

from musegen.music.metre import Change, bar_length
from musegen.music.notes import Ints


def strong_beats(score: Score, bars: Ints) -> Ints:
    """The ticks of the strong beats in the bars that begin and end at the lines `bars` (bars + 1,).

    Strong are the first beat of a bar and, where it has four beats or more and an even number of
    them (4/4, 12/8), the one in its middle. Compound metres (6, 9, 12, ... of a unit) count dotted
    beats: 6/8 has two.
    """
    changes = [Change(t.time, t.numerator, t.denominator) for t in score.time_signatures] or [Change(0, 4, 4)]
    metres = np.searchsorted([change.time for change in changes], bars[:-1], side="right") - 1
    ticks = []
    for begin, metre in zip(bars[:-1].tolist(), metres.tolist(), strict=True):
        _, units, unit = changes[metre]
        beats = units // 3 if units > 3 and units % 3 == 0 else units
        ticks.append(begin)
        if beats >= 4 and beats % 2 == 0:
            ticks.append(begin + bar_length(score.tpq, units, unit) // 2)
    return np.array(ticks, np.int64)
