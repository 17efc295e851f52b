"""Learning curves of several trainings in one picture, from their logs."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from musegen.display.piano_roll import write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOG = Path("logs", "csv", "metrics.csv")
"""In a checkpoint folder, written by the training; bundled models have none."""
Points = NDArray[np.float64]
"""(points, 2): steps, and a loss."""


class Curves(NamedTuple):
    """The curves of one training."""

    name: str
    train: Points
    """Empty if the training loss is not a likelihood of tokens alone, as that of a VAE."""
    valid: Points
    unit: str = "bits per note"


def read_curves(folder: Path, name: str) -> Curves | None:
    """The curves of the checkpoint in `folder`, or None if it has no log.

    The training loss is logged in nats per token. It is multiplied by the tokens per note of the validation
    pieces, and so in the unit of the validation, which can be compared between tokenizers. Classifiers have
    nats per piece, and in training those of a window of it.
    """
    try:
        rows = list(csv.DictReader((folder / LOG).read_text("utf-8").splitlines()))
    except OSError:
        return None
    valid, in_nats, train = (
        _column(rows, each) for each in ("val_bits_per_note", "val_nats_per_token", "train_nats_per_token")
    )
    if not len(valid):
        pieces = _column(rows, "val_nats_per_piece")
        windows = _column(rows, "train_nats_per_window")
        return Curves(name, windows, pieces, "nats per piece") if len(pieces) else None
    if len(in_nats):
        train[:, 1] *= valid[-1, 1] / in_nats[-1, 1]
    return Curves(name, train if len(in_nats) else train[:0], valid)


def _column(rows: Sequence[dict[str, str]], name: str) -> Points:
    points = [(int(row["step"]) + 1, float(row[name])) for row in rows if row.get(name)]
    return np.array(points, np.float64).reshape(-1, 2)


def write_curves(curves: Sequence[Curves], path: Path) -> None:
    """Write the picture as a PNG.

    Raises:
        OSError: see `write_atomic`.
    """
    write_figure(draw_curves(curves), path)


def draw_curves(curves: Sequence[Curves]) -> Figure:
    """One colour per training: validation as a line with points, training as a thin line."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    figure = Figure(figsize=(8, 4.8), dpi=100, layout="constrained")
    axes = figure.subplots()
    for number, each in enumerate(curves):
        colour, name = f"C{number % 10}", each.name.replace("$", r"\$")
        if len(each.train):
            axes.plot(*each.train.T, color=colour, linewidth=0.8, alpha=0.5, label=f"{name}, training")
        axes.plot(*each.valid.T, color=colour, marker=".", label=f"{name}, validation")
    axes.set_yscale("log")  # the first steps are far above the last, which are to be compared
    for axis in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        axis(ScalarFormatter())
    axes.set_xlabel("step")
    axes.set_ylabel(curves[0].unit)
    axes.grid(visible=True, which="both", alpha=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    return figure
