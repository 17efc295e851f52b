"""A search for settings in one picture: its progress, and the value of each trial by each setting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from musegen.display.piano_roll import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
LOG_FROM = 20
"""Numbers whose highest is so many times the lowest have a logarithmic axis."""


class Trial(Protocol):
    """One run of a search: see `training.tuning.Trial`."""

    @property
    def number(self) -> int:
        """From 0."""
        ...

    @property
    def state(self) -> str:
        """Such as "complete"."""
        ...

    @property
    def value(self) -> float | None:
        """What is compared; lower is better."""
        ...

    @property
    def settings(self) -> dict[str, object]:
        """By name."""
        ...


def write_tuning(trials: Sequence[Trial], path: Path) -> None:
    """Write the picture as a PNG.

    Raises:
        OSError: see `write_atomic`.
    """
    write_figure(draw_tuning(trials), path)


def draw_tuning(trials: Sequence[Trial]) -> Figure:
    """Values by trial with the best so far, and by each setting; trials that were ended early are grey."""
    from matplotlib.figure import Figure

    measured = [trial for trial in trials if trial.value is not None]
    names = list(measured[0].settings) if measured else []
    rows = -(-(1 + len(names)) // COLUMNS)
    figure = Figure(figsize=(4 * COLUMNS, 3 * rows), dpi=100, layout="constrained")
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    complete = [trial for trial in measured if trial.state == "complete"]
    best = np.minimum.accumulate([trial.value or 0.0 for trial in complete])
    axes[0].step([trial.number for trial in complete], best, where="post", color="C1", label="best so far")
    _points(axes[0], measured, [trial.number for trial in measured])
    axes[0].set_xlabel("trial")
    axes[0].legend(frameon=False, fontsize=8)
    for panel, name in zip(axes[1:], names, strict=False):
        _setting(panel, measured, name)
    for panel in axes[1 + len(names) :]:
        panel.set_visible(False)
    top = np.percentile([trial.value or 0.0 for trial in complete], 90) if len(complete) > 1 else None
    for panel in axes:
        if top is not None:  # the few worst trials would hide the differences of the others
            panel.set_ylim(top=float(top + 0.2 * (top - best[-1])))
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    figure.supylabel("validation (lower is better)", fontsize=9)
    return figure


def _setting(panel: Axes, trials: Sequence[Trial], name: str) -> None:
    """The value of each trial by one setting."""
    values = [trial.settings[name] for trial in trials]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        numbers = np.array(values, np.float64)
        _points(panel, trials, numbers.tolist())
        if numbers.min() > 0 and numbers.max() > LOG_FROM * numbers.min():
            panel.set_xscale("log")
    else:
        words = sorted({str(value) for value in values})
        _points(panel, trials, [words.index(str(value)) for value in values])
        panel.set_xticks(range(len(words)), words)
    panel.set_xlabel(name)


def _points(panel: Axes, trials: Sequence[Trial], places: Sequence[float]) -> None:
    for is_complete, colour in ((False, "0.7"), (True, "C0")):
        chosen = [
            (place, trial.value)
            for place, trial in zip(places, trials, strict=True)
            if (trial.state == "complete") is is_complete
        ]
        if chosen:
            across, up = zip(*chosen, strict=True)
            panel.scatter(across, up, color=colour, s=16)
