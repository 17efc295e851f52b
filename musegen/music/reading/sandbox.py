"""A process of its own for what may hang, swell or crash, limited in time, memory and reach.

What holds where:

- time: on Linux and macOS the system counts the processor seconds of each item; everywhere the
  parent ends a process that does not answer.
- memory: on Linux the system grants no more than MEMORY; on macOS, which does not keep such limits,
  a thread looks at the peak and ends the process; on Windows only the caps on sizes and counts hold.
- reach: the process starts no process, opens no connection and no file for writing (Python's audit
  hooks see to that), and finds an empty private folder as its home. That guards against what a library
  does unasked; it is no prison for native code.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any, NamedTuple

from musegen.errors import MidiError

SECONDS = 10
"""Of the processor, for one item."""
MEMORY = 3 * 2**29
"""Bytes, for all that a process has: 1.5 GB."""
START_S = 60
"""Seconds within which a process has to start."""
IDLE_S = 30
"""Seconds without work after which the process of `limited` leaves."""
_SWOLLEN = 77
"""The exit code of a process that ends itself because it has grown too large."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED = (
    "subprocess.", "socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "urllib.",
    "os.system", "os.exec", "os.fork", "os.spawn", "os.posix_spawn", "os.startfile", "webbrowser.",
    "os.mkdir", "os.rmdir", "os.remove", "os.rename", "os.link", "os.symlink", "os.truncate", "os.chmod",
    "shutil.", "pickle.",
)  # fmt: skip
"""How the names of refused audit events begin."""


class Died(NamedTuple):
    """The result of an item whose process died, took too long or wanted too much."""

    reason: str


_TOO_MUCH = Died(f"reading it wanted more than {MEMORY / 2**30:.1f} GB of memory")
_CRASHED = Died("reading it ended the process")
_LEFT = Died("the process left, having nothing to do")


class Worker:
    """A limited process; it is given items and answers them one by one, in order."""

    def __init__(self, seconds: float = SECONDS, idle_s: float | None = None) -> None:
        """Start it: with `seconds` of the processor an item; it leaves after `idle_s` without work."""
        self.seconds = seconds
        context = multiprocessing.get_context("spawn")  # forking a process with threads (torch) may hang
        self.home = tempfile.TemporaryDirectory(prefix="musegen-", ignore_cleanup_errors=True)
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, self.home.name, seconds, idle_s), daemon=True
        )
        with _alone():
            self.process.start()
        theirs.close()
        self.started = False

    def give(self, function: Callable[[Any], Any], items: list[Any]) -> None:
        """Hand over items for `function`, a function at the top of a module, once the process is there.

        Raises:
            RuntimeError: it could not start; that is no item's fault.
        """
        if not self.started and not self._is_ready():
            self.stop()
            raise RuntimeError("a process for reading files could not start")
        self.started = True
        with suppress(BrokenPipeError):  # it has died since, and `take` will say so
            self.pipe.send((function, items))

    def _is_ready(self) -> bool:
        try:
            return self.pipe.poll(START_S) and bool(self.pipe.recv())
        except (EOFError, OSError):
            return False

    def take(self, patience_s: float | None = None) -> Any:
        """The next answer: what the function returned, the MidiError it raised, or a Died and no more."""
        try:
            if patience_s is not None and not self.pipe.poll(patience_s):
                return self.end(late=True)
            return self.pipe.recv()
        except (EOFError, OSError):
            return self.end()

    def end(self, *, late: bool = False) -> Died:
        """Stop the process and say what it died of (`late`: of the caller's patience)."""
        if not late:
            self.process.join(1)  # its pipe is closed: it is about to be gone
        code = self.process.exitcode
        self.stop()
        if late or code == -getattr(signal, "SIGPROF", 999):
            return Died(f"reading it took longer than {self.seconds:g} s")
        return _TOO_MUCH if code == _SWOLLEN else _LEFT if code == 0 else _CRASHED

    def stop(self) -> None:
        """Stop the process, whatever it is doing."""
        self.pipe.close()
        self.process.kill()
        self.process.join()
        self.home.cleanup()


def limited(function: Callable[[Any], Any], item: Any) -> Any:
    """`function(item)` in a limited process, kept for the next call; in a limited process, right here.

    Args:
        function: a function at the top of a module.
        item: what to work on; it and the result travel through a pipe.

    Raises:
        MidiError: what the function raised, or it took too long, wanted too much, or crashed.
    """
    if _inside:
        return function(item)
    if multiprocessing.current_process().daemon:
        raise MidiError("needs a process of its own, which a daemonic process may not start")
    with _turn:
        answer: Any = _LEFT
        while answer is _LEFT:
            answer = _ask(function, item)
    if isinstance(answer, MidiError):
        raise answer
    if isinstance(answer, Died):
        raise MidiError(answer.reason)
    return answer


_inside = False
"""This process is a limited one."""
_turn = threading.Lock()
_kept: list[Worker] = []
"""The process of `limited`, while there is one."""


def _ask(function: Callable[[Any], Any], item: Any) -> Any:
    worker = _kept.pop() if _kept else Worker(idle_s=IDLE_S)
    worker.give(function, [item])
    answer = worker.take(SECONDS)
    if not isinstance(answer, Died):
        _kept.append(worker)
    return answer


@contextmanager
def _alone() -> Iterator[None]:
    """Meanwhile a new process looks for modules in the installed places alone, and has no main module.

    It would otherwise look in the current folder first, perhaps one of downloaded music, and run a
    script's main module again, perhaps an unguarded one.
    """
    main, safe = sys.modules["__main__"], os.environ.get("PYTHONSAFEPATH")
    sys.modules["__main__"] = ModuleType("__main__")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        os.environ.pop("PYTHONSAFEPATH")
        if safe is not None:
            os.environ["PYTHONSAFEPATH"] = safe


def _serve(pipe: Connection, home: str, seconds: float, idle_s: float | None) -> None:
    """The life of the process: `home` is its empty folder."""
    global _inside  # noqa: PLW0603  that is what it is
    _inside = True
    os.environ.update(dict.fromkeys(("HOME", "USERPROFILE", "APPDATA"), home))
    # Many cores, each with its buffers, would be memory for nothing.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    sys.dont_write_bytecode = True
    _limit_memory()
    reading = threading.Event()
    sys.addaudithook(lambda event, arguments: _refuse(event, arguments) if reading.is_set() else None)
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        pipe.send("ready")
        while pipe.poll(idle_s):
            function, items = pipe.recv()
            for item in items:
                reading.set()
                answer = _answer(function, item, seconds)
                reading.clear()
                pipe.send(answer)


def _answer(function: Callable[[Any], Any], item: Any, seconds: float) -> Any:
    timed = hasattr(signal, "setitimer")  # not on Windows
    if timed:
        signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends the process, even inside native code
    try:
        return function(item)
    except MidiError as error:
        return error
    except MemoryError:
        os._exit(_SWOLLEN)
    finally:
        if timed:
            signal.setitimer(signal.ITIMER_PROF, 0)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
    if writes or event.startswith(_REFUSED):
        raise PermissionError(f"not allowed while music is read: {event}")


def _limit_memory() -> None:
    with suppress(ImportError):  # Windows has no such module
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
            resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
        else:
            threading.Thread(target=watch_memory, daemon=True).start()


def watch_memory(most: int = MEMORY) -> None:
    """End this process when it has held more than `most` bytes; never returns."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit <= most:
        time.sleep(0.05)
    os._exit(_SWOLLEN)
