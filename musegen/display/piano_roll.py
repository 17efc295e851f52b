"""Piano rolls: time in bars from left to right, pitch from low to high, a colour for each track.

matplotlib is used only through its objects: no global state, no window, no display.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from symusic import Score, Track

from musegen.files import write_atomic
from musegen.music.excerpt import bar_lines
from musegen.music.facts import DRUMS, instrument_name, pitch_name
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure

INCHES_PER_BAR = 0.75
WIDTH = (7.0, 60.0)
"""Minimum and maximum width in inches; at 100 dots per inch at most 6,000 pixels."""
INCHES_PER_SEMITONE = 0.13
ROLLS = 16
"""Piano rolls per row of a picture of several."""
NATURALS = (0, 2, 4, 5, 7, 9, 11)


def write_piano_roll(score: Score, path: Path, *, title: str = "") -> None:
    """Write the piano roll of `score` (tidy, in ticks, with at least one note) as a PNG.

    Raises:
        OSError: see `write_atomic`.
    """
    write_figure(piano_roll(score, title=title), path)


def write_roll_row(scores: Sequence[Score], titles: Sequence[str], path: Path, *, bars: int) -> None:
    """Write the piano rolls of clips of `bars` bars side by side as a PNG (see `roll_row`).

    Raises:
        OSError: see `write_atomic`.
    """
    write_figure(roll_row(scores, titles, bars=bars), path)


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG.

    Raises:
        OSError: see `write_atomic`.
    """
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a glyph that the font lacks is drawn as a box
        figure.savefig(picture, format="png")
    write_atomic(path, picture.getvalue())


def piano_roll(score: Score, *, title: str = "") -> Figure:
    """The piano roll of a tidy Score as a figure: pitched tracks above, drums below."""
    from matplotlib.figure import Figure

    pitched = [track for track in score.tracks if len(track.notes) and not track.is_drum]
    drums = [track for track in score.tracks if len(track.notes) and track.is_drum]
    heights = [height for height, tracks in ((_height(pitched), pitched), (_height(drums), drums)) if tracks]
    bars = bar_ticks(score)
    width = float(np.clip(INCHES_PER_BAR * (len(bars) - 1), *WIDTH))
    figure = Figure(figsize=(width, sum(heights) + 1.0), dpi=100, layout="constrained")
    rows = figure.subplots(
        len(heights), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
    )[:, 0]
    if pitched:
        _draw_pitched(rows[0], pitched)
    if drums:
        _draw_drums(rows[-1], drums)
    for axes in rows:
        _draw_bars(axes, bars)
    rows[-1].set_xlabel("bar")
    # a dollar sign in a title would begin a formula
    rows[0].set_title(title.replace("$", r"\$"), loc="left", fontsize=10)
    return figure


def roll_row(scores: Sequence[Score], titles: Sequence[str], *, bars: int) -> Figure:
    """Piano rolls of clips of `bars` bars side by side, at most `ROLLS` per row, without drums."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    tracks = [[t for t in score.tracks if len(t.notes) and not t.is_drum] for score in scores]
    height = max(1.2, _height([track for each in tracks for track in each]))
    columns = min(len(scores), ROLLS)
    rows = -(-len(scores) // columns)
    width = float(np.clip(INCHES_PER_BAR * bars, 1.2, WIDTH[1] / columns))
    figure = Figure(figsize=(columns * width + 0.6, rows * (height + 0.5)), dpi=100, layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes, score, title, own in zip(grid, scores, titles, tracks, strict=False):
        for track in own:
            axes.add_collection(_note_boxes(track, mpl.color_sequences["tab10"][0]))
        _draw_bars(axes, bar_lines(score, bars)[: bars + 1])
        axes.set_title(title.replace("$", r"\$"), fontsize=8)
    edges = [edge for axes, own in zip(grid, tracks, strict=False) if own for edge in axes.dataLim.intervaly]
    for axes in grid[: len(scores)]:
        _mark_pitches(axes, min(edges, default=60), max(edges, default=60))
    for axes in grid[len(scores) :]:
        axes.set_axis_off()
    return figure


def _height(tracks: list[Track]) -> float:
    """Height in inches for the range of pitches of `tracks`."""
    if not tracks:
        return 0.0
    pitches = np.concatenate([note_arrays(track)[2] for track in tracks])
    return max(1.2, INCHES_PER_SEMITONE * float(np.ptp(pitches) + 3))


def _draw_pitched(axes: Axes, tracks: list[Track]) -> None:
    import matplotlib as mpl

    colours = mpl.color_sequences["tab10" if len(tracks) <= 10 else "tab20"]
    for number, track in enumerate(tracks):
        axes.add_collection(_note_boxes(track, colours[number % len(colours)]))
    axes.autoscale_view()
    if len(tracks) > 1:
        _draw_legend(axes, tracks, colours)
    _mark_pitches(axes, axes.dataLim.y0, axes.dataLim.y1)


def _mark_pitches(axes: Axes, lowest: float, highest: float) -> None:
    axes.set_ylim(lowest - 1, highest + 1)
    named = NATURALS if highest - lowest < 40 else (0,)
    shown = [p for p in range(int(lowest), int(highest) + 2) if p % 12 in named]
    axes.set_yticks(shown, [pitch_name(p) for p in shown], fontsize=7)
    for pitch in shown:
        if pitch % 12 == 0:
            axes.axhline(pitch - 0.5, color="0.85", linewidth=0.8, zorder=0)


def _note_boxes(track: Track, colour: Any) -> PolyCollection:
    """One box per note, paler for softer notes; one collection, since a file may have 100,000 notes."""
    from matplotlib.collections import PolyCollection

    onsets, durations, pitches, velocities = note_arrays(track)
    left, right, low, high = onsets, onsets + durations, pitches - 0.43, pitches + 0.43
    corners: Any = np.stack([left, low, left, high, right, high, right, low], axis=1)  # (notes, 8)
    colours = np.tile([*colour, 1.0], (len(onsets), 1))  # (notes, 4)
    colours[:, 3] = 0.55 + 0.45 * velocities / 127
    return PolyCollection(
        corners.reshape(-1, 4, 2), facecolors=colours, edgecolors="white", linewidths=0.4, zorder=2
    )


def _draw_legend(axes: Axes, tracks: list[Track], colours: Any) -> None:
    from matplotlib.patches import Patch

    names = [track.name.strip() or instrument_name(track.program) for track in tracks]
    handles = [
        Patch(color=colours[number % len(colours)], label=name[:24].replace("$", r"\$"))
        for number, name in enumerate(names[:20])
    ]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7, frameon=False)


def _draw_drums(axes: Axes, tracks: list[Track]) -> None:
    onsets, _, pitches, _ = (
        np.concatenate(columns) for columns in zip(*map(note_arrays, tracks), strict=True)
    )
    axes.plot(onsets, pitches, "x", color="0.25", markersize=4, markeredgewidth=1.0, zorder=2)
    shown = sorted(set(pitches.tolist()))
    axes.set_ylim(shown[0] - 1, shown[-1] + 1)
    axes.set_yticks(shown, [DRUMS.get(pitch, str(pitch)) for pitch in shown], fontsize=6)


def _draw_bars(axes: Axes, bars: np.ndarray[Any, np.dtype[np.int64]]) -> None:
    """Bar lines, (bars + 1,) ticks, numbered from 1, with fewer numbers if they would not fit."""
    axes.set_xlim(int(bars[0]), int(bars[-1]))
    every = max(1, (len(bars) - 1) // 80)
    for line in bars[::every]:
        axes.axvline(int(line), color="0.75", linewidth=0.7, zorder=1)
    numbered = range(0, len(bars) - 1, every)
    axes.set_xticks([int(bars[i]) for i in numbered], [str(i + 1) for i in numbered], fontsize=7, ha="left")
    axes.tick_params(length=0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
