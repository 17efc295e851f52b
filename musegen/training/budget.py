"""Fits a run to a time: the size of the model, the batches, the steps and the validations.

Some steps and validation batches are timed first, on a copy of the model. What was chosen is in the
configuration of the run, so that it can be repeated. The number of steps is planned again during the run (see
`pace.py`).
"""

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from itertools import pairwise
from statistics import mean, median
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch

from musegen.config.ranges import duration, flat, seconds_in
from musegen.config.settings import TrainConfig
from musegen.errors import ConfigError
from musegen.training.device import accelerator, device_type, precision
from musegen.training.learner import Learner
from musegen.training.sharding import EpochData

DEFAULT_ON_CPU = "15m"
"""The maximum time of a run on a CPU whose length is left to musegen."""
EPOCHS = 30
MIN_STEPS = 200
"""Minimum of a run whose length depends on its data."""
VALIDATIONS = 20
"""Validations of a run, evenly spaced; at least half as many, so that the first is in its first tenth."""
STEPS_BETWEEN = 10
"""Minimum between two validations, if there are more than that."""
DECAY = 0.25
"""Share of the steps, the last ones, over which the learning rate falls in a run that is fitted to a time."""
USED = 0.95
"""Share of the maximum time that is planned for: a slower machine must not leave the last steps out."""
VALIDATING = 0.06
"""Maximum share of the time for validations."""
SHARES = (1 / 3, 1 / 2, 2 / 3, 1.0)
"""Sizes of models that are tried, relative to the default."""
TOKENS_PER_WEIGHT = 2.0
"""A model is too large for a time in which it sees fewer training tokens than this for each weight."""
STEPS_IN_TIME = 400
"""Steps for which batches are made smaller, as far as `MIN_BATCH`."""
MIN_BATCH = 2048
"""Tokens of the smallest batches."""
LEAST_STEPS = 10
"""A time for fewer is refused."""
TRIAL_STEPS, SKIPPED, TRIAL_BATCHES = 8, 2, 4
"""Timed steps of a trial, those before them, and the validation batches."""
TRIAL_SHARE = 0.03
"""Maximum share of the time for a trial, once a step has been timed."""
TRIED = 2
"""Steps of each size that is tried."""
TRIAL_SECONDS = 30.0
"""Maximum where there is no limit."""
SIZES = ("embedding_dim", "hidden_size")


class Timing(NamedTuple):
    """Measured seconds."""

    step: float
    validation: float
    """Of the whole validation split."""
    batches: int
    """Number of its batches."""


def time_limit(config: TrainConfig) -> float | None:
    """The maximum time of a run, in seconds; None: no limit.

    A run with a number of steps, on a GPU or on several devices has one only if that is set.
    """
    trainer = config.trainer
    if trainer.max_time is not None:
        return seconds_in(trainer.max_time)
    is_left_to_us = trainer.max_steps is None and device_type(config) == "cpu" and is_alone(config)
    return seconds_in(DEFAULT_ON_CPU) if is_left_to_us else None


def changed(config: TrainConfig) -> frozenset[str]:
    """Names of the settings that differ from their defaults, such as "model.hidden_size"."""
    default = flat(asdict(type(config)()))
    return frozenset(name for name, value in flat(asdict(config)).items() if value != default[name])


def is_alone(config: TrainConfig) -> bool:
    """Whether a run is on one device: only then its steps are timed."""
    trainer = config.trainer
    return trainer.devices in ("auto", "1") and trainer.num_nodes == 1 and trainer.strategy == "auto"


def fit_model(
    config: TrainConfig,
    fixed: Iterable[str],
    seconds: float,
    batch_tokens: int,
    speed: Callable[[TrainConfig], tuple[int, float]],
) -> tuple[TrainConfig, int]:
    """The largest of a few sizes of a model for which a time suffices, and the tokens of its batches.

    Args:
        config: of the run.
        fixed: names of the settings that stay as they are.
        seconds: the maximum time.
        batch_tokens: of the largest batches.
        speed: of a configuration: its number of weights, and on how many tokens it trains per second.
    """
    own, chosen, rate = set(fixed), config, 0.0
    for share in SHARES if own.isdisjoint(f"model.{name}" for name in SIZES) else (1.0,):
        sizes = {name: max(16, round(getattr(config.model, name) * share / 16) * 16) for name in SIZES}
        tried = replace(config, model=replace(config.model, **sizes)) if share < 1 else config
        weights, tokens_per_second = speed(tried)
        if rate and seconds * tokens_per_second < TOKENS_PER_WEIGHT * weights:
            break
        chosen, rate = tried, tokens_per_second
    while "optim.batch_tokens" not in own and batch_tokens // 2 >= MIN_BATCH:
        if seconds * rate >= STEPS_IN_TIME * batch_tokens:
            break
        batch_tokens //= 2
    return chosen, batch_tokens


def fit_steps(
    config: TrainConfig,
    fixed: Iterable[str],
    timing: Timing | None,
    seconds: float | None,
    longest: int,
    *,
    is_blind: bool = False,
) -> TrainConfig:
    """Set the steps, their validations, and the share of the validation split that each is on.

    Args:
        config: of the run.
        fixed: names of the settings that stay as they are.
        timing: of the run; None: it is short.
        seconds: the maximum time that it is fitted to; None: no limit.
        longest: steps that suit the data, where neither these nor a time are set.
        is_blind: only the last step is validated.

    Raises:
        ConfigError: the time does not suffice for `LEAST_STEPS`.
    """
    trainer, steps = config.trainer, config.trainer.max_steps
    if steps is not None and trainer.val_check_interval is not None:
        return config  # of a run that is resumed or repeated
    if steps is None and trainer.max_time is None:
        steps = longest
    share, count = trainer.limit_val_batches, VALIDATIONS // 2
    if timing is not None:
        length = min(each for each in (seconds, steps and steps * timing.step / USED) if each)
        if "trainer.limit_val_batches" not in fixed:
            share = _share(timing, VALIDATING * length / count)
        validation = timing.validation * _as_share(share, timing.batches)
        count = max(count, min(VALIDATIONS, int(VALIDATING * length / max(validation, 1e-9))))
        if seconds is not None:
            in_time = int((USED * seconds - count * validation) / timing.step)
            if in_time < LEAST_STEPS:
                needed = (LEAST_STEPS * timing.step + count * validation) / USED
                raise ConfigError(
                    f"⟨trainer.max-time⟩ {trainer.max_time or DEFAULT_ON_CPU} is too short: a step takes "
                    f"{timing.step:.2g} s here; allow {duration(needed)} or more"
                )
            steps = in_time if steps is None else min(steps, in_time)
    assert steps is not None
    count = max(VALIDATIONS // 2, min(count, steps // STEPS_BETWEEN))
    every = min(steps, trainer.val_check_interval or (steps if is_blind else max(1, steps // count)))
    return replace(
        config,
        trainer=replace(trainer, max_steps=steps, val_check_interval=every, limit_val_batches=share),
    )


def _as_share(limit: int | float, batches: int) -> float:
    """`limit_val_batches` as a share."""
    return limit if isinstance(limit, float) else min(1.0, limit / max(1, batches))


def _share(timing: Timing, seconds: float) -> int | float:
    """The whole validation split, or as many of its batches as a time suffices for."""
    if timing.validation <= seconds:
        return 1.0
    return max(1, int(seconds / timing.validation * timing.batches))


def tokens_per_second(config: TrainConfig, module: Learner, data: EpochData) -> tuple[int, float]:
    """The number of weights of a model, and on how many tokens it trains per second, without Lightning.

    Args:
        config: of the run.
        module: with fresh weights, which change.
        data: of the run.
    """
    device, seconds = torch.device(device_type(config)), []
    module.to(device)
    batch = {name: tensor.to(device) for name, tensor in data.train_batches(0)[0].items()}
    for _ in range(TRIED):
        begin = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=precision(config).startswith("bf16")):
            module.loss(batch).backward()  # type: ignore[no-untyped-call]
        seconds.append(time.perf_counter() - begin)
    weights = sum(each.numel() for each in module.parameters())
    return weights, data.batch_tokens / min(seconds)


def predicted(config: TrainConfig, timing: Timing) -> tuple[float, float]:
    """Seconds of a run, and of its validations."""
    trainer = config.trainer
    steps, every = trainer.max_steps or 0, trainer.val_check_interval or 1
    validating = -(-steps // every) * timing.validation * _as_share(trainer.limit_val_batches, timing.batches)
    return steps * timing.step + validating, validating


class _Stopwatch(pl.Callback):
    """Times steps, until there are enough.

    Args:
        seconds: after which no step is added.
    """

    def __init__(self, seconds: float) -> None:
        self._marks: list[float] = []
        self._seconds = seconds

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Note the time."""
        self._mark(trainer)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Note the time."""
        self._mark(trainer)

    def on_validation_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Note the time."""
        self._mark(trainer)

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Note the time."""
        self._mark(trainer)

    def _mark(self, trainer: pl.Trainer) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._marks.append(time.perf_counter())
        if len(self._marks) > SKIPPED + 1 and self._marks[-1] - self._marks[0] > self._seconds:
            trainer.should_stop = True

    def times(self) -> list[float]:
        """Seconds of each step, without the first."""
        times = [after - before for before, after in pairwise(self._marks)]
        return times[min(SKIPPED, len(times) - 1) :]


def time_run(config: TrainConfig, module: Learner, data: EpochData, seconds: float | None) -> Timing | None:
    """Time steps and validation batches of a copy of the module, with Lightning around them.

    None if the number of steps is set to so few that this would take a twentieth of the run.

    Args:
        config: of the run.
        module: stays as it is, like the random numbers of the run.
        data: of the run.
        seconds: its maximum time.
    """
    steps = TRIAL_STEPS + SKIPPED
    if config.trainer.max_steps is not None and config.trainer.max_steps < 20 * steps:
        return None
    trial, limit = copy.deepcopy(module), TRIAL_SHARE * seconds if seconds else TRIAL_SECONDS
    with torch.random.fork_rng():
        training, validating = _Stopwatch(limit), _Stopwatch(limit)
        trainer = _trial(config, training)
        trainer.fit(trial, datamodule=data)
        loader = data.val_dataloader()
        _trial(config, validating).validate(trial, dataloaders=loader, verbose=False)
    data.trainer = None
    # Batches of a validation differ in size.
    return Timing(median(training.times()), mean(validating.times()) * len(loader), len(loader))


def _trial(config: TrainConfig, watch: _Stopwatch) -> pl.Trainer:
    return pl.Trainer(
        accelerator=accelerator(config),
        devices=1,
        precision=precision(config),  # type: ignore[arg-type]
        max_steps=SKIPPED + TRIAL_STEPS,
        max_epochs=-1,
        limit_val_batches=SKIPPED + TRIAL_BATCHES,
        val_check_interval=10 * TRIAL_STEPS,
        check_val_every_n_epoch=None,
        gradient_clip_val=config.optim.clip,
        use_distributed_sampler=False,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        callbacks=[watch],
    )
