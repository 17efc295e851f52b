"""A separate process for code that may hang, crash or use too much memory, with limits.

The limits:

- time: on Linux and macOS the system limits the CPU time of each item; on all systems the parent ends a
  process that does not respond for several times as long.
- memory: on Linux the system enforces MEMORY; on macOS, which does not enforce such limits, a thread
  checks the peak and ends the process; on Windows only the limits on sizes and counts apply.
- access: the process cannot start processes, open connections or open files for writing (enforced by
  Python's audit hooks), and its home is an empty private folder. This guards against side effects of
  libraries; it does not confine native code.
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
"""CPU time per item."""
PATIENCE = 6
"""Limit of the wall time of an item, as a multiple of its CPU time: the machine may be busy."""
MEMORY = 3 * 2**29
"""Memory of a process in bytes: 1.5 GB."""
START_S = 60
"""Time limit in seconds for the start of a process."""
IDLE_S = 30
"""Seconds without work after which the process of `limited` exits."""
_OUT_OF_MEMORY = 77
"""Exit code of a process that ends itself because it uses too much memory."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED = (
    "subprocess.", "socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "urllib.",
    "os.system", "os.exec", "os.fork", "os.spawn", "os.posix_spawn", "os.startfile", "webbrowser.",
    "os.mkdir", "os.rmdir", "os.remove", "os.rename", "os.link", "os.symlink", "os.truncate", "os.chmod",
    "shutil.", "pickle.",
)  # fmt: skip
"""Prefixes of the audit events that are refused."""


class Died(NamedTuple):
    """The result of an item whose process died, took too long or used too much memory."""

    reason: str


_TOO_MUCH = Died(f"reading it wanted more than {MEMORY / 2**30:.1f} GB of memory")
_CRASHED = Died("reading it ended the process")
_LEFT = Died("the process left, having nothing to do")


class Worker:
    """A limited process that receives items and returns their results one by one, in order."""

    def __init__(self, seconds: float = SECONDS, idle_s: float | None = None) -> None:
        """Start it: with `seconds` of CPU time per item; it exits after `idle_s` seconds without work."""
        self.seconds = seconds
        context = multiprocessing.get_context("spawn")  # forking a process with threads (torch) may hang
        self.home = tempfile.TemporaryDirectory(prefix="musegen-", ignore_cleanup_errors=True)
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, self.home.name, seconds, idle_s), daemon=True
        )
        with _isolated():
            self.process.start()
        theirs.close()
        self.started = False

    def give(self, function: Callable[[Any], Any], items: list[Any]) -> None:
        """Send items for `function`, a module-level function, once the process has started.

        Raises:
            RuntimeError: it could not start; this does not depend on the item.
        """
        if not self.started and not self._is_ready():
            self.stop()
            raise RuntimeError("a process for reading files could not start")
        self.started = True
        with suppress(BrokenPipeError):  # it has died since; `take` reports it
            self.pipe.send((function, items))

    def _is_ready(self) -> bool:
        try:
            return self.pipe.poll(START_S) and bool(self.pipe.recv())
        except (EOFError, OSError):
            return False

    def take(self, patience_s: float | None = None) -> Any:
        """The next result: a return value, the MidiError that was raised, or a final Died."""
        try:
            if patience_s is not None and not self.pipe.poll(patience_s):
                return self.end(late=True)
            return self.pipe.recv()
        except (EOFError, OSError):
            return self.end()

    def end(self, *, late: bool = False) -> Died:
        """Stop the process and return why it died (`late`: the caller stopped waiting)."""
        if not late:
            self.process.join(1)  # its pipe is closed: it is about to exit
        code = self.process.exitcode
        self.stop()
        if late or code == -getattr(signal, "SIGPROF", 999):
            return Died(f"reading it took longer than {self.seconds:g} s")
        return _TOO_MUCH if code == _OUT_OF_MEMORY else _LEFT if code == 0 else _CRASHED

    def stop(self) -> None:
        """Stop the process, whatever it is doing."""
        self.pipe.close()
        self.process.kill()
        self.process.join()
        self.home.cleanup()


def limited(function: Callable[[Any], Any], item: Any) -> Any:
    """`function(item)` in a limited process, kept for the next call; inside one, in this process.

    Args:
        function: a module-level function.
        item: its argument; it and the result are sent through a pipe.

    Raises:
        MidiError: raised by the function, or it took too long, used too much memory, or crashed.
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
"""Whether this process is a limited one."""
_turn = threading.Lock()
_idle: list[Worker] = []
"""The process of `limited`, if there is one."""


def _ask(function: Callable[[Any], Any], item: Any) -> Any:
    worker = _idle.pop() if _idle else Worker(idle_s=IDLE_S)
    worker.give(function, [item])
    answer = worker.take(PATIENCE * SECONDS)
    if not isinstance(answer, Died):
        _idle.append(worker)
    return answer


@contextmanager
def _isolated() -> Iterator[None]:
    """Inside, a new process imports modules only from installed packages, and has no main module.

    It would otherwise import from the current folder first, perhaps one of downloaded music, and run the
    main module of a script again, perhaps an unguarded one.
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
    """The main loop of the process; `home` is its empty folder."""
    global _inside  # noqa: PLW0603  one flag for the process
    _inside = True
    os.environ.update(dict.fromkeys(("HOME", "USERPROFILE", "APPDATA"), home))
    # Buffers for every core would waste memory.
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
        signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends the process, even in native code
    try:
        return function(item)
    except MidiError as error:
        return error
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
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
    """End this process when its peak memory exceeds `most` bytes; never returns."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit <= most:
        time.sleep(0.05)
    os._exit(_OUT_OF_MEMORY)
