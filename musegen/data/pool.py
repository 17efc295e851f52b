"""Work shared among limited processes, in order, where a process that dies costs only the item it held."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from typing import Any, NamedTuple

from musegen.music.reading.sandbox import SECONDS, Died, Worker

__all__ = ["Died", "parallel"]
CHUNK = 32
"""Items handed to a worker at once; each is answered singly."""
PATIENCE = 6
"""How many times longer an item may take by the clock than by the processor."""


class _Desk:
    """A worker, the indices of the items it holds, the next one first, and since when it works on that."""

    def __init__(self, seconds: float) -> None:
        self.worker = Worker(seconds)
        self.held: list[int] = []
        self.since = 0.0


class _Work(NamedTuple):
    """All there is to do, and what has come of it."""

    function: Callable[[Any], Any]
    items: Sequence[Any]
    chunks: list[list[int]]
    """Indices not handed out yet, the next ones last."""
    results: dict[int, Any]


def parallel(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    workers: int | None = None,
    seconds: float = SECONDS,
) -> Iterator[Any]:
    """`function(item)` for each item, in the order of `items`; a `Died` where that killed its worker.

    With one worker, or few items, everything happens in this process and nothing is guarded.

    Args:
        function: a function at the top of a module; it handles its own exceptions.
        items: what to work on; they and the results travel through a pipe.
        workers: processes, all cores where None.
        seconds: of the processor that an item may take, where that is counted.
    """
    workers = min(workers or os.cpu_count() or 1, len(items) // 4)
    if workers <= 1:
        yield from map(function, items)
        return
    size = max(1, min(CHUNK, len(items) // (4 * workers)))
    chunks = [list(range(i, min(i + size, len(items)))) for i in range(0, len(items), size)][::-1]
    work = _Work(function, items, chunks, {})
    desks = [_Desk(seconds) for _ in range(workers)]
    try:
        for desk in desks:
            _hand_out(work, desk)
        for following in range(len(items)):
            while following not in work.results:
                _collect(work, desks)
            yield work.results.pop(following)
    finally:
        for desk in desks:
            desk.worker.stop()


def _hand_out(work: _Work, desk: _Desk) -> None:
    if work.chunks:
        desk.held = work.chunks.pop()
        desk.worker.give(work.function, [work.items[i] for i in desk.held])
        desk.since = time.monotonic()


def _collect(work: _Work, desks: list[_Desk]) -> None:
    """Take what the workers have to say, replace those that died or take too long, hand out more."""
    busy = [desk for desk in desks if desk.held]
    left = min(desk.since + PATIENCE * desk.worker.seconds for desk in busy) - time.monotonic()
    ready = wait([desk.worker.pipe for desk in busy], timeout=max(0.0, left))
    for desk in busy:
        if desk.worker.pipe in ready:
            _settle(work, desk, desk.worker.take())
        elif time.monotonic() - desk.since > PATIENCE * desk.worker.seconds:
            _settle(work, desk, desk.worker.end(late=True))


def _settle(work: _Work, desk: _Desk, answer: Any) -> None:
    """Note the answer to the item that is next at the desk; see to it that there is more to do."""
    work.results[desk.held.pop(0)] = answer
    desk.since = time.monotonic()
    if isinstance(answer, Died):
        if desk.held:
            work.chunks.append(desk.held)
            desk.held = []
        desk.worker = Worker(desk.worker.seconds)
    if not desk.held:
        _hand_out(work, desk)
