"""Has anything got worse? What can be measured of that within ten minutes on two cores.

    make bench-quick        or        python -m benchmarks.quick [--out out/bench-quick]

Needs the repository and the packages of `pip install -e '.[test]'`: two corpora from music21, three tiny
models trained on them by musegen's own commands, and the benchmarks here that need no other data. Each step
is a process of its own, whose output is saved in OUT; if one fails the others still run. Then a table is
printed: measured figures, their bounds, and minutes. The bounds are slightly wider than the figures
measured when they were set, because machines round differently; those of speeds, which are ratios within
one run, are much wider. Such small models do not show how good musegen is; RESULTS.md does.

The exit code is 1 if a step fails or a figure is out of bounds.
"""

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.runner import benchmark


class Figure(NamedTuple):
    """A number in the output of a step, and its bounds."""

    what: str
    of: Callable[[str], float]
    least: float = -inf
    most: float = inf

    def bounds(self) -> str:
        """The bounds in words."""
        if self.least == self.most:
            return f"{self.least:g}"
        if inf not in (-self.least, self.most):
            return f"{self.least:g} to {self.most:g}"
        return f"at least {self.least:g}" if self.most == inf else f"at most {self.most:g}"


class Step(NamedTuple):
    """A command, and the figures read from its output."""

    name: str
    command: str
    """The words after `python -m`; {out} is the folder of this run."""
    figures: tuple[Figure, ...] = ()
    needs: str = ""
    """A library without which the step is skipped."""


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
        within = (
            f.least <= value <= f.most for f, value in zip(self.step.figures, self.values, strict=False)
        )
        return not self.fault and all(within)


def at(*keys: str | int) -> Callable[[str], float]:
    """A reader of the number under some keys of JSON."""

    def read(output: str) -> float:
        value: Any = json.loads(output)
        for key in keys:
            value = value[key]
        return float(value)

    return read


def said(pattern: str) -> Callable[[str], float]:
    """A reader of the sum of the numbers that the group of a pattern matches in text."""

    def read(output: str) -> float:
        found = re.findall(pattern, output)
        if not found:
            raise ValueError(f"nothing in its output matches {pattern}")
        return float(sum(map(float, found)))

    return read


def widest(output: str) -> float:
    """The largest "difference" in the rows of JSON."""
    return float(max(row["difference"] for row in json.loads(output).values()))


TUNES, CHORALES = "{out}/datasets/tunes", "{out}/datasets/chorales"
LM, VAE, SEQ2SEQ = "{out}/checkpoints/lm", "{out}/checkpoints/vae", "{out}/checkpoints/seq2seq"
STEPS = (
    Step("prepare fiddle tunes", f"musegen prepare ryans-mammoth --out {TUNES} --force"),
    Step("prepare chorales", f"musegen prepare bach-chorales --limit 60 --out {CHORALES} --force"),
    Step(
        "train a language model",
        f"musegen train lm {TUNES} --out {LM} --force --model.hidden-size 128 --model.embedding-dim 48 "
        "--model.dropout 0.1 --optim.lr 0.01 --optim.batch-tokens 4096 --trainer.max-steps 200 "
        "--trainer.val-check-interval 100 --trainer.limit-val-batches 4",
    ),
    Step(
        "its likelihood and pieces",
        f"musegen evaluate {LM} {TUNES} --samples 20 --json",
        (
            Figure("bits per note", at("bits_per_note"), 1.4, 2.0),
            Figure("overlap of its pieces with real ones", at("comparison", "overlap"), least=0.6),
            Figure("the same for real halves", at("comparison", "halves_overlap"), least=0.9),
        ),
    ),
    Step(
        "Kneser-Ney n-grams",
        f"benchmarks.ngram {TUNES} --orders 5 --transpose 0 --json",
        (Figure("bits per note, order 5", at(0, "bits_per_note"), 4.38, 4.48),),
    ),
    Step(
        "ranking of music",
        f"benchmarks.ranking {LM} {TUNES} --pieces 40 --json",
        (
            Figure("real", at("real", "overlap"), least=0.9),
            Figure("model", at("model", "overlap"), least=0.62),
            Figure("shuffled in bars", at("shuffled in bars", "overlap"), most=0.55),
            Figure("untrained", at("untrained", "overlap"), most=0.1),
        ),
    ),
    Step(
        "planted copies",
        f"benchmarks.novelty {TUNES} --files 100 --json",
        (
            Figure("right piece named, of 100", at("right_piece"), 100, 100),
            Figure("found before planting", at("found_before_planting"), 0, 0),
            Figure("seconds per file", at("seconds_a_file", "mean"), most=0.2),
        ),
    ),
    Step(
        "agreement with MusPy",
        f"benchmarks.muspy_agreement {CHORALES} --pieces 20 --json",
        (Figure("largest difference", widest, most=1e-6),),
        needs="muspy",
    ),
    Step(
        "train a VAE",
        f"musegen train vae {TUNES} --out {VAE} --force --model.clip-bars 2 --trainer.max-steps 200 "
        "--trainer.val-check-interval 100 --trainer.limit-val-batches 4",
    ),
    Step(
        "its reconstructions",
        f"benchmarks.reconstruction {VAE} {TUNES} --limit 100 --json",
        (
            Figure("note F1", at("systems", "model", "note_f1", "mean"), least=0.6),
            Figure("KL, nats", at("kl"), 40, 75),
        ),
    ),
    Step(
        "train an accompaniment model",
        f"musegen train seq2seq {CHORALES} --out {SEQ2SEQ} --force --model.hidden-size 96 "
        "--optim.batch-tokens 4096 --trainer.max-steps 60 --trainer.val-check-interval 30",
    ),
    Step(
        "its accompaniments",
        f"musegen evaluate {SEQ2SEQ} {CHORALES} --limit 3 --json",
        (
            Figure("bits per note", at("bits_per_note"), most=4.5),
            Figure("melody kept", at("systems", "model", "melody_preserved", "mean"), 1, 1),
        ),
    ),
    Step(
        "encoding compared with MidiTok",
        "benchmarks.encoding --limit 60 --data " + f"{TUNES} {CHORALES}",
        (
            Figure("identical token sequences", said(r" all {9,}\d+ +\d+ +(\d+)"), 360, 360),
            Figure("times as fast as MidiTok", said(r" all {9,}.* ([\d.]+)"), least=10),
        ),
    ),
    Step(
        "grammar, untrained",
        "benchmarks.untrained --samples 10 --bars 4",
        (
            Figure("with the requested bars, of 60", said(r"(\d+) +\d+ +\d+ to"), 60, 60),
            Figure("errors by MidiTok's count", said(r"(\d+) +\d+ to"), 0, 0),
        ),
    ),
    Step(
        "files read by four libraries",
        "benchmarks.written_files --num 240 --music21 12",
        (Figure("disagreements", said(r"(\d+) disagreements"), 0, 0),),
    ),
    Step(
        "speed compared with nn.LSTM",
        f"benchmarks.speed {LM} {TUNES} --rounds 1 --bars 8 --json",
        (
            Figure("sampling, batch 1", at("sampling", "batch 1", "ratio"), least=0.05),
            Figure("sampling, batch 64", at("sampling", "batch 64", "ratio"), least=0.15),
            Figure("training", at("training", "ratio"), least=0.3),
            Figure("seconds of --help", at("cold_start_seconds", "--help"), most=1.5),
        ),
    ),
)


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
        values = tuple(figure.of(done.stdout) for figure in step.figures)
    except (ValueError, LookupError, TypeError) as error:
        values, fault = (), fault or f"{type(error).__name__}: {error}, see {file}"
    return Outcome(step, values, fault, minutes, cpu_minutes)


def _cpu_seconds() -> float:
    """CPU seconds of the child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(outcomes: Sequence[Outcome]) -> str:
    """One row per step with its minutes, and below it its figures with their bounds."""
    lines = [f"{'':<42}{'found':>10}  {'bounds':<24}{'minutes':>8}{'CPU minutes':>14}"]
    for each in outcomes:
        left_out = f"skipped: {each.step.needs} is not installed" if each.is_left_out else ""
        state = left_out or (f"FAILED: {each.fault}" if each.fault else "")
        head = f"{each.step.name:<78}{each.minutes:>8.2f}{each.cpu_minutes:>14.2f}"
        lines.append(f"{head}  {state}".rstrip())
        for figure, value in zip(each.step.figures, each.values, strict=False):
            is_worse = not figure.least <= value <= figure.most
            row = f"    {figure.what:<38}{value:>10.4g}  {figure.bounds():<24}{'WORSE' if is_worse else ''}"
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
