"""Tables for people, on stdout."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musegen.evaluation.measures import Measure

Values = Mapping[str, Mapping[str, float]]
"""Mean, low and high of each measure."""


INTERVALS = "means over pieces (95% intervals)"
LABELS = {
    "kl": "KL in nats",
    "kl_per_dimension": "KL per dimension in nats",
    "variance_per_dimension": "variance of the code per dimension",
    "units_on": "units of a code that are not 0",
    "sparsity": "sparsity of the code (Hoyer)",
    "mutual_information": "mutual information in nats",
    "metres": "time signatures",
    "the metre changes inside": "the time signature changes inside",
}
"""How names are shown that say too little, or have other words, in files."""


def print_table(
    titles: Iterable[str],
    rows: Iterable[Sequence[str]],
    notes: Iterable[str] = (),
    *,
    total: Sequence[str] = (),
    left: Container[str] = ("",),
    whole: Container[str] = ("",),
    width: int | None = None,
    **style: Any,
) -> None:
    """Print a table to stdout, and notes below it.

    Args:
        titles: of the columns; the column of names has an empty title.
        rows: one text per column.
        notes: one line each.
        total: a last row, below a rule.
        left: titles of left-aligned columns; the others are right-aligned.
        whole: titles of columns without line breaks.
        width: in characters, if stdout is not a terminal.
        **style: see `rich.table.Table`.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, pad_edge=False, **style)
    for title in titles:
        table.add_column(
            Text(title),
            style="" if title else "bold",
            justify="left" if title in left else "right",
            no_wrap=title in whole,
            overflow="ellipsis" if title in whole else "fold",
        )
    for row in rows:
        table.add_row(*map(Text, row))
    if total:
        table.add_section()
        table.add_row(*map(Text, total))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else width)
    console.print(table)
    for note in notes:
        console.print(note, markup=False)


def print_facts(facts: dict[str, Any]) -> None:
    """Print a dict of facts to stdout, one per row; nested facts share a cell."""
    shown = {_plain(name): _cell(value) for name, value in facts.items() if value not in ([], {}, "")}
    print_table(["", "value"], shown.items(), left=["", "value"], show_header=False)


def _plain(name: str) -> str:
    return LABELS.get(name, name.replace("_", " "))


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
            filled = {name: each for name, each in value.items() if each not in ("", None, {})}
            shown = [f"{LABELS.get(name, name)} {_cell(each)}" for name, each in filled.items()]
            return ("\n" if any(isinstance(each, dict) for each in value.values()) else ", ").join(shown)
        case [dict(), *_]:
            return "\n".join(map(_cell, value))
        case list() | tuple():
            return ", ".join(map(_cell, value))
        case _:
            return str(value)


def print_systems(systems: Mapping[str, Values], measures: Mapping[str, Measure]) -> None:
    """Print the measures of several systems side by side, and below the definitions of the measures.

    Args:
        systems: the measures of each system.
        measures: label and definition of each, in order.
    """
    shown = [name for name in measures if any(name in values for values in systems.values())]
    rows = []
    for name in shown:
        form = (".1f", 100) if measures[name].is_share else (".2f", 1)
        cells = [interval(values[name], *form) if name in values else "–" for values in systems.values()]
        rows.append([measures[name].label, *cells])
    notes = [f"{measures[name].label}: {measures[name].meaning}" for name in shown]
    print_table(["", *map(_plain, systems)], rows, notes, caption=INTERVALS)


def number(value: float | None, form: str, scale: int = 1) -> str:
    """A number in a format such as .3g; a dash if there is none."""
    return "–" if value is None else f"{scale * value:{form}}"


def interval(values: Mapping[str, float | None], form: str, scale: int = 1) -> str:
    """A mean with its interval, in a number format such as .3g."""
    mean, low, high = (number(values[name], form, scale) for name in ("mean", "low", "high"))
    return mean if low == high else f"{mean} ({low}–{high})"


def print_rows(rows: Mapping[str, Mapping[str, float]], title: str = "") -> None:
    """Print numbers, one row per name; a column that a row lacks is left empty."""
    titles = list(dict.fromkeys(column for row in rows.values() for column in row))
    cells = [[_plain(name), *(_number(row.get(each)) for each in titles)] for name, row in rows.items()]
    style: dict[str, Any] = {"title": title, "title_justify": "left"} if title else {}
    print_table(["", *map(_plain, titles)], cells, collapse_padding=True, **style)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
