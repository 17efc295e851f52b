"""Training windows of a view: its streams, cut on bar lines."""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from musegen.data.views import TokenView
from musegen.music.metre import PHRASE_BARS
from musegen.tokenizers import Kind
from musegen.tokenizers.tables import Ints


@dataclass(frozen=True)
class Window:
    """A training window of a view: ids[start:stop], of which the first is only input."""

    start: int
    stop: int
    source_start: int = 0
    """The same bars of the melody; 0 to 0 without melodies."""
    source_stop: int = 0

    @property
    def length(self) -> int:
        """Number of predicted ids."""
        return self.stop - self.start - 1


def cut_windows(view: TokenView, kind: npt.NDArray[np.int64], *, split: str, longest: int) -> list[Window]:
    """Cut each stream of a split into windows on bar lines.

    Every id after a stream's first is predicted in exactly one window. A window has at most
    `longest` ids, or one bar if that is longer; if possible, its length is a multiple of 16 bars, so
    that the bar count within phrases is the same in each.

    Args:
        view: the streams.
        kind: `Kind` of each id, (V,).
        split: "train", "valid" or "test".
        longest: maximum number of ids.
    """
    windows = []
    for index in view.indices(split):
        lines = bar_lines(view.ids, view.offsets, index, kind)
        cuts = [*_cut_bars(lines, longest), len(lines) - 1]
        for first, last in itertools.pairwise(cuts):
            # The bar token that starts the next window is the last target of this one.
            stop = int(lines[last]) + (last < len(lines) - 1)
            windows.append(Window(int(lines[first]), stop, *_source_bars(view, index, first, last)))
    return windows


def cut_excerpts(view: TokenView, kind: npt.NDArray[np.int64], bars: int) -> list[Window]:
    """Excerpts of `bars` bars (or whole shorter pieces) of the training pieces, overlapping by half.

    They start with a bar line or BOS; the last one of a piece ends with it.

    Args:
        view: the streams.
        kind: `Kind` of each id, (V,).
        bars: per excerpt.
    """
    excerpts = []
    for index in view.indices("train"):
        lines = bar_lines(view.ids, view.offsets, index, kind)
        latest = max(0, len(lines) - 1 - bars)
        for first in sorted({*range(0, latest, max(1, bars // 2)), latest}):
            last = min(first + bars, len(lines) - 1)
            span = int(lines[first]), int(lines[last])
            excerpts.append(Window(*span, *_source_bars(view, index, first, last)))
    return excerpts


def random_window(
    view: TokenView, kind: npt.NDArray[np.int64], index: int, longest: int, rng: np.random.Generator
) -> Window:
    """A window of a piece that begins with a random bar, with at most `longest` ids, or one bar.

    Args:
        view: the streams.
        kind: `Kind` of each id, (V,).
        index: of the piece.
        longest: maximum number of ids; a piece that has no more is one window.
        rng: of the choice.
    """
    lines = bar_lines(view.ids, view.offsets, index, kind)
    # The last bar with which a window can begin and still be full.
    latest = int(np.searchsorted(lines, max(lines[-1] - longest, lines[0])))
    first = int(rng.integers(0, min(latest, len(lines) - 2) + 1))
    last = max(first + 1, int(np.searchsorted(lines, lines[first] + longest, side="right")) - 1)
    return Window(int(lines[first]), int(lines[last]))


def bar_lines(ids: npt.NDArray[np.uint16], offsets: Ints, index: int, kind: Ints) -> Ints:
    """Indices of the bar starts of a stream, the first at its BOS, and of its end, (bars + 1,)."""
    begin, end = offsets[index : index + 2]
    bars = begin + np.flatnonzero(kind[ids[begin:end]] == Kind.BAR)
    return np.concatenate([[begin], bars[1:], [end]])


def _cut_bars(lines: Ints, longest: int) -> list[int]:
    """The first bar of each window, from 0."""
    cuts, bar = [0], 0
    while lines[-1] - lines[bar] > longest:
        fitting = int(np.searchsorted(lines[:-1], lines[bar] + longest, side="right")) - 1
        stop = max(fitting, bar + 1)
        if stop - bar >= PHRASE_BARS:
            stop = bar + (stop - bar) // PHRASE_BARS * PHRASE_BARS
        if stop >= len(lines) - 1:
            break
        bar = stop
        cuts.append(bar)
    return cuts


def _source_bars(view: TokenView, index: int, first: int, last: int) -> tuple[int, int]:
    """Start and end of bars `first` to `last` of the melody of a piece."""
    if view.sources is None:
        return 0, 0
    lines = bar_lines(view.sources.ids, view.sources.offsets, index, view.sources.tables.kind)
    return int(lines[first]), int(lines[last])
