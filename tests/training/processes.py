"""`musegen` as a process of its own, forked from one that has imported everything: it starts at once."""

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["musegen.cli.train", "musegen.training.train", "musegen.generation.pieces"])


def start(
    words: Sequence[object], said: Path, *, room: int | None = None, tmpdir: Path | None = None
) -> ForkServerProcess:
    """A command line at work.

    Args:
        words: what is typed after `musegen`.
        said: a file for what goes to stderr.
        room: bytes of memory that it may take beyond what it begins with.
        tmpdir: its $TMPDIR.
    """
    process = CONTEXT.Process(target=_work, args=([str(word) for word in words], said, room, tmpdir))
    process.start()
    return process


def _work(words: list[str], said: Path, room: int | None, tmpdir: Path | None) -> None:
    from musegen.cli import run

    with said.open("wb") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    if tmpdir is not None:
        os.environ["TMPDIR"] = str(tmpdir)
    if room is not None:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        limit = pages * resource.getpagesize() + room
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    sys.argv = ["musegen", *words]
    run()


def wait_for(path: Path, process: ForkServerProcess) -> None:
    """Until a file is there that a process at work writes."""
    while not path.exists():
        assert process.is_alive(), f"it ended before it wrote {path.name}"
        time.sleep(0.001)


def cpu_seconds(process: ForkServerProcess) -> float:
    """What a process at work has taken so far: the machine may be busy with other things."""
    fields = Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
