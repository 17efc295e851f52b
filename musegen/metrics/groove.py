"""Does a piece keep its rhythm from bar to bar?"""

import numpy as np
from symusic import Score

from musegen.metrics.rhythm import POSITIONS, grooves
from musegen.music.metre import bar_ticks


def groove_consistency(score: Score) -> float:
    """Likeness in rhythm (0 to 1) of neighbouring bars, the mean of 1 - the share of positions that differ.

    At each position of a bar (sixteenths; onsets go to the nearest) some note of any track begins, drums
    too, or none does. Bars of different lengths are not compared; NaN where that leaves none. Wu and
    Yang, "The Jazz Transformer" (2020). MusPy's `groove_consistency` of one metre on 4 ticks a quarter:
    it takes every tick for a position, so that on 480 ticks a quarter any music comes near 1.
    """
    bars = bar_ticks(score)
    lengths = -(-np.diff(bars) * POSITIONS // score.tpq)
    starts = np.cumsum(lengths) - lengths
    heard = grooves(score, bars, starts, int(lengths.sum()))
    pairs = [
        float((heard[start : start + length] == heard[start + length : start + 2 * length]).mean())
        for start, length, after in zip(starts, lengths, lengths[1:], strict=False)
        if length == after
    ]
    return float(np.mean(pairs)) if pairs else float("nan")
