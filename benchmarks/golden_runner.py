"""Runs the commands of `benchmarks.golden` one after another, on one side, and keeps what each left behind.

    python -P golden_runner.py TABLE.json RESULTS

Started in the folder in which the commands are to work. It stands alone: it imports nothing of musegen and
nothing of the benchmarks, so that the same file drives any commit. Loading torch takes seconds, so the
libraries (not musegen) are loaded once, and each command is a fork of this process: a process of its own all
the same, with a musegen of its own. Rows that say "fresh" are started from nothing, as a user starts them.
"""

import importlib
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

LIBRARIES = (
    "torch",
    "numpy",
    "symusic",
    "safetensors.torch",
    "miditok",
    "pretty_midi",
    "music21",
    "matplotlib.pyplot",
    "rich.table",
    "tyro",
    "pytorch_lightning",
    "torch.utils.tensorboard",
)
LIMIT = 240
"""Seconds that a command may take."""
State = dict[str, tuple[int, int, int]]
"""Of every file its time of change in nanoseconds, its bytes and its number on the disk."""


def state() -> State:
    """The files below the current folder."""
    found = {}
    for folder, _, names in os.walk("."):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name))  # noqa: PTH118 - thousands of them
            info = os.lstat(path)
            found[path] = (info.st_mtime_ns, info.st_size, info.st_ino)
    return found


def run(row: dict[str, Any], out: Path) -> int:
    """Carry out a row, its output going to files; returns its exit code, -1 where it took too long."""
    out.mkdir(parents=True)
    with (out / "stdout").open("wb") as stdout, (out / "stderr").open("wb") as stderr:
        if row["fresh"]:
            words = [sys.executable, "-m", "musegen", *row["words"]]
            nothing = subprocess.DEVNULL
            try:
                return subprocess.run(
                    words,
                    check=False,
                    stdin=nothing,
                    stdout=stdout,
                    stderr=stderr,
                    timeout=LIMIT,
                    cwd=row["folder"],
                ).returncode
            except subprocess.TimeoutExpired:
                return -1
        child = os.fork()
        if child == 0:
            become(row, stdout.fileno(), stderr.fileno())
        return wait(child)


def become(row: dict[str, Any], stdout: int, stderr: int) -> None:
    """Be the command, in the forked process; ends it."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.chdir(row["folder"])
    if row["source"]:
        exec(compile(row["source"], "<row>", "exec"), {"__name__": "__main__"})  # noqa: S102
    else:
        sys.argv = ["musegen", *row["words"]]
        runpy.run_module("musegen", run_name="__main__", alter_sys=True)
    sys.exit(0)


def wait(child: int) -> int:
    """The exit code of a forked process, -1 where it took too long."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


def keep(out: Path, before: State, after: State) -> None:
    """Copy what a row wrote, and list what it removed."""
    for path in sorted(name for name, facts in after.items() if before.get(name) != facts):
        copy = out / "files" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy, follow_symlinks=False)
    removed = sorted(before.keys() - after.keys())
    (out / "removed").write_text("".join(f"{path}\n" for path in removed), "utf-8")


def main() -> None:
    """Carry out the table."""
    table, results = Path(sys.argv[1]), Path(sys.argv[2])
    for name in LIBRARIES:
        with suppress(ImportError):  # a commit may do without it
            importlib.import_module(name)
    before = state()
    for row in json.loads(table.read_text("utf-8")):
        out = results / row["id"]
        began = time.perf_counter()
        code = run(row, out)
        seconds = time.perf_counter() - began
        after = state()
        keep(out, before, after)
        before = after
        (out / "end.json").write_text(json.dumps({"code": code, "seconds": seconds}), "utf-8")


if __name__ == "__main__":
    main()
