"""Random holes for training, and the fixed ones of held-out pieces."""

from typing import Literal

import numpy as np

from musegen.tokenizers.holes import Bools, Holes, count_bars
from musegen.tokenizers.tables import Ints, Tables, roster

LONGEST = 8
"""Bars of the longest gap in training."""
APART = 12
"""Bars between two gaps, at most: with more of them a window trains more."""
Mix = Literal["none", "bars", "tracks", "cells"]
"""What is missing: bars of all tracks; tracks in all bars; by turns either of them, or tracks in bars."""


def draw_holes(ids: Ints, tables: Tables, mix: Mix, rng: np.random.Generator) -> Holes:
    """Random holes in a stream.

    Args:
        ids: (T,) whole bars, see `cut_holes`.
        tables: of the stream.
        mix: what is missing.
        rng: of all choices.
    """
    bars, numbers = count_bars(ids, tables), roster(tables, ids)
    kind = ("bars", "tracks", "cells")[rng.integers(3)] if mix == "cells" else mix
    is_whole = len(numbers) < 2 or (tables.voices == 0 and not tables.has_programs)
    chosen = None if kind == "bars" or is_whole else _some(numbers, rng)
    if kind == "tracks" and chosen is not None:
        return Holes(np.ones(bars, np.bool_), chosen)
    return Holes(_gaps(bars, rng), chosen)


def _some(numbers: list[int], rng: np.random.Generator) -> frozenset[int]:
    """Some tracks, not all; each number of tracks is as frequent as any other."""
    count = int(rng.integers(1, len(numbers)))
    return frozenset(int(number) for number in rng.choice(numbers, count, replace=False))


def _gaps(bars: int, rng: np.random.Generator) -> Bools:
    """At least one gap in a number of bars, and something given unless there is only one bar."""
    found = np.zeros(bars, np.bool_)
    bar = int(rng.integers(0, min(APART, bars)))  # the first bar may be missing
    while bar < bars:
        found[bar : bar + int(rng.integers(1, LONGEST + 1))] = True
        bar = int(np.flatnonzero(found)[-1]) + 1 + int(rng.integers(1, APART + 1))
    if found.all() and bars > 1:
        found[rng.integers(bars)] = False
    return found
