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
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.golden_compare import CATEGORIES, TEXT, Difference, compare_results
from benchmarks.golden_inputs import write_inputs
from benchmarks.runner import benchmark
from musegen.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
GIT = shutil.which("git") or "git"
RUNNER = Path(__file__).with_name("golden_runner.py")
ROWS = Path(__file__).with_name("golden.txt")
ALWAYS = 3
"""How many rows, from the first on, are always run: they prepare the datasets."""
TINY = (
    "--data.window 256 --model.embedding-dim 16 --model.hidden-size 32 --optim.batch-tokens 2048 "
    "--trainer.max-steps 4 --trainer.val-check-interval 2 --trainer.accelerator cpu --seed 3"
)
"""A training of a few steps."""
MADE = r"--out (?:checkpoints|datasets|out)/([\w-]+)"
"""The name of what a command makes."""
ALIKE = {"COLUMNS": "110", "CUDA_VISIBLE_DEVICES": "", "LC_ALL": "C.UTF-8", "MPLBACKEND": "Agg"}
ALIKE |= {"NO_COLOR": "1", "TERM": "dumb", "TZ": "UTC", "PYTHONHASHSEED": "0"}
ALIKE |= {"MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""The environment: one thread, plain text, lines of one width."""


class Row(NamedTuple):
    """One command, or one program in Python."""

    name: str
    """As shown."""
    words: Sequence[str] = ()
    """What follows `musegen`."""
    source: str = ""
    """Of a program."""
    folder: str = "."
    """Where it works."""
    is_fresh: bool = False
    """Started from nothing, as a user does, instead of from a process that has loaded the libraries."""


def all_rows() -> list[Row]:
    """Everything that is run, in order: what a command needs stands before it."""
    text = ROWS.read_text("utf-8")
    _, *sections, prelude = re.split(r"^== (.*)\n", text, flags=re.MULTILINE)
    rows: list[Row] = []
    for head, body in zip(sections[::2], sections[1::2], strict=False):
        kind, _, name = head.partition(" ")
        if kind == "commands":
            rows += map(_command, filter(None, body.splitlines()))
        else:
            source = f"{prelude}\n{body}".replace("{tiny}", TINY)
            rows.append(Row(f"python: {name}", source=source))
    return rows


def _command(line: str) -> Row:
    """The row of a line."""
    words = shlex.split(line.replace("{tiny}", TINY))
    folder = words.pop(0)[1:] if words[0].startswith("@") else "."
    is_fresh = words[0] == "!"
    name = line.replace("! ", "").replace(" {tiny}", "")
    return Row(name, tuple(words[1:] if is_fresh else words), folder=folder, is_fresh=is_fresh)


def picked_rows(only: str) -> list[Row]:
    """The rows whose names a pattern finds, and what they need: the datasets, and whatever they name."""
    rows = all_rows()
    picked: list[Row] = []
    named: set[str] = set()
    for row in reversed(rows[ALWAYS:]):
        words = " ".join(row.words) + row.source
        made = re.findall(MADE if row.words else r"checkpoints/([\w-]+)", words)
        if named.intersection(made) or re.search(only, row.name):
            picked.append(row)
            named.update(re.findall(r"[\w-]{2,}", words))
    return [*rows[:ALWAYS], *reversed(picked)]


def interpreter(side: Path) -> Path:
    """The interpreter for a side: this one if it wants the same libraries, else one of its own with them."""
    files = (source / "pyproject.toml" for source in (ROOT, side / "source"))
    ours, its = (tomllib.loads(file.read_text("utf-8"))["project"]["dependencies"] for file in files)
    if ours == its:
        return Path(sys.executable)
    subprocess.run([sys.executable, "-m", "venv", str(side / "venv")], check=True)
    python = side / "venv" / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", str(side / "source")], check=True)
    return python


def start(side: Path, python: Path, rows: Sequence[Row]) -> subprocess.Popen[bytes]:
    """Begin to run the rows on one side; all that is started is of one session.

    Args:
        side: the folder of all that is its own: source, here (where the commands work), results and more.
        python: its interpreter.
        rows: what is run.
    """
    for name in ("here/out", "tmp", "results"):
        (side / name).mkdir(parents=True)
    shutil.copytree(side.parent / "inputs", side / "here" / "inputs")
    (side / "table.json").write_text(json.dumps([row._asdict() for row in rows]), "utf-8")
    kept = os.environ.items()
    plain = {name: value for name, value in kept if not name.startswith(("MUSEGEN_", "PYTHON"))}
    own = {"PYTHONPATH": "source", "MUSEGEN_CACHE": "cache", "TMPDIR": "tmp"}
    environment = plain | ALIKE | {name: str(side / place) for name, place in own.items()}
    words = [str(python), "-P", str(RUNNER), str(side / "table.json"), str(side / "results")]
    return subprocess.Popen(words, cwd=side / "here", env=environment, start_new_session=True)


def git(*words: str) -> str:
    """What a command of git prints.

    Raises:
        ConfigError: it fails.
    """
    done = subprocess.run([GIT, *words], cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ConfigError(f"git {shlex.join(words)} failed: {done.stderr.strip()}")
    return done.stdout


def copy_working_tree(out: Path) -> None:
    """Copy what git knows or would add: later edits do not disturb a run."""
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in names:
        if (ROOT / name).is_file():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, out / name)


def wait(sides: Sequence[Path], running: Sequence[subprocess.Popen[bytes]], rows: int) -> None:
    """Wait for both sides; says every few seconds how far they are.

    Raises:
        ConfigError: one could not go on.
    """
    try:
        while None in (codes := [each.poll() for each in running]) and not any(codes):
            time.sleep(5)
            done = min(len(list((side / "results").iterdir())) for side in sides)
            print(f"{done} of {rows} commands", file=sys.stderr, flush=True)
    finally:
        for each in running:
            if each.poll() is None:  # its commands too are of its session
                os.killpg(each.pid, signal.SIGKILL)
                each.wait()
    if any(codes):
        raise ConfigError(f"the runners ended with {codes}")


def compare(commit: str, rows: Sequence[Row], folder: Path) -> list[list[Difference]]:
    """Run the rows on both sides, below a folder, and give what differs of each."""
    sides = then, now = folder / "commit", folder / "worked"  # equally long, so that lines break alike
    copy_working_tree(now / "source")  # first of all: it may be edited while the rest runs
    write_inputs(folder / "inputs")
    git("archive", "--output", str(folder / "commit.tar"), commit)
    shutil.unpack_archive(folder / "commit.tar", then / "source", filter="data")
    pythons = [interpreter(side) for side in sides]
    wait(sides, [start(*pair, rows) for pair in zip(sides, pythons, strict=True)], len(rows))
    places = [
        {str(python.parent): "BIN", str(side / "source"): "SOURCE", str(side): "FOLDER"}
        for side, python in zip(sides, pythons, strict=True)
    ]
    names = sorted(path.name for path in (now / "results").iterdir())
    pairs = ((then / "results" / name, now / "results" / name) for name in names)
    return [compare_results(*pair, (places[0], places[1])) for pair in pairs]


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


@benchmark()
def main(
    *, against: str, only: str = "", keep: Path | None = None, show: int = 6, text_may_differ: bool = False
) -> int:
    """Run both sides, and print what differs.

    Args:
        against: the commit that the working tree is held to
        only: a pattern: these commands, and what they need
        keep: a new folder for what both sides wrote
        show: lines shown of each difference
        text_may_differ: exit with 0 where only text differs
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left of it
    began, rows = time.monotonic(), picked_rows(only)
    with tempfile.TemporaryDirectory(prefix="golden-") as scratch:
        found = compare(against, rows, (keep or Path(scratch)).resolve())
    print(f"{(time.monotonic() - began) / 60:.1f} minutes", file=sys.stderr)
    print(report(rows, found, show))
    return exit_code(found, text_may_differ=text_may_differ)
