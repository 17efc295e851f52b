"""Facts as a table for people."""

from typing import Any


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
