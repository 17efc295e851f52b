"""A confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from musegen.display.piano_roll import write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DARK = 0.5
"""Share of a row above which its number is white."""


def write_confusion(confusion: Mapping[str, Mapping[str, int]], path: Path) -> None:
    """Write the picture as a PNG.

    Args:
        confusion: how often each label (outer) was predicted as each label (inner).
        path: of the file.

    Raises:
        OSError: see `write_atomic`.
    """
    write_figure(draw_confusion(confusion), path)


def draw_confusion(confusion: Mapping[str, Mapping[str, int]]) -> Figure:
    """A cell per pair of labels, the darker the larger its share of its row, with its number."""
    from matplotlib.figure import Figure

    names = [name.replace("$", r"\$") for name in confusion]
    counts = np.array([list(row.values()) for row in confusion.values()])
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    side = 2.4 + 0.45 * len(names)
    figure = Figure(figsize=(side, side), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("label")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > DARK else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour)
    return figure
