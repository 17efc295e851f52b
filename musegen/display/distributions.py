"""The distributions of features of two sets of music, side by side in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from musegen.display.piano_roll import write_figure
from musegen.evaluation.comparison import MusicSet
from musegen.metrics.features import FEATURES, Feature

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("tab:blue", "tab:orange")
COLUMNS = 4
BINS = 24


def write_distributions(real: MusicSet, generated: MusicSet, path: Path) -> None:
    """Write the picture as a PNG.

    Raises:
        OSError: see `write_atomic`.
    """
    write_figure(distributions(real, generated), path)


def distributions(real: MusicSet, generated: MusicSet) -> Figure:
    """One panel per feature of the real music: the distribution of a number, or the mean of a histogram."""
    from matplotlib.figure import Figure

    small = [name for name in real.measured if real.values[name].shape[1] == 1 or FEATURES[name].bins]
    shown = {name: FEATURES[name] for name in small}
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(4 * COLUMNS, 2.4 * rows), dpi=100, layout="constrained")
    panels = figure.subplots(rows, COLUMNS).ravel()
    for axes, (name, feature) in zip(panels, shown.items(), strict=False):
        values = [
            music.values[name][~np.isnan(music.values[name]).any(axis=1)] for music in (real, generated)
        ]
        _draw(axes, feature, values)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    handles, labels = panels[0].get_legend_handles_labels()
    names = [f"{music.name} ({music.pieces})".replace("$", r"\$") for music in (real, generated)]
    figure.legend(handles, names[: len(labels)], loc="outside upper left", ncols=2, frameon=False)
    return figure


def _draw(axes: Axes, feature: Feature, values: list[NDArray[np.float64]]) -> None:
    """Bars of the first set next to those of the second; `values` are (pieces, size) of each."""
    axes.set_title(feature.label, loc="left", fontsize=9)
    axes.tick_params(labelsize=7)
    axes.set_yticks([])
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    if feature.bins:
        heights = [each.mean(axis=0) if len(each) else np.zeros(len(feature.bins)) for each in values]
        edges = np.arange(len(feature.bins) + 1) - 0.5
        shown = range(0, len(feature.bins), 2 if len(feature.bins) > 12 else 1)
        axes.set_xticks(list(shown), [feature.bins[i] for i in shown], fontsize=6, rotation=60)
    else:
        known = np.concatenate(values)
        edges = np.histogram_bin_edges(known if len(known) else np.zeros(1), BINS)
        heights = [np.histogram(each, edges)[0] / max(1, len(each)) for each in values]
    half = np.diff(edges) / 2
    for number, (height, colour) in enumerate(zip(heights, COLOURS, strict=True)):
        axes.bar(
            edges[:-1] + number * half, height, half * 0.9, align="edge", color=colour, label=str(number)
        )
