"""Going on with a run that was interrupted, to the same last bit.

What a step does follows from (seed, epoch, step) and the weights before it: the order of the batches, the
transpositions, and what dropout and sampling draw. So it is enough to keep the weights, the optimizer's state
and the counters, in `.resume/` of the run's own folder: before the first step, after each validation, and
when the run is asked to stop. Lightning's own files are written and read here, and by nothing else.
"""

import io
import json
import pickle
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from musegen.checkpoint import parse_checkpoint_config
from musegen.config import TrainConfig
from musegen.data.dataset import Dataset
from musegen.errors import CheckpointError, ConfigError, TokenError
from musegen.files import write_atomic, write_json
from musegen.tokenizers import Tokenizer, load_tokenizer

_FOLDER, _RUN, _STATE = ".resume", "run.json", "state.ckpt"
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


class Interrupted(NamedTuple):
    """What a run was asked for, and what it made of it."""

    asked: TrainConfig
    """As typed."""
    config: TrainConfig
    """Fitted to the data."""
    tokenizer: Tokenizer
    state: Path
    """Lightning's file."""


def state_path(out: Path) -> Path:
    """Where the state of the run in `out` lies."""
    return out / _FOLDER / _STATE


def save_run(out: Path, asked: TrainConfig, config: TrainConfig, tokenizer: Tokenizer, data: Dataset) -> None:
    """Note what the run in `out` is, before its first step.

    Raises:
        OSError: the folder cannot be written.
    """
    forget_run(out)
    configs = {
        name: {"family": each.family} | asdict(each) for name, each in (("asked", asked), ("config", config))
    }
    facts = configs | {"tokenizer": tokenizer.to_dict(), "dataset": data.name, "dataset_sha256": data.sha256}
    write_json(out / _FOLDER / _RUN, facts)


def forget_run(out: Path) -> None:
    """Remove what a run in `out` would go on from."""
    shutil.rmtree(out / _FOLDER, ignore_errors=True)


def load_run(out: Path, asked: TrainConfig, dataset: Dataset) -> Interrupted:
    """The run in `out` that was interrupted.

    Args:
        out: its folder.
        asked: what is asked for now: nothing, or the same as then.
        dataset: its music.

    Raises:
        ConfigError: there is nothing to go on with, or something else is asked for.
        CheckpointError: what was noted is damaged.
    """
    if not state_path(out).is_file():
        whole = (out / "SHA256SUMS").is_file()
        fault = "holds a run that has ended" if whole else "holds no run that was interrupted"
        raise ConfigError(f"--resume: {out} {fault}; leave --resume out to train from the start")
    try:
        facts = json.loads((out / _FOLDER / _RUN).read_text("utf-8"))
        then, config = (parse_checkpoint_config(facts[name])[0] for name in ("asked", "config"))
        tokenizer = load_tokenizer(facts["tokenizer"])
        sha256, name = facts["dataset_sha256"], facts["dataset"]
    except (OSError, ValueError, KeyError, TypeError, ConfigError, TokenError) as error:
        raise CheckpointError(f"{out / _FOLDER / _RUN} is damaged: {error}; train from the start") from error
    if sha256 != dataset.sha256:
        raise ConfigError(
            f"--resume: the run in {out} learns from another state of {name}, not from this music"
        )
    _check_settings(then, asked)
    return Interrupted(then, config, tokenizer, state_path(out))


def _check_settings(then: TrainConfig, now: TrainConfig) -> None:
    """Refuse what is typed now, and was not so then; what is not typed now has its default."""
    if then.family != now.family:
        raise ConfigError(f"--resume: the run is of family {then.family}, not {now.family}")
    before, after, default = (_flat(asdict(each)) for each in (then, now, type(now)()))
    changed = [name for name, value in after.items() if value not in (before[name], default[name])]
    if changed:
        name, flag = changed[0], f"--{changed[0].replace('_', '-')}"
        raise ConfigError(
            f"--resume goes on with the settings of the run: {flag} was {before[name]}, not {after[name]}; "
            "leave it out, or train into another --out"
        )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


class WholeFiles(TorchCheckpointIO):
    """Lightning's states: written whole beside where they lie, not through $TMPDIR; read as data alone."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write through a temporary file beside `path`."""
        del storage_options
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_atomic(Path(path), buffer.getvalue())

    def load_checkpoint(
        self,
        path: Any,
        map_location: Any = None,
        weights_only: bool | None = None,  # noqa: FBT001 - Lightning's
    ) -> dict[str, Any]:
        """Read tensors and plain values; nothing else is let in."""
        del map_location, weights_only
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
            raise CheckpointError(f"{path} is damaged: {error}; train from the start") from error
        return state


class StepSeeds(pl.Callback):
    """Everything that a step draws at random follows from the seed and the step's number."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: pl.Trainer, module: Any, batch: Any, index: int) -> None:
        """Seed torch anew."""
        del module, batch, index
        key = np.random.SeedSequence([self.seed, trainer.global_step, trainer.global_rank])
        torch.manual_seed(int(key.generate_state(1, np.uint64)[0]))


class KeepState(pl.Callback):
    """Save the state of the run before the first step, after each validation, and when asked to stop.

    A state is saved at the end of a step that no validation follows, so that none is left out on going on.

    Args:
        path: of the state.
        every: steps between validations.
        say: prints one line.
        going_on: the command that goes on.
    """

    def __init__(self, path: Path, *, every: int, say: Callable[[str], None], going_on: str) -> None:
        self.path, self.every, self.say, self.going_on = path, every, say, going_on
        self.asked: int | None = None

    def on_train_start(self, trainer: pl.Trainer, module: Any) -> None:
        """Save a fresh run; from here on Ctrl-C and SIGTERM wait for the end of a step."""
        del module
        if trainer.global_step == 0:
            trainer.save_checkpoint(self.path)
        if threading.current_thread() is threading.main_thread():
            for number in EXIT_CODES:  # Lightning puts the handlers back when it ends
                signal.signal(number, self._ask)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: Any, outputs: Any, batch: Any, index: int
    ) -> None:
        """Save if it is time."""
        del module, outputs, batch, index
        after_validation = trainer.global_step % self.every
        must_stop = self._is_asked(trainer)
        if not after_validation or (after_validation != 1 and not must_stop):
            return
        trainer.save_checkpoint(self.path)
        if must_stop:
            self.say(f"stopped after step {trainer.global_step}; go on with: {self.going_on}")
            sys.exit(EXIT_CODES[signal.Signals(self.asked or signal.SIGTERM)])

    def _ask(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.asked is not None:
            raise KeyboardInterrupt  # asked twice: at once
        self.asked = number

    def _is_asked(self, trainer: pl.Trainer) -> bool:
        """Whether this process, or another of the run, is to stop."""
        if trainer.world_size == 1:
            return self.asked is not None
        return bool(trainer.strategy.reduce_boolean_decision(self.asked is not None, all=False))
