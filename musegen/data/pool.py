"""A pool of limited processes, in order; if a process dies, only the item it worked on is lost."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from typing import Any, NamedTuple

from musegen.music.reading.sandbox import PATIENCE, SECONDS, Died, Worker

__all__ = ["Died", "parallel"]
CHUNK = 32
"""Items sent to a worker at once; results come back one by one."""


class _WorkerState:
    """A worker, the indices of its items (the current one first) and the start time of that one."""

    def __init__(self, seconds: float) -> None:
        self.worker = Worker(seconds)
        self.pending: list[int] = []
        self.started = 0.0


class _Work(NamedTuple):
    """All items and the results so far."""

    function: Callable[[Any], Any]
    items: Sequence[Any]
    chunks: list[list[int]]
    """Indices not yet sent to a worker, the next ones last."""
    results: dict[int, Any]


def parallel(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    workers: int | None = None,
    seconds: float = SECONDS,
) -> Iterator[Any]:
    """`function(item)` for each item, in the order of `items`; a `Died` if that killed its worker.

    With one worker or few items, everything runs in this process without limits.

    Args:
        function: a function at module level; it handles its own exceptions.
        items: what to work on; they and the results travel through a pipe.
        workers: number of processes; None: all cores.
        seconds: of CPU time per item, where the system limits it.
    """
    workers = min(workers or os.cpu_count() or 1, len(items) // 4)
    if workers <= 1:
        yield from map(function, items)
        return
    size = max(1, min(CHUNK, len(items) // (4 * workers)))
    chunks = [list(range(i, min(i + size, len(items)))) for i in range(0, len(items), size)][::-1]
    work = _Work(function, items, chunks, {})
    states = [_WorkerState(seconds) for _ in range(workers)]
    try:
        for state in states:
            _send(work, state)
        for following in range(len(items)):
            while following not in work.results:
                _collect(work, states)
            yield work.results.pop(following)
    finally:
        for state in states:
            state.worker.stop()


def _send(work: _Work, state: _WorkerState) -> None:
    if work.chunks:
        state.pending = work.chunks.pop()
        state.worker.give(work.function, [work.items[i] for i in state.pending])
        state.started = time.monotonic()


def _collect(work: _Work, states: list[_WorkerState]) -> None:
    """Collect results, replace workers that died or take too long, and send out more items."""
    busy = [state for state in states if state.pending]
    remaining = min(state.started + PATIENCE * state.worker.seconds for state in busy) - time.monotonic()
    ready = wait([state.worker.pipe for state in busy], timeout=max(0.0, remaining))
    for state in busy:
        if state.worker.pipe in ready:
            _store(work, state, state.worker.take())
        elif time.monotonic() - state.started > PATIENCE * state.worker.seconds:
            _store(work, state, state.worker.end(late=True))


def _store(work: _Work, state: _WorkerState, result: Any) -> None:
    """Store the result of the current item of a worker, and send it more items if it has none."""
    work.results[state.pending.pop(0)] = result
    state.started = time.monotonic()
    if isinstance(result, Died):
        if state.pending:
            work.chunks.append(state.pending)
            state.pending = []
        state.worker = Worker(state.worker.seconds)
    if not state.pending:
        _send(work, state)
