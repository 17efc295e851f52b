"""Facts as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musegen.evaluation.measures import Measure

Found = Mapping[str, Mapping[str, float]]
"""Of each measure its mean, low and high."""


def print_facts(facts: dict[str, Any]) -> None:
    """Print a dict of facts to stdout, a row a fact; nested ones in a cell."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value not in ([], {}, ""):
            table.add_row(name.replace("_", " "), Text(_cell(value)))
    Console().print(table)


def _cell(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case int():
            return f"{value:,}"
        case dict():
            shown = [f"{name} {_cell(each)}" for name, each in value.items() if each not in ("", None, {})]
            return ("\n" if any(isinstance(each, dict) for each in value.values()) else ", ").join(shown)
        case [dict(), *_]:
            return "\n".join(map(_cell, value))
        case list() | tuple():
            return ", ".join(map(_cell, value))
        case _:
            return str(value)


def print_systems(systems: Mapping[str, Found], measures: Mapping[str, Measure]) -> None:
    """Print what was measured of each system side by side, and below what the measures mean.

    Args:
        systems: what was found of each.
        measures: how each is shown, in order.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    shown = [name for name in measures if any(name in found for found in systems.values())]
    table = Table(box=box.SIMPLE, pad_edge=False, caption="means over pieces (95% intervals)")
    table.add_column(style="bold", no_wrap=True)
    for system in systems:
        table.add_column(system.replace("_", " "), justify="right")
    for name in shown:
        scale = 100 if measures[name].is_share else 1
        cells = [_interval(found[name], scale) if name in found else "–" for found in systems.values()]
        table.add_row(measures[name].label, *cells)
    console = Console(highlight=False)
    console.print(table)
    for name in shown:
        console.print(f"{measures[name].label}: {measures[name].meaning}", markup=False)


def _interval(found: Mapping[str, float], scale: int) -> str:
    digits = 1 if scale == 100 else 2
    mean, low, high = (f"{scale * found[name]:.{digits}f}" for name in ("mean", "low", "high"))
    return mean if low == high else f"{mean} ({low}–{high})"


def print_rows(rows: Mapping[str, Mapping[str, float]], title: str = "") -> None:
    """Print figures, a row for each name; a column that a row lacks is left empty."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    table = Table(
        box=box.SIMPLE, pad_edge=False, collapse_padding=True, title=title or None, title_justify="left"
    )
    table.add_column(style="bold", no_wrap=True)
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for name, row in rows.items():
        table.add_row(name.replace("_", " "), *(_figure(row.get(column)) for column in columns))
    Console(highlight=False).print(table)


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
