"""Has anything got worse? What can be measured of that within ten minutes on two cores.

    make bench-quick        or        python -m benchmarks.quick [--out out/bench-quick]

Needs the repository and the packages of `pip install -e '.[test]'`: two corpora from music21, three tiny
models trained on them by musegen's own commands, and the benchmarks here that need no other data. Each step
is a process of its own, whose output is saved in OUT; if one fails the others still run. Then a table is
printed: measured figures, their bounds, and minutes. The steps and bounds are in quick.toml. The bounds are
slightly wider than the figures measured when they were set, because machines round differently; those of
speeds, which are ratios within one run, are much wider. Such small models do not show how good musegen is;
RESULTS.md does.

The exit code is 1 if a step fails or a figure is out of bounds.
"""

import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.runner import benchmark


class Figure(NamedTuple):
    """A number in the output of a step, and its bounds."""

    what: str
    at: Sequence[str | int] = ()
    """Where it is in JSON: the keys down to it; * stands for the largest of several."""
    said: str = ""
    """Else a pattern: the number is the sum of what its group matches."""
    least: float = -inf
    most: float = inf

    def allows(self, value: float) -> bool:
        """Whether a value is within the bounds."""
        return self.least <= value <= self.most

    def bounds(self) -> str:
        """The bounds in words."""
        if self.least == self.most:
            return f"{self.least:g}"
        if inf not in (-self.least, self.most):
            return f"{self.least:g} to {self.most:g}"
        return f"at least {self.least:g}" if self.most == inf else f"at most {self.most:g}"

    def value(self, output: str) -> float:
        """The number in an output.

        Raises:
            ValueError, LookupError, TypeError: it is not there.
        """
        if self.at:
            return _under(json.loads(output), self.at)
        found = re.findall(self.said, output)
        if not found:
            raise ValueError(f"nothing in its output matches {self.said}")
        return float(sum(map(float, found)))


def _under(value: Any, keys: Sequence[str | int]) -> float:
    """The number under some keys."""
    if not keys:
        return float(value)
    first, *rest = keys
    return max(_under(each, rest) for each in value.values()) if first == "*" else _under(value[first], rest)


class Step(NamedTuple):
    """A command, and the figures read from its output."""

    name: str
    command: str
    """The words after `python -m`; {out} is the folder of this run."""
    figures: Sequence[Figure] = ()
    needs: str = ""
    """A library without which the step is skipped."""


def read_steps() -> list[Step]:
    """The steps of `quick.toml`."""
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["steps"]
    return [
        Step(**row | {"figures": [Figure(**figure) for figure in row.get("figures", ())]}) for row in rows
    ]


class Outcome(NamedTuple):
    """The result of a step."""

    step: Step
    values: tuple[float, ...] = ()
    """The values of its figures; none if they could not be read."""
    fault: str = ""
    """Why it failed; "" if it did not."""
    minutes: float = 0.0
    cpu_minutes: float = 0.0
    """CPU minutes."""
    is_left_out: bool = False

    def is_good(self) -> bool:
        """Whether it succeeded, and all its figures are within their bounds."""
        return not self.fault and all(map(Figure.allows, self.step.figures, self.values))


STEPS = read_steps()


def run(step: Step, out: Path) -> Outcome:
    """Run a step, save its output in a file named after it, and read its figures."""
    if step.needs and find_spec(step.needs) is None:
        return Outcome(step, is_left_out=True)
    words = [sys.executable, "-m", *step.command.format(out=out).split()]
    file = out / f"{step.name.replace(' ', '-')}.txt"
    began, spent = time.perf_counter(), _cpu_seconds()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    minutes, cpu_minutes = (time.perf_counter() - began) / 60, (_cpu_seconds() - spent) / 60
    file.write_text(f"python {' '.join(words[1:])}\n{done.stdout}\n{done.stderr}", "utf-8")
    fault = f"exit code {done.returncode}, see {file}" if done.returncode else ""
    try:
        values = tuple(figure.value(done.stdout) for figure in step.figures)
    except (ValueError, LookupError, TypeError) as error:
        values, fault = (), fault or f"{type(error).__name__}: {error}, see {file}"
    return Outcome(step, values, fault, minutes, cpu_minutes)


def _cpu_seconds() -> float:
    """CPU seconds of the child processes that have ended."""
    used = os.times()
    return used.children_user + used.children_system


def table(outcomes: Sequence[Outcome]) -> str:
    """One row per step with its minutes, and below it its figures with their bounds."""
    lines = [f"{'':<42}{'found':>10}  {'bounds':<24}{'minutes':>8}{'CPU minutes':>14}"]
    for each in outcomes:
        left_out = f"skipped: {each.step.needs} is not installed" if each.is_left_out else ""
        state = left_out or (f"FAILED: {each.fault}" if each.fault else "")
        head = f"{each.step.name:<78}{each.minutes:>8.2f}{each.cpu_minutes:>14.2f}"
        lines.append(f"{head}  {state}".rstrip())
        for figure, value in zip(each.step.figures, each.values, strict=False):
            worse = "" if figure.allows(value) else "WORSE"
            row = f"    {figure.what:<38}{value:>10.4g}  {figure.bounds():<24}{worse}"
            lines.append(row.rstrip())
    good = sum(each.is_good() for each in outcomes if not each.is_left_out)
    ran = sum(not each.is_left_out for each in outcomes)
    minutes, cpu_minutes = (sum(each[i] for each in outcomes) for i in (3, 4))
    lines.append(f"{f'{good} of {ran} steps within bounds':<78}{minutes:>8.2f}{cpu_minutes:>14.2f}")
    return "\n".join(lines)


@benchmark()
def main(*, out: Path = Path("out/bench-quick")) -> bool:
    """Run all steps and print the table; returns whether a step failed or is out of bounds.

    Args:
        out: folder for everything that is made
    """
    out.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for number, step in enumerate(STEPS, 1):
        print(f"{number:>2}/{len(STEPS)} {step.name}", file=sys.stderr, flush=True)
        outcomes.append(run(step, out))
    print(table(outcomes))
    return not all(each.is_good() for each in outcomes)
