"""Is the accompaniment like the human one in rhythm and density?"""

import numpy as np
from numpy.typing import NDArray
from symusic import Score

from musegen.metrics.sounding import check_ticks
from musegen.music.notes import Ints, all_onsets

POSITIONS = 4
"""Of a groove, in a quarter: 16 in a bar of 4/4."""


def groove_similarity(ours: Score, human: Score, bars: Ints) -> float:
    """Likeness in rhythm (0 to 1), the mean over bars of 1 - the share of positions that differ.

    At each position of a bar (sixteenths; onsets go to the nearest) some note of any track begins or
    none does; a position differs where that is so in one Score only. Bars in which neither has an
    onset are left out; NaN where that leaves none. The grooving pattern similarity of Wu and Yang,
    "The Jazz Transformer on the front line" (2020), between two versions of a bar, not two bars.

    Args:
        ours: the accompaniment in question, without the melody.
        human: the accompaniment it is compared with, without the melody.
        bars: bar lines of the piece, (bars + 1,) ticks.

    Raises:
        ValueError: the Scores differ in ticks a quarter.
    """
    check_ticks(ours, human)
    lengths = -(-np.diff(bars) * POSITIONS // ours.tpq)  # positions in each bar, a broken one counted
    starts = np.cumsum(lengths) - lengths
    a, b = (grooves(score, bars, starts, int(lengths.sum())) for score in (ours, human))
    likeness = 1 - np.add.reduceat((a != b).astype(np.int64), starts) / lengths
    heard = np.add.reduceat((a | b).astype(np.int64), starts) > 0
    return float(likeness[heard].mean()) if heard.any() else float("nan")


def grooves(score: Score, bars: Ints, starts: Ints, count: int) -> NDArray[np.bool_]:
    """Whether a note begins at each position of the piece, (positions,); bar i begins at starts[i]."""
    near = all_onsets(score) * 2 * POSITIONS + score.tpq  # half a position later, in 1/8 ticks
    near = near[near < bars[-1] * 2 * POSITIONS]
    bar = np.searchsorted(bars * 2 * POSITIONS, near, side="right") - 1
    grooves = np.zeros(count, dtype=bool)
    grooves[starts[bar] + (near - bars[bar] * 2 * POSITIONS) // (2 * score.tpq)] = True
    return grooves


def log_density_ratio(ours: Score, human: Score) -> float:
    """How far the density is from the human one: |ln(notes a bar of ours / notes a bar of the human)|.

    0 is the same density, 0.69 twice or half as dense. Both stand in the same bars, so notes are
    counted, of all tracks; a silent Score counts as one note.
    """
    return abs(float(np.log(max(1, ours.note_num()) / max(1, human.note_num()))))
