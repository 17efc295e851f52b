"""Runs the commands of `benchmarks.golden` one after another, on one side, and keeps what each left behind.

    python -P golden_runner.py TABLE.json RESULTS

Started in the folder in which the commands are to work. It stands alone: it imports nothing of musegen and
nothing of the benchmarks, so that the same file drives any commit. Loading torch takes seconds, so the
libraries (not musegen) are loaded once, and each command is a fork of this process: a process of its own all
the same, with a musegen of its own. Rows that say "fresh" are started from nothing, as a user starts them.
"""

import importlib.util
import json
import os
import runpy
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

LIBRARIES = ["miditok", "music21", "matplotlib.pyplot", "pretty_midi", "pytorch_lightning"]
LIBRARIES += ["safetensors.torch", "torch.utils.tensorboard", "tyro"]
LIMIT = 240
"""Seconds that a command may take."""
State = dict[str, tuple[int, int, int]]
"""Of every file its time of change in nanoseconds, its bytes and its number on the disk."""


def state() -> State:
    """The files below the current folder."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(".") for name in names]  # noqa: PTH118
    facts = map(os.lstat, paths)
    return {path: (i.st_mtime_ns, i.st_size, i.st_ino) for path, i in zip(paths, facts, strict=True)}


def run(row: dict[str, Any], out: Path) -> int:
    """Carry out a row, its output going to files; returns its exit code, -1 where it took too long."""
    child = os.fork()
    if child == 0:
        become(row, out)
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


def become(row: dict[str, Any], out: Path) -> None:
    """Be the command, in the forked process; ends it."""
    for stream, path in enumerate((Path(os.devnull), out / "stdout", out / "stderr")):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), stream)
    os.chdir(row["folder"])
    sys.argv = ["musegen", *row["words"]]
    if row["is_fresh"]:
        os.execv(sys.executable, [sys.executable, "-m", *sys.argv])  # noqa: S606
    if row["source"]:
        exec(compile(row["source"], "<row>", "exec"), {"__name__": "__main__"})  # noqa: S102
    else:
        runpy.run_module("musegen", run_name="__main__", alter_sys=True)
    sys.exit(0)


def keep(out: Path, before: State, after: State) -> None:
    """Copy what a row wrote, and list what it removed."""
    for path in (name for name, facts in after.items() if before.get(name) != facts):
        copy = out / "files" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy, follow_symlinks=False)
    removed = sorted(before.keys() - after.keys())
    (out / "files removed").write_text("".join(f"{path}\n" for path in removed), "utf-8")


def main() -> None:
    """Carry out the table."""
    table, results = Path(sys.argv[1]), Path(sys.argv[2])
    for name in LIBRARIES:
        with suppress(ImportError):  # a commit may do without it
            importlib.import_module(name)
    musegen = importlib.util.find_spec("musegen")
    if musegen is None or not str(musegen.origin).startswith(os.environ["PYTHONPATH"]):
        sys.exit(f"musegen is not that of {os.environ['PYTHONPATH']}: {musegen}")
    before = state()
    for number, row in enumerate(json.loads(table.read_text("utf-8")), 1):
        out = results / f"{number:03}"
        out.mkdir(parents=True)
        (out / "exit code").write_text(str(run(row, out)), "utf-8")
        after = state()
        keep(out, before, after)
        before = after


if __name__ == "__main__":
    main()
