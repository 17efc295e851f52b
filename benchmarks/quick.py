"""Has anything got worse? What can be known of that within ten minutes on two cores.

    make bench-quick        or        python -m benchmarks.quick [--out out/bench-quick]

Needs the repository and what `pip install -e '.[test]'` gives: two corpora that come with music21, three tiny
models that the product's own commands train on them, and those of the benchmarks here that ask for no other
data. Each step is a process of its own, whose output lies in OUT; where one fails the others still run. Then
a table: what was found, what is wanted, and the minutes. The bounds lie a little beyond what was found when
they were set, since machines round differently; those of speeds, which are ratios within one run, far
beyond. Such small models do not say how good musegen is: RESULTS.md does.

The exit code is 1 where a step fails or a figure is worse than wanted.
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
    """A number in what a step prints, and the bounds within which it is wanted."""

    what: str
    of: Callable[[str], float]
    least: float = -inf
    most: float = inf

    def wanted(self) -> str:
        """The bounds in words."""
        if self.least == self.most:
            return f"{self.least:g}"
        if inf not in (-self.least, self.most):
            return f"{self.least:g} to {self.most:g}"
        return f"at least {self.least:g}" if self.most == inf else f"at most {self.most:g}"


class Step(NamedTuple):
    """A command, and what is read off it."""

    name: str
    command: str
    """What follows `python -m`; {out} is the folder of this run."""
    figures: tuple[Figure, ...] = ()
    needs: str = ""
    """A library without which the step is left out."""


class Outcome(NamedTuple):
    """What came of a step."""

    step: Step
    values: tuple[float, ...] = ()
    """Of its figures; none where they could not be read."""
    fault: str = ""
    """Why it failed; "" where it did not."""
    minutes: float = 0.0
    processor: float = 0.0
    """Minutes of processor time."""
    is_left_out: bool = False

    def is_good(self) -> bool:
        """Whether it ended well, and all its figures are within their bounds."""
        within = (
            f.least <= value <= f.most for f, value in zip(self.step.figures, self.values, strict=False)
        )
        return not self.fault and all(within)


def at(*keys: str | int) -> Callable[[str], float]:
    """Of JSON the number under some keys."""

    def read(output: str) -> float:
        value: Any = json.loads(output)
        for key in keys:
            value = value[key]
        return float(value)

    return read


def said(pattern: str) -> Callable[[str], float]:
    """Of text the sum of the numbers that a pattern's group finds."""

    def read(output: str) -> float:
        found = re.findall(pattern, output)
        if not found:
            raise ValueError(f"nothing in its output matches {pattern}")
        return float(sum(map(float, found)))

    return read


def widest(output: str) -> float:
    """The largest "difference" of the rows of JSON."""
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
        "its likelihood and music",
        f"musegen evaluate {LM} {TUNES} --samples 20 --json",
        (
            Figure("bits a note", at("bits_per_note"), 1.4, 2.0),
            Figure("overlap of its music with real", at("comparison", "overlap"), least=0.6),
            Figure("the same of real halves", at("comparison", "halves_overlap"), least=0.9),
        ),
    ),
    Step(
        "Kneser-Ney beside it",
        f"benchmarks.ngram {TUNES} --orders 5 --transpose 0 --json",
        (Figure("bits a note, order 5", at(0, "bits_per_note"), 4.38, 4.48),),
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
            Figure("seconds a file", at("seconds_a_file", "mean"), most=0.2),
        ),
    ),
    Step(
        "agreement with MusPy",
        f"benchmarks.muspy_agreement {CHORALES} --pieces 20 --json",
        (Figure("largest difference", widest, most=1e-6),),
        needs="muspy",
    ),
    Step(
        "train a model of clips",
        f"musegen train vae {TUNES} --out {VAE} --force --model.clip-bars 2 --trainer.max-steps 200 "
        "--trainer.val-check-interval 100 --trainer.limit-val-batches 4",
    ),
    Step(
        "what it gives back",
        f"benchmarks.reconstruction {VAE} {TUNES} --limit 100 --json",
        (
            Figure("note F1", at("systems", "model", "note_f1", "mean"), least=0.6),
            Figure("KL, nats", at("kl"), 40, 75),
        ),
    ),
    Step(
        "train an accompanist",
        f"musegen train seq2seq {CHORALES} --out {SEQ2SEQ} --force --model.hidden-size 96 "
        "--optim.batch-tokens 4096 --trainer.max-steps 60 --trainer.val-check-interval 30",
    ),
    Step(
        "what it writes",
        f"musegen evaluate {SEQ2SEQ} {CHORALES} --limit 3 --json",
        (
            Figure("bits a note", at("bits_per_note"), most=4.5),
            Figure("melody kept", at("systems", "model", "melody_preserved", "mean"), 1, 1),
        ),
    ),
    Step(
        "encoding beside MidiTok",
        "benchmarks.encoding --limit 60 --data " + f"{TUNES} {CHORALES}",
        (
            Figure("streams alike", said(r" all {9,}\d+ +\d+ +(\d+)"), 360, 360),
            Figure("times as fast", said(r" all {9,}.* ([\d.]+)"), least=10),
        ),
    ),
    Step(
        "grammar, untrained",
        "benchmarks.untrained --samples 10 --bars 4",
        (
            Figure("with the bars asked for, of 60", said(r"(\d+) +\d+ +\d+ to"), 60, 60),
            Figure("errors by MidiTok's count", said(r"(\d+) +\d+ to"), 0, 0),
        ),
    ),
    Step(
        "files by four readers",
        "benchmarks.written_files --num 240 --music21 12",
        (Figure("disagreements", said(r"(\d+) disagreements"), 0, 0),),
    ),
    Step(
        "speed beside nn.LSTM",
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
    """Run a step, its output going to a file named after it, and read its figures."""
    if step.needs and find_spec(step.needs) is None:
        return Outcome(step, is_left_out=True)
    words = [sys.executable, "-m", *step.command.format(out=out).split()]
    file = out / f"{step.name.replace(' ', '-')}.txt"
    began, spent = time.perf_counter(), _processor_seconds()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    minutes, processor = (time.perf_counter() - began) / 60, (_processor_seconds() - spent) / 60
    file.write_text(f"python {' '.join(words[1:])}\n{done.stdout}\n{done.stderr}", "utf-8")
    fault = f"exit code {done.returncode}, see {file}" if done.returncode else ""
    try:
        values = tuple(figure.of(done.stdout) for figure in step.figures)
    except (ValueError, LookupError, TypeError) as error:
        values, fault = (), fault or f"{type(error).__name__}: {error}, see {file}"
    return Outcome(step, values, fault, minutes, processor)


def _processor_seconds() -> float:
    """What the processes that have ended took together."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(outcomes: Sequence[Outcome]) -> str:
    """A row a step with its minutes, and below it its figures beside what is wanted."""
    lines = [f"{'':<42}{'found':>10}  {'wanted':<24}{'minutes':>8}{'of processor':>14}"]
    for each in outcomes:
        left_out = f"left out: {each.step.needs} is not installed" if each.is_left_out else ""
        state = left_out or (f"FAILED: {each.fault}" if each.fault else "")
        head = f"{each.step.name:<78}{each.minutes:>8.2f}{each.processor:>14.2f}"
        lines.append(f"{head}  {state}".rstrip())
        for figure, value in zip(each.step.figures, each.values, strict=False):
            is_worse = not figure.least <= value <= figure.most
            row = f"    {figure.what:<38}{value:>10.4g}  {figure.wanted():<24}{'WORSE' if is_worse else ''}"
            lines.append(row.rstrip())
    good = sum(each.is_good() for each in outcomes if not each.is_left_out)
    ran = sum(not each.is_left_out for each in outcomes)
    minutes, processor = (sum(each[i] for each in outcomes) for i in (3, 4))
    lines.append(f"{f'{good} of {ran} steps as wanted':<78}{minutes:>8.2f}{processor:>14.2f}")
    return "\n".join(lines)


@benchmark()
def main(*, out: Path = Path("out/bench-quick")) -> bool:
    """Run all steps, print the table; returns whether a step is not as wanted.

    Args:
        out: for what is made
    """
    out.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for number, step in enumerate(STEPS, 1):
        print(f"{number:>2}/{len(STEPS)} {step.name}", file=sys.stderr, flush=True)
        outcomes.append(run(step, out))
    print(table(outcomes))
    return not all(each.is_good() for each in outcomes)


if __name__ == "__main__":
    raise SystemExit(main())
