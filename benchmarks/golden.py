"""Is what users see of musegen the same as at another commit? For the time in which the code is rebuilt.

    python -m benchmarks.golden --against COMMIT [--only REGEX] [--keep FOLDER] [--show N] [--text-may-differ]

Every verb with its flags, the Python interface and much misuse are run twice on this machine, side by side:
by the working tree, as it is, and by the commit. Exit codes, outputs and every file that is written are
compared, with paths and times made alike. Nothing recorded is kept in the repository: machines differ, so
both sides are always run. It uses what stays over a restructuring alone: the command line, `musegen.load`,
`musegen.read` and what they give.

Prints what differs, command by command, then the counts. Exit code 0: nothing differs, or with
--text-may-differ nothing but text; 1: something does; 2: it could not be run.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.golden_compare import CATEGORIES, TEXT, Difference, compare_results
from benchmarks.golden_inputs import write_inputs

ROOT = Path(__file__).resolve().parent.parent
GIT = shutil.which("git") or "git"
RUNNER = Path(__file__).with_name("golden_runner.py")
ROWS = Path(__file__).with_name("golden.txt")
ALWAYS = "that always run first"
TINY = (
    "--data.window 256 --model.embedding-dim 16 --model.hidden-size 32 --optim.batch-tokens 2048 "
    "--trainer.max-steps 4 --trainer.val-check-interval 2 --trainer.accelerator cpu --seed 3"
)
"""A training of a few steps."""
SIDES = ("commit", "worked")
"""Names of the two folders, equally long: so are the paths in messages, whose lines then break alike."""


class Row(NamedTuple):
    """One command, or one program in Python."""

    name: str
    """As shown."""
    words: tuple[str, ...] = ()
    """What follows `musegen`."""
    source: str = ""
    """Of a program."""
    folder: str = "."
    """Where it works."""
    is_fresh: bool = False
    """Started from nothing, as a user does, instead of from a process that has loaded the libraries."""


def command_rows(lines: Sequence[str]) -> list[Row]:
    """The rows of lines as ROWS has them, a command each."""
    rows = []
    for line in lines:
        words = shlex.split(line.replace("{tiny}", TINY), comments=True)
        folder, is_fresh = ".", False
        if words and words[0].startswith("@"):
            folder = words.pop(0)[1:]
        if words and words[0] == "!":
            is_fresh = bool(words.pop(0))
        if words:
            name = line.strip().replace("! ", "").replace(" {tiny}", "")
            rows.append(Row(name, tuple(words), folder=folder, is_fresh=is_fresh))
    return rows


def sections() -> Iterator[tuple[str, str, list[str]]]:
    """Kind, name and lines of each section of ROWS."""
    for section in ROWS.read_text("utf-8").split("\n== ")[1:]:
        head, *lines = section.splitlines()
        kind, _, name = head.partition(" ")
        yield kind, name, lines


def all_rows() -> list[Row]:
    """Everything that is run, in order: what a command needs stands before it."""
    rows: list[Row] = []
    [prelude] = ("\n".join(lines) for kind, _, lines in sections() if kind == "prelude")
    for kind, name, lines in sections():
        if kind == "commands":
            rows += command_rows(lines)
        elif kind == "python":
            source = "\n".join([prelude, *lines, ""]).replace("{tiny}", TINY)
            rows.append(Row(f"python: {name}", source=source))
    return rows


def picked_rows(only: str) -> list[Row]:
    """The rows whose names a pattern finds, and what they need: the datasets, and whatever they name."""
    rows = all_rows()
    always = len(command_rows(next(lines for _, name, lines in sections() if name == ALWAYS)))
    wanted: set[int] = set()
    for number in reversed(range(len(rows))):
        row = rows[number]
        needed = any(_is_needed(row, rows[later]) for later in wanted)
        if number < always or needed or re.search(only, row.name):
            wanted.add(number)
    return [rows[number] for number in sorted(wanted)]


def _is_needed(row: Row, later: Row) -> bool:
    """Whether a later row names what this one makes, by its path or the last part of it."""
    made = set(re.findall(r"(?:checkpoints|datasets|out)/[\w-]+", " ".join(row.words) + row.source))
    outs = {row.words[row.words.index("--out") + 1]} if "--out" in row.words else set()
    outs |= made if (row.source and "shutil.copytree(" in row.source) or "runpy" in row.source else set()
    outs |= {
        "checkpoints/damaged-" + kind for kind in ("weights", "config", "tokenizer") if "damage" in row.name
    }
    text = " ".join(later.words) + later.source
    names = {word for out in outs for word in (out, Path(out).name)}
    return any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) for name in names if len(name) > 1)


class Side(NamedTuple):
    """One of the two: a musegen, and the folder in which it works."""

    folder: Path
    """Of all that belongs to it: source, here (the current folder of the commands), results."""
    python: Path
    """The interpreter."""

    @property
    def source(self) -> Path:
        """The repository as it is on this side."""
        return self.folder / "source"

    @property
    def results(self) -> Path:
        """A folder a row."""
        return self.folder / "results"

    def environment(self) -> dict[str, str]:
        """One thread, plain text, lines of one width, caches of its own, and the source's own musegen."""
        kept = os.environ.items()
        plain = {name: value for name, value in kept if not name.startswith(("MUSEGEN_", "PYTHON"))}
        alike = {
            "COLUMNS": "110",
            "CUDA_VISIBLE_DEVICES": "",
            "LC_ALL": "C.UTF-8",
            "MKL_NUM_THREADS": "1",
            "MPLBACKEND": "Agg",
            "NO_COLOR": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
            "TERM": "dumb",
            "TZ": "UTC",
        }
        own = {
            "PYTHONPATH": str(self.source),
            "MUSEGEN_CACHE": str(self.folder / "cache"),
            "TMPDIR": str(self.folder / "tmp"),
        }
        return plain | alike | own

    def places(self) -> dict[str, str]:
        """What is written for its paths."""
        return {str(self.source): "SOURCE", str(self.folder): "FOLDER", str(self.python.parent): "BIN"}


def copy_working_tree(out: Path) -> None:
    """Copy what git knows or would add: later edits do not disturb a run."""
    words = [GIT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, out / name)


@contextmanager
def worktree(commit: str, out: Path) -> Iterator[None]:
    """The files of a commit in a folder, for as long as they are needed.

    Raises:
        CalledProcessError: git knows no such commit.
    """
    add = [GIT, "worktree", "add", "--quiet", "--detach", str(out), commit]
    subprocess.run(add, cwd=ROOT, check=True)
    try:
        yield
    finally:
        subprocess.run([GIT, "worktree", "remove", "--force", str(out)], cwd=ROOT, check=True)


def interpreter(source: Path, folder: Path) -> Path:
    """The interpreter for a commit: this one where it wants the same libraries, else one with its own."""
    wanted = [
        tomllib.loads((each / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
        for each in (source, ROOT)
    ]
    if sorted(wanted[0]) == sorted(wanted[1]):
        return Path(sys.executable)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-e", str(source)], check=True)
    return python


def check_side(side: Side) -> None:
    """See that the side's musegen is what its commands will import.

    Raises:
        SystemExit: it is another.
    """
    words = [str(side.python), "-P", "-c", "import musegen; print(musegen.__file__)"]
    done = subprocess.run(
        words, env=side.environment(), cwd=side.folder, check=True, capture_output=True, text=True
    )
    if not Path(done.stdout.strip()).is_relative_to(side.source):
        sys.exit(f"musegen comes from {done.stdout.strip()}, not from {side.source}")


def start(side: Side, rows: Sequence[Row], inputs: Path) -> subprocess.Popen[bytes]:
    """Begin to run the rows on one side."""
    here = side.folder / "here"
    shutil.copytree(inputs, here / "inputs")
    (side.folder / "tmp").mkdir()
    (here / "out").mkdir()
    table = [
        {
            "id": f"{number:03}",
            "words": row.words,
            "source": row.source,
            "folder": row.folder,
            "fresh": row.is_fresh,
        }
        for number, row in enumerate(rows, 1)
    ]
    file = side.folder / "table.json"
    file.write_text(json.dumps(table), "utf-8")
    words = [str(side.python), "-P", str(RUNNER), str(file), str(side.results)]
    with (side.folder / "log").open("wb") as log:
        return subprocess.Popen(
            words,
            cwd=here,
            env=side.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def wait(sides: Sequence[Side], running: Sequence[subprocess.Popen[bytes]], rows: int) -> None:
    """Wait for both sides; says every few seconds how far they are.

    Raises:
        SystemExit: one could not go on.
    """
    said = 0.0
    try:
        while any(each.poll() is None for each in running):
            time.sleep(0.2)
            if time.monotonic() - said > 15:
                said = time.monotonic()
                done = [len(list(side.results.glob("*/end.json"))) for side in sides]
                print(f"{min(done)} of {rows} commands", file=sys.stderr, flush=True)
    finally:
        for each in running:
            if each.poll() is None:  # its commands too are of its session
                os.killpg(each.pid, signal.SIGKILL)
                each.wait()
    for side, each in zip(sides, running, strict=True):
        if each.returncode:
            sys.exit(f"the runner ended with {each.returncode}:\n{(side.folder / 'log').read_text('utf-8')}")


def report(rows: Sequence[Row], found: Sequence[list[Difference]], show: int) -> str:
    """What differs, command by command, with the first so many lines of each; then the counts."""
    lines = []
    for number, (row, differences) in enumerate(zip(rows, found, strict=True), 1):
        if differences:
            lines.append(f"{number:03} musegen {row.name}" if row.words else f"{number:03} {row.name}")
        for each in differences:
            lines.append(f"    {each.category}: {each.where}")
            lines += [f"        {line}" for line in each.lines[:show]]
            rest = len(each.lines) - show
            lines += [f"        ... and {rest} lines more"] if rest > 0 else []
    counts = Counter(each.category for differences in found for each in differences)
    lines += ["", f"{len(rows)} commands, {sum(map(bool, found))} with differences"]
    lines.append(", ".join(f"{category} {counts[category]}" for category in CATEGORIES))
    return "\n".join(lines)


def exit_code(found: Sequence[list[Difference]], *, text_may_differ: bool) -> int:
    """0 where nothing differs, or nothing but what may."""
    categories = {each.category for differences in found for each in differences}
    return int(bool(categories - ({TEXT} if text_may_differ else set())))


def compare(commit: str, rows: Sequence[Row], folder: Path) -> list[list[Difference]]:
    """Run the rows on both sides, below a folder, and give what differs of each."""
    inputs = folder / "inputs"
    write_inputs(inputs)
    then, now = (folder / name for name in SIDES)
    copy_working_tree(now / "source")
    then.mkdir()
    with worktree(commit, then / "source"):
        python = interpreter(then / "source", folder)
        sides = (Side(then, python), Side(now, Path(sys.executable)))
        for side in sides:
            check_side(side)
        wait(sides, [start(side, rows, inputs) for side in sides], len(rows))
    places = (sides[0].places(), sides[1].places())
    names = [f"{number:03}" for number in range(1, len(rows) + 1)]
    return [compare_results(sides[0].results / name, sides[1].results / name, places) for name in names]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.golden", description=__doc__.split("\n")[0] if __doc__ else None
    )
    parser.add_argument("--against", required=True, metavar="COMMIT", help="what the working tree is held to")
    parser.add_argument("--only", default="", metavar="REGEX", help="these commands, and what they need")
    parser.add_argument("--keep", type=Path, help="a new folder for what both sides wrote")
    parser.add_argument("--show", type=int, default=6, help="lines shown of each difference")
    parser.add_argument("--text-may-differ", action="store_true", help="exit with 0 where only text differs")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left of it
    began, rows = time.monotonic(), picked_rows(arguments.only)
    with tempfile.TemporaryDirectory(prefix="golden-") as name:
        folder = Path(name).resolve()
        try:
            found = compare(arguments.against, rows, folder)
        except subprocess.CalledProcessError as error:
            print(f"{shlex.join(error.cmd)} failed: {error.stderr or ''}", file=sys.stderr)
            return 2
        finally:
            if arguments.keep:
                shutil.copytree(folder, arguments.keep, dirs_exist_ok=True)
    print(f"{(time.monotonic() - began) / 60:.1f} minutes", file=sys.stderr)
    print(report(rows, found, arguments.show))
    return exit_code(found, text_may_differ=arguments.text_may_differ)


if __name__ == "__main__":
    sys.exit(main())
