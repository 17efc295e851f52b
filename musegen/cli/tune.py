"""`musegen tune FAMILY`: search for training settings that suit a dataset."""

import csv
import io
import shlex
import time
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from musegen.api.datasets import check_data, open_data
from musegen.cli.outputs import output_folder
from musegen.cli.parse import Flag
from musegen.cli.train import parse_training
from musegen.config.ranges import DURATION, ONE_UP, duration, flat, seconds_in, setting
from musegen.config.search_space import default_spans, read_span
from musegen.config.settings import TrainConfig
from musegen.console import print_json, say
from musegen.errors import ConfigError
from musegen.files import refuse_taken, write_atomic, write_json

if TYPE_CHECKING:
    from musegen.training.tuning import Search, Trial

BEST, TABLE, PICTURE = "best.json", "trials.csv", "tuning.png"
TRIAL_TIME = 120.0
"""Seconds of a trial, if no time is set."""


@dataclass(frozen=True)
class Tune:
    """Search for training settings: short runs with other settings each, compared on the validation split.

    The first trial has the default settings. Trials that are worse than half of the others are ended early.
    The best settings are printed as a command and written to best.json, every trial to trials.csv, both as a
    picture to tuning.png. All flags of `musegen train` are those of every trial. Needs optuna: pip install
    'musegen[tune]'.

    $ musegen tune lm folk --trials 30 --max-time 2h --out tuning/
    $ musegen tune lm datasets/mine --trials 20 --trainer.max-steps 300 --out tuning/
    $ musegen tune lm folk --ranges model.dropout=0.0:0.5 optim.lr=1e-3:2e-2:log --out tuning/
    $ musegen tune lm folk --ranges model.cell=lstm,gru model.hidden_size=128:512:64 --out tuning/
    $ musegen tune lm folk --trials 60 --max-time 4h --out tuning/ --resume
    """

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """A dataset, a folder of music (prepared first) or a built-in corpus."""
    out: Path
    """The folder of the search, such as tuning/."""
    trials: int = setting(30, ONE_UP)
    """Number of trials, those of an interrupted search included."""
    max_time: str | None = setting(None, DURATION)
    """Maximum time of the whole search, such as 2h. Each trial has its part of it, unless --trainer.max-time
    or --trainer.max-steps is set. Default: no maximum, and 2m for each trial."""
    ranges: tuple[str, ...] = ()
    """The settings to search, as NAME=LOW:HIGH, NAME=LOW:HIGH:log, NAME=LOW:HIGH:STEP or NAME=A,B,C. Default:
    learning rate, weight decay, sizes and dropout, around their defaults."""
    sampler: Literal["tpe", "random"] = "tpe"
    """tpe: near the best settings so far (tree-structured Parzen estimator); random: anywhere."""
    config: Path | None = None
    """Settings from a JSON file, such as a checkpoint's config.json; flags override it."""
    resume: Flag = False
    """Go on with the search in --out."""
    force: Flag = False
    """Replace an earlier search."""
    json: Flag = False
    """Print the result as JSON."""
    run: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)


def main(argv: list[str]) -> None:
    """Run the trials, and print the best settings."""
    found = parse_training(Tune, argv, "tune")
    if found is None:
        return
    arguments, fixed = found
    if find_spec("optuna") is None:
        raise ConfigError("musegen tune needs optuna: pip install 'musegen[tune]'")
    spans = [read_span(text, arguments.run) for text in arguments.ranges] or default_spans(arguments.run)
    twice = sorted({s.name for s in spans if [each.name for each in spans].count(s.name) > 1})
    if twice:
        raise ConfigError(f"--ranges has {', '.join(twice)} twice: name each setting once")
    _check_folder(arguments)
    check_data(arguments.data)
    config = _timed(arguments)
    with output_folder(arguments.out):
        from musegen.training.train import check
        from musegen.training.tuning import STUDY, Search  # with Lightning and optuna, which take seconds

        check(config, arguments.out / "trials", force=True, fixed=fixed)
        dataset = open_data(arguments.data, config.data.labels or "")
        if arguments.force:
            (arguments.out / STUDY).unlink(missing_ok=True)
        how: dict[str, Any] = {"spans": spans, "sampler": arguments.sampler, "fixed": fixed}
        search = Search(config, dataset, arguments.out, **how)
        _run(search, arguments)
    result = _written(search, arguments, fixed, str(dataset.path))
    if arguments.json:
        print_json(result)
    else:
        _print(search.trials)
    say(f"best settings: {arguments.out / BEST}; next: {result['command']}")


def _check_folder(arguments: Tune) -> None:
    if arguments.resume and arguments.force:
        raise ConfigError("--resume goes on with a search: leave out --force")
    if not arguments.resume:
        refuse_taken(arguments.out, force=arguments.force)
    elif not (arguments.out / "study.db").is_file():
        raise ConfigError(f"--resume: {arguments.out} has no search (study.db): leave --resume out")


def _timed(arguments: Tune) -> TrainConfig:
    """The settings of a trial, with its time if none is set."""
    trainer = arguments.run.trainer
    if trainer.max_time or trainer.max_steps:
        return arguments.run
    seconds = seconds_in(arguments.max_time) / arguments.trials if arguments.max_time else TRIAL_TIME
    return replace(arguments.run, trainer=replace(trainer, max_time=duration(seconds)))


def _run(search: "Search", arguments: Tune) -> None:
    """Trials until there are enough, or the time is up; each is reported in a line."""
    begin, limit = time.monotonic(), seconds_in(arguments.max_time) if arguments.max_time else None
    spent = sum(trial.seconds for trial in search.trials)
    while len(search.trials) < arguments.trials:
        if limit is not None and spent + time.monotonic() - begin > limit:
            say(f"the time is up after {len(search.trials)} of {arguments.trials} trials")
            break
        trial = search.run_one(lambda _line: None)
        say(f"trial {len(search.trials)} of {arguments.trials}: {_in_words(trial)}")


def _in_words(trial: "Trial") -> str:
    shown = ", ".join(f"{name} {value}" for name, value in trial.settings.items())
    value = trial.reason if trial.value is None else f"{trial.value:.4f}"
    return f"{trial.state}, {value} with {shown}"


def _written(search: "Search", arguments: Tune, fixed: frozenset[str], data: str) -> dict[str, Any]:
    """The files of a search, and its result."""
    from musegen.display.tuning import write_tuning

    trials, best, config = search.trials, search.best, search.best_config()
    write_json(arguments.out / BEST, {"family": config.family, "dataset": data, **asdict(config)})
    names = list(trials[0].settings)
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(["trial", "state", "value", "seconds", *names, "reason"])
    for each in trials:
        values = [each.settings.get(name) for name in names]
        rows.writerow([each.number, each.state, each.value, round(each.seconds, 1), *values, each.reason])
    write_atomic(arguments.out / TABLE, buffer.getvalue().encode())
    write_tuning(trials, arguments.out / PICTURE)
    command = _command(config, data, best.settings.keys() | fixed)
    return {"best": best._asdict(), "command": command, "trials": [each._asdict() for each in trials]}


def _command(config: TrainConfig, data: str, names: set[str] | frozenset[str]) -> str:
    """The command that trains with the best settings and those that the user has set."""
    defaults, values = flat(asdict(type(config)())), flat(asdict(config))
    words = ["musegen", "train", config.family, data]
    for name in sorted(names & values.keys()):
        value = values[name]
        if value == defaults[name] or name.startswith("trainer."):
            continue
        flag = "--" + name.replace("_", "-")
        words += [flag, *map(str, value)] if isinstance(value, tuple) else [flag, str(value)]
    return shlex.join([*words, "--out", "checkpoints/best"])


def _print(trials: "list[Trial]") -> None:
    """Print a row per trial, the best first."""
    from musegen.cli.tables import print_table

    order = sorted(trials, key=lambda trial: (trial.state != "complete", trial.value or 0.0))
    rows = [
        [
            str(each.number),
            each.state,
            "–" if each.value is None else f"{each.value:.4f}",
            *map(str, each.settings.values()),
        ]
        for each in order
    ]
    print_table(["trial", "", "value", *trials[0].settings], rows, width=140)
