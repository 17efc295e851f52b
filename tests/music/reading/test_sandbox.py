import os
import signal
import socket
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from musegen.data.pool import parallel
from musegen.errors import MidiError
from musegen.music.reading.sandbox import Died, Worker, limited, watch_memory

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process to its memory")


def where(_: Any) -> tuple[int, str, bool]:
    return os.getpid(), os.environ["HOME"], "music21" in sys.modules


def hog(size: int) -> int:
    return len(bytearray(size))


def spin(_: Any) -> None:
    list(iter(int, 1))


def refuse(_: Any) -> None:
    raise MidiError("no music")


def crash(_: Any) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def attempt(deed: str) -> str:
    """What happens to a library that does more than it was asked."""
    deeds = {
        "run": lambda: subprocess.run(["/bin/true"], check=True),
        "shell": lambda: os.system("true"),  # noqa: S605, S607  that it cannot is the point
        "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
        "look up": lambda: socket.getaddrinfo("localhost", 80),
        "write": lambda: Path("planted").write_text("x"),
        "append": lambda: os.open("planted", os.O_APPEND | os.O_CREAT),
        "remove": lambda: Path(__file__).unlink(),
        "folder": lambda: Path("planted").mkdir(),
    }
    try:
        deeds[deed]()
    except PermissionError as error:
        return str(error)
    return "done"


def nested(item: int) -> int:
    return int(limited(abs, item))


def test_one_process_serves_call_after_call_and_is_not_this_one() -> None:
    (first, home, _), (second, _, _) = limited(where, 0), limited(where, 0)
    assert first == second != os.getpid()
    assert home != os.environ.get("HOME")
    assert list(Path(home).iterdir()) == []


def test_what_a_function_refuses_is_raised_here() -> None:
    with pytest.raises(MidiError, match="no music"):
        limited(refuse, 0)


def test_a_crash_is_an_error_and_the_next_call_works() -> None:
    with pytest.raises(MidiError, match="ended the process"):
        limited(crash, 0)
    assert limited(abs, -3) == 3


@LINUX
def test_memory_is_bounded() -> None:
    assert limited(hog, 2**20) == 2**20
    with pytest.raises(MidiError, match=r"wanted more than 1\.5 GB"):
        limited(hog, 2**31)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells its memory in another way")
def test_memory_is_watched_where_the_system_does_not_bound_it() -> None:
    worker = Worker()
    worker.give(watch_memory, [2**20])
    answer = worker.take(10)
    assert answer == Died("reading it wanted more than 1.5 GB of memory")


@pytest.mark.parametrize("patience", [0.2, 20])
def test_time_is_bounded_by_the_clock_and_by_the_processor(patience: float) -> None:
    worker = Worker(seconds=0.3)
    worker.give(spin, [0])
    assert worker.take(patience) == Died("reading it took longer than 0.3 s")


@pytest.mark.parametrize(
    "deed", ["run", "shell", "connect", "look up", "write", "append", "remove", "folder"]
)
def test_reading_reaches_nothing_else(deed: str) -> None:
    assert limited(attempt, deed).startswith("not allowed while music is read")
    assert not Path("planted").exists()


def test_inside_a_limited_process_there_is_no_other() -> None:
    assert list(parallel(nested, [-1] * 10, workers=2)) == [1] * 10


def test_threads_take_turns() -> None:
    results: list[int] = []
    threads = [threading.Thread(target=lambda i=i: results.append(limited(abs, -i))) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(8))


def test_a_process_without_work_leaves_and_nothing_stays_behind() -> None:
    worker = Worker(idle_s=0)
    worker.process.join(20)
    assert worker.process.exitcode == 0
    worker.give(abs, [-1])
    worker.take()
    assert not Path(worker.home.name).exists()


def test_partial_functions_travel() -> None:
    assert limited(partial(pow, 2), 5) == 32
