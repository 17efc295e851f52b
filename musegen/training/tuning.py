"""A search for good training settings with optuna: short runs, compared on the validation split.

Every trial is a run of `train` with settings sampled by optuna, at random (Bergstra and Bengio 2012) or by a
tree-structured Parzen estimator (Bergstra et al. 2011); trials that do worse than half of the earlier ones at
the same validation are ended early. The study is in an SQLite file, so that an interrupted search goes on.
"""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import optuna
from optuna.trial import FrozenTrial, TrialState

from musegen.config.from_json import with_settings
from musegen.config.search_space import Span
from musegen.config.settings import TrainConfig
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError, DataError, MusegenError, attempt
from musegen.training.train import train

STUDY, TRIALS = "study.db", "trials"
"""The file of a study, and the folder of its best checkpoint."""
BATCH_TOKENS, VALIDATION_BATCHES = 4096, 6
"""Of every trial, unless they are set: the same pieces for all, and little time for each validation."""
STARTED, WARMED = 5, 2
"""Trials, and validations of each, before any is ended early."""
STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "ended early", TrialState.FAIL: "failed"}


class Trial(NamedTuple):
    """One run of a search."""

    number: int
    state: str
    """One of `STATES`."""
    value: float | None
    """The best validation; of a trial that was ended early, the best until then."""
    settings: dict[str, Any]
    """Those that were sampled."""
    seconds: float
    reason: str = ""
    """Why it failed."""


class Search:
    """A search, new or interrupted.

    Args:
        config: of the runs; the settings that are searched are replaced.
        dataset: the music.
        out: the folder of the search.
        spans: the settings that are searched, and their values.
        sampler: how they are sampled.
        fixed: names of the settings that the user has set.
    """

    def __init__(
        self,
        config: TrainConfig,
        dataset: Dataset,
        out: Path,
        *,
        spans: Sequence[Span],
        sampler: Literal["tpe", "random"],
        fixed: frozenset[str] = frozenset(),
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.config, self.fixed = _short(config, fixed)
        self._dataset, self._out, self._spans = dataset, out, list(spans)
        self._kept: int | None = None  # the trial whose checkpoint is kept
        self._study = optuna.create_study(
            storage=f"sqlite:///{(out / STUDY).resolve()}", study_name="musegen", load_if_exists=True
        )
        # A search that goes on must not sample the same numbers again.
        seed = config.seed + len(self._study.trials)
        samplers: dict[str, Callable[..., optuna.samplers.BaseSampler]] = {
            "tpe": optuna.samplers.TPESampler,
            "random": optuna.samplers.RandomSampler,
        }
        self._study.sampler = samplers[sampler](seed=seed)
        self._study.pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTED, n_warmup_steps=WARMED)
        self._begin()

    def _begin(self) -> None:
        """Begin with the default settings, or with the trial that was interrupted.

        Raises:
            ConfigError: the study in the folder is of other settings.
        """
        described = {
            "family": self.config.family,
            "config": asdict(self.config),
            "ranges": [asdict(span) for span in self._spans],
            "dataset_sha256": self._dataset.sha256,
        }
        described = json.loads(json.dumps(described))
        known = self._study.user_attrs.get("search")
        if known is not None and known != described:
            other = next(name for name in described if known.get(name) != described[name])
            raise ConfigError(
                f"the search in {self._out} has another {other.replace('_', ' ')}: resume it with the same "
                "command, or name another ⟨out⟩"
            )
        self._study.set_user_attr("search", described)
        if not self._study.trials:
            own = asdict(self.config.settled())
            defaults = {span.name: _at(own, span.name) for span in self._spans}
            if all(span.has(defaults[span.name]) for span in self._spans):
                self._study.enqueue_trial(defaults)
        for trial in self._study.get_trials(states=[TrialState.RUNNING]):
            self._study.tell(trial.number, state=TrialState.FAIL)
            self._study.set_user_attr(f"interrupted {trial.number}", value=True)
            self._study.enqueue_trial(trial.params)

    @property
    def trials(self) -> list[Trial]:
        """Those that have ended, except interrupted ones."""
        return [
            _as_trial(trial)
            for trial in self._study.trials
            if trial.state in STATES and f"interrupted {trial.number}" not in self._study.user_attrs
        ]

    @property
    def best(self) -> Trial:
        """The trial with the lowest value.

        Raises:
            DataError: none has finished; with the most frequent reason.
        """
        trials = self.trials
        complete = [trial for trial in trials if trial.state == STATES[TrialState.COMPLETE]]
        if not complete:
            [(reason, _)] = Counter(trial.reason for trial in trials).most_common(1) or [
                ("no time was left", 0)
            ]
            raise DataError(f"none of {len(trials)} trials has finished: {reason}")
        return min(complete, key=lambda trial: trial.value or 0.0)

    def run_one(self, say: Callable[[str], None]) -> Trial:
        """One more trial; its checkpoint is kept if it is the best."""
        trial = self._study.ask()
        settings = {span.name: _suggest(span, trial) for span in self._spans}
        folder, values = self._out / TRIALS / f"{trial.number:03}", list[float]()

        def watch(number: int, value: float) -> bool:
            values.append(value)
            trial.report(value, number)
            return bool(trial.should_prune())

        found = attempt(self._train, settings, folder, watch, say)
        if isinstance(found, MusegenError):
            trial.set_user_attr("reason", str(found))
            self._study.tell(trial, state=TrialState.FAIL)
        elif trial.should_prune():
            trial.set_user_attr("value", min(values))
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, min(values))
        self._keep_best()
        return _as_trial(self._study.trials[trial.number])

    def _train(
        self,
        settings: dict[str, Any],
        folder: Path,
        watch: Callable[[int, float], bool],
        say: Callable[[str], None],
    ) -> None:
        config = with_settings(self.config, settings)
        fixed = self.fixed | settings.keys()
        train(config, self._dataset, folder, force=True, fixed=fixed, say=say, watch=watch)

    def _keep_best(self) -> None:
        complete = self._study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        kept = f"{self._study.best_trial.number:03}" if complete else ""
        for folder in (self._out / TRIALS).glob("*"):
            if folder.name != kept:
                shutil.rmtree(folder, ignore_errors=True)

    def best_config(self) -> TrainConfig:
        """The settings of the best trial, for a run of any length."""
        config = with_settings(self.config, self.best.settings)
        long = replace(
            config.trainer, max_steps=None, max_time=None, val_check_interval=None, limit_val_batches=1.0
        )
        return replace(config, trainer=long)


def _short(config: TrainConfig, fixed: frozenset[str]) -> tuple[TrainConfig, frozenset[str]]:
    """The settings of a trial, in which nothing that is compared depends on the speed of the machine."""
    optim, trainer = config.optim, config.trainer
    if "optim.batch_tokens" not in fixed:
        optim = replace(optim, batch_tokens=min(optim.batch_tokens, BATCH_TOKENS))
    if "trainer.limit_val_batches" not in fixed:
        trainer = replace(trainer, limit_val_batches=VALIDATION_BATCHES)
    same = {"optim.batch_tokens", "trainer.limit_val_batches", "model.hidden_size", "model.embedding_dim"}
    return replace(config, optim=optim, trainer=trainer), fixed | same


def _at(values: dict[str, Any], name: str) -> Any:
    for part in name.split("."):
        values = values[part]
    return values


def _suggest(span: Span, trial: optuna.Trial) -> Any:
    """A value of a setting, rounded to what a person would write."""
    if span.choices:
        return trial.suggest_categorical(span.name, span.choices)
    if span.step is not None:
        step = 1 if span.is_log else span.step
        return trial.suggest_int(span.name, int(span.low), int(span.high), step=step, log=span.is_log)
    return float(f"{trial.suggest_float(span.name, span.low, span.high, log=span.is_log):.3g}")


def _as_trial(trial: FrozenTrial) -> Trial:
    duration = trial.duration.total_seconds() if trial.duration else 0.0
    value = trial.value if trial.state == TrialState.COMPLETE else trial.user_attrs.get("value")
    settings = {name: float(f"{v:.3g}") if isinstance(v, float) else v for name, v in trial.params.items()}
    return Trial(
        trial.number, STATES[trial.state], value, settings, duration, trial.user_attrs.get("reason", "")
    )
