"""Messages for people, on stderr; results for programs, on stdout."""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from musegen.errors import spell

Item = TypeVar("Item")


def say(line: str) -> None:
    """Print one line for people to stderr."""
    sys.stderr.write(spell(line) + "\n")
    sys.stderr.flush()


def print_json(value: Any) -> None:
    """Print a result as JSON to stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Iterate over `items` with a progress bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, what, total=total, console=Console(stderr=True), transient=True)
