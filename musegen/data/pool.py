"""Work shared among processes, in order, where a worker that dies costs only the item it held."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any, NamedTuple

CHUNK = 32
"""Items handed to a worker at once; each is answered singly."""


class Died(NamedTuple):
    """The result of an item whose worker died or took too long."""

    reason: str


class _Worker:
    """A process, its pipe, and the indices of the items it holds, the next one first."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        context = multiprocessing.get_context("spawn")  # forking a process with threads (torch) may hang
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(function, theirs), daemon=True)
        with _no_main():
            self.process.start()
        theirs.close()
        self.started = False
        self.held: list[int] = []

    def give(self, indices: list[int], items: list[Any]) -> None:
        """Hand over items, once the process is there.

        Raises:
            RuntimeError: it could not start; that is no item's fault.
        """
        if not self.started:
            try:
                self.pipe.recv()
            except EOFError as error:
                raise RuntimeError("a worker process could not start; try --workers 1") from error
            self.started = True
        self.held = indices
        self.pipe.send(items)

    def stop(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join()


@contextmanager
def _no_main() -> Iterator[None]:
    """Meanwhile a new process finds no main module to run again (perhaps an unguarded script)."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _serve(function: Callable[[Any], Any], pipe: Connection) -> None:
    try:
        pipe.send("ready")
        while True:
            for item in pipe.recv():
                pipe.send(function(item))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass


def parallel(
    function: Callable[[Any], Any], items: Sequence[Any], *, workers: int | None = None, limit_s: float = 120
) -> Iterator[Any]:
    """`function(item)` for each item, in the order of `items`; a `Died` where that killed its worker.

    With one worker, or few items, everything happens in this process and nothing is guarded.

    Args:
        function: a function at the top of a module; it handles its own exceptions.
        items: what to work on; they and the results travel through a pipe.
        workers: processes, all cores where None.
        limit_s: seconds without an answer after which a worker is ended.
    """
    workers = min(workers or os.cpu_count() or 1, len(items) // 4)
    if workers <= 1:
        yield from map(function, items)
        return
    size = max(1, min(CHUNK, len(items) // (4 * workers)))
    chunks = [list(range(i, min(i + size, len(items)))) for i in range(0, len(items), size)][::-1]
    pool = [_Worker(function) for _ in range(workers)]
    results: dict[int, Any] = {}
    try:
        for worker in pool:
            _give(worker, chunks, items)
        following = 0
        while following < len(items):
            _collect(pool, function, chunks, items, results, limit_s)
            while following in results:
                yield results.pop(following)
                following += 1
    finally:
        for worker in pool:
            worker.stop()


def _give(worker: _Worker, chunks: list[list[int]], items: Sequence[Any]) -> None:
    if chunks:
        indices = chunks.pop()
        worker.give(indices, [items[i] for i in indices])


def _collect(
    pool: list[_Worker],
    function: Callable[[Any], Any],
    chunks: list[list[int]],
    items: Sequence[Any],
    results: dict[int, Any],
    limit_s: float,
) -> None:
    """Take what the workers have to say, replace those that died, hand out more."""
    busy = [w for w in pool if w.held]
    ready = wait([w.pipe for w in busy], timeout=limit_s)
    late = not ready
    for worker in busy if late else [w for w in busy if w.pipe in ready]:
        answered = not late and _take(worker, results)
        if answered:
            heir = worker
        else:
            lost, *rest = worker.held
            results[lost] = Died("reading it took too long" if late else "reading it ended the process")
            if rest:
                chunks.append(rest)
            worker.stop()
            heir = pool[pool.index(worker)] = _Worker(function)
        if not heir.held:
            _give(heir, chunks, items)


def _take(worker: _Worker, results: dict[int, Any]) -> bool:
    """Take one result; False where the worker has died."""
    try:
        results[worker.held[0]] = worker.pipe.recv()
    except (EOFError, OSError):
        return False
    worker.held.pop(0)
    return True
