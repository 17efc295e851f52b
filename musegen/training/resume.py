"""Resume an interrupted run with bit-identical results.

A step depends only on (seed, epoch, step) and the weights before it: the order of the batches, the
transpositions, and the random numbers of dropout and sampling. So it is enough to save the weights, the
optimizer's state, the counters and the settings, in `.resume/` of the run's folder: before the first step,
after each validation, and when the run must stop. The second last state is kept in case the last is damaged.
Lightning's files are written and read only here.
"""

import hashlib
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

from musegen.checkpoint.folder import parse_checkpoint_config
from musegen.config.ranges import flat
from musegen.config.settings import TrainConfig
from musegen.data.dataset import Dataset
from musegen.errors import CheckpointError, ConfigError, TokenError
from musegen.files import COMMAND, RESUME, write_atomic
from musegen.tokenizers import Tokenizer, load_tokenizer

_STATE, _BEFORE = "state.ckpt", "before.ckpt"
_RUN = "musegen_run"
"""Key of a state for the settings of its run, as JSON."""
_DIGEST = 32
"""Bytes of the SHA-256 at the end of a state's file; torch and Lightning do not detect a flipped bit."""
_RESTART = "train from the start: leave ⟨resume⟩ out and add ⟨force⟩"
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


class Interrupted(NamedTuple):
    """The settings of an interrupted run, and its state."""

    typed: TrainConfig
    """As the user gave them."""
    config: TrainConfig
    """Completed from the data."""
    tokenizer: Tokenizer
    init: Path | None
    """The checkpoint that it fine-tunes."""
    state: Path
    """Lightning's file."""


def state_path(out: Path) -> Path:
    """The path of the state of the run in `out`."""
    return out / RESUME / _STATE


def describe_run(
    typed: TrainConfig, config: TrainConfig, tokenizer: Tokenizer, data: Dataset, init: Path | None
) -> str:
    """The description of a run in its states: settings as set and as completed, tokenizer, dataset, start."""
    configs = {
        name: {"family": each.family} | asdict(each) for name, each in (("asked", typed), ("config", config))
    }
    return json.dumps(
        configs
        | {"tokenizer": tokenizer.to_dict(), "dataset": data.name, "dataset_sha256": data.sha256}
        | {"init": str(init.resolve()) if init else None}
    )


def has_state(out: Path) -> bool:
    """Whether `out` has a state to resume from."""
    return any(path.is_file() for path in _states(out))


def require_state(out: Path) -> None:
    """Reject to resume where there is no state.

    Raises:
        ConfigError: `out` has none.
    """
    if not has_state(out):
        whole = (out / "SHA256SUMS").is_file()
        fault = "holds a run that has ended" if whole else "holds no run that was interrupted"
        raise ConfigError(f"⟨resume⟩: {out} {fault}; leave ⟨resume⟩ out to train from the start")


def _states(out: Path) -> tuple[Path, Path]:
    """The paths of the last state and of the one before."""
    return state_path(out), out / RESUME / _BEFORE


def delete_resume_state(out: Path) -> None:
    """Delete the states of the run in `out`."""
    shutil.rmtree(out / RESUME, ignore_errors=True)


def load_run(out: Path, typed: TrainConfig, dataset: Dataset, say: Callable[[str], None]) -> Interrupted:
    """Load the interrupted run in `out`.

    Args:
        out: its folder.
        typed: the settings given now: defaults, or the same as then.
        dataset: its music.
        say: prints one line.

    Raises:
        ConfigError: there is nothing to resume, or the settings differ.
        CheckpointError: the states are damaged.
    """
    require_state(out)
    path, state = _whole_state(out, say)
    try:
        facts = json.loads(state[_RUN])
        then, config = (parse_checkpoint_config(facts[name])[0] for name in ("asked", "config"))
        tokenizer = load_tokenizer(facts["tokenizer"])
        sha256, name = facts["dataset_sha256"], facts["dataset"]
        init = Path(facts["init"]) if facts.get("init") else None
    except (ValueError, KeyError, TypeError, RecursionError, ConfigError, TokenError) as error:
        raise CheckpointError(f"{path} is not a state of a run: {error}; {_RESTART}") from error
    if sha256 != dataset.sha256:
        raise ConfigError(
            f"⟨resume⟩: the run in {out} is trained on another version of {name}, not on this music"
        )
    _check_settings(then, typed, config)
    return Interrupted(then, config, tokenizer, init, path)


def _whole_state(out: Path, say: Callable[[str], None]) -> tuple[Path, dict[str, Any]]:
    """The last undamaged state."""
    faults = []
    for path in filter(Path.is_file, _states(out)):
        try:
            state = WholeFiles().load_checkpoint(path)
        except CheckpointError as error:
            faults.append(str(error))
        else:
            if faults:
                say(f"warning: {faults[0]}; resuming from the state before it")
            return path, state
    raise CheckpointError(f"{'; '.join(faults)}; {_RESTART}")


def _check_settings(then: TrainConfig, now: TrainConfig, completed: TrainConfig) -> None:
    """Refuse settings given now that differ from those then; settings not given have their defaults.

    Args:
        then: as typed then.
        now: as typed now.
        completed: those then, with their defaults filled in.
    """
    if then.family != now.family:
        raise ConfigError(f"⟨resume⟩: the run is of family {then.family}, not {now.family}")
    before, after, default = (flat(asdict(each)) for each in (then, now, type(now)()))
    settled = flat(asdict(completed))
    changed = [name for name, value in after.items() if value not in (before[name], default[name])]
    if changed:
        name, flag = changed[0], f"⟨{changed[0].replace('_', '-')}⟩"
        raise ConfigError(
            f"⟨resume⟩ keeps the settings of the run: {flag} was {settled[name]}, not {after[name]}; "
            "leave it out, or train into another ⟨out⟩"
        )


class WholeFiles(TorchCheckpointIO):
    """Lightning's states: written atomically without $TMPDIR, and read as plain data."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write through a temporary file next to `path`; the file there becomes the state before."""
        del storage_options
        path = Path(path)
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        buffer.seek(0, io.SEEK_END)
        buffer.write(hashlib.sha256(buffer.getbuffer()).digest())
        if path.exists():
            path.replace(path.with_name(_BEFORE))
        write_atomic(path, buffer.getvalue())

    def load_checkpoint(
        self,
        path: Any,
        map_location: Any = None,
        weights_only: bool | None = None,  # noqa: FBT001 - Lightning's
    ) -> dict[str, Any]:
        """Read tensors and plain values; anything else is refused."""
        del map_location, weights_only
        data = memoryview(Path(path).read_bytes())
        if hashlib.sha256(data[:-_DIGEST]).digest() != data[-_DIGEST:]:
            raise CheckpointError(f"{path} is damaged: it does not have the SHA-256 at its end")
        try:
            state = torch.load(io.BytesIO(data[:-_DIGEST]), map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
            raise CheckpointError(f"{path} is damaged: {error}") from error
        if not isinstance(state, dict):
            raise CheckpointError(f"{path} is damaged: it holds no state")
        return state


class StepSeeds(pl.Callback):
    """Makes the random numbers of a step depend only on the seed and the step."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: pl.Trainer, _module: Any, _batch: Any, _index: int) -> None:
        """Seed torch for this step."""
        key = np.random.SeedSequence([self.seed, trainer.global_step, trainer.global_rank])
        torch.manual_seed(int(key.generate_state(1, np.uint64)[0]))


class KeepState(pl.Callback):
    """Save the state of the run before the first step, after each validation, and on a stop signal.

    A state is saved at the end of a step that no validation follows, so that resuming skips none.

    Args:
        path: of the state.
        run: its current description by `describe_run`.
        every: steps between validations.
        say: prints one line.
        resume_command: the command that resumes the run.
    """

    def __init__(
        self,
        path: Path,
        run: Callable[[], str],
        *,
        every: int,
        say: Callable[[str], None],
        resume_command: str,
    ) -> None:
        self.path, self.run, self.every, self.say, self.resume_command = path, run, every, say, resume_command
        self.stop_signal: int | None = None

    def on_train_start(self, trainer: pl.Trainer, _module: Any) -> None:
        """Save a new run; from now on Ctrl-C and SIGTERM wait for the end of a step."""
        if trainer.global_step == 0:
            trainer.save_checkpoint(self.path)
        if trainer.is_global_zero:
            write_atomic(self.path.with_name(COMMAND), f"{self.resume_command}\n".encode())
        if threading.current_thread() is threading.main_thread():
            for number in EXIT_CODES:  # Lightning restores the handlers when it ends
                signal.signal(number, self._on_signal)

    def on_train_batch_end(
        self, trainer: pl.Trainer, _module: Any, _outputs: Any, _batch: Any, _index: int
    ) -> None:
        """Save if it is time."""
        after_validation = trainer.global_step % self.every
        must_stop = self._must_stop(trainer)
        if not after_validation or (after_validation != 1 and not must_stop):
            return
        trainer.save_checkpoint(self.path)
        if must_stop:
            self.say(f"stopped after step {trainer.global_step}; resume with: {self.resume_command}")
            sys.exit(EXIT_CODES[signal.Signals(self.stop_signal or signal.SIGTERM)])

    def on_save_checkpoint(self, _trainer: pl.Trainer, _module: Any, checkpoint: dict[str, Any]) -> None:
        """Add the description of the run to each state."""
        checkpoint[_RUN] = self.run()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.stop_signal is not None:
            raise KeyboardInterrupt  # a second signal stops at once
        self.stop_signal = number

    def _must_stop(self, trainer: pl.Trainer) -> bool:
        """Whether this process or another one of the run must stop."""
        if trainer.world_size == 1:
            return self.stop_signal is not None
        return bool(trainer.strategy.reduce_boolean_decision(self.stop_signal is not None, all=False))
