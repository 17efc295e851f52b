"""What is said on stderr while a dataset is made: a progress bar, warnings."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """`items`, with a bar on stderr while they come; nothing is drawn where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, what, total=total, console=Console(stderr=True), transient=True)


def say(line: str) -> None:
    """One line to stderr."""
    sys.stderr.write(line + "\n")
