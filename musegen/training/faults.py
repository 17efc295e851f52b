"""Messages for faults from outside: unusable settings, a full disk, a process that has died."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException

from musegen.errors import ConfigError, MusegenError


@contextmanager
def settings_in_words() -> Iterator[None]:
    """Report in one line the settings that Lightning refuses when it makes its trainer."""
    try:
        yield
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise _unusable(error) from error


@contextmanager
def faults_in_words(trainer: pl.Trainer, died: str, following: Callable[[], str]) -> Iterator[None]:
    """Report in one line a fault that ends a run from outside.

    Args:
        trainer: of the run.
        died: the message about a process that has died.
        following: the command that resumes the run.
    """
    try:
        yield
    except MisconfigurationException as error:
        raise _unusable(error) from error
    except BrokenPipeError:  # stdout or stderr is closed
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        where = f": {error.filename}" if error.filename else ""
        raise MusegenError(
            f"training ends at step {trainer.global_step}: {reason}{where}; what was saved before is kept; "
            f"when that is fixed, resume with: {following()}"
        ) from error
    except RuntimeError as error:
        if trainer.world_size == 1 or not _is_lost_connection(error):
            raise
        raise MusegenError(died) from error


def _unusable(error: Exception) -> ConfigError:
    return ConfigError(f"⟨trainer⟩ settings do not work here: {str(error).splitlines()[0]}")


def _is_lost_connection(error: RuntimeError) -> bool:
    """Whether an error means that another process has died; gloo's has no type of its own."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error).lower()


def say_when_one_dies(say: Callable[[str], None], died: str) -> None:
    """When a process of a run dies, Lightning kills the others and only logs it: print that, too."""

    def report(record: logging.LogRecord) -> bool:
        if "terminated with code" in record.getMessage():
            say(f"error: {died}")
        return False

    logger = logging.getLogger("lightning_fabric.strategies.launchers.subprocess_script")
    logger.setLevel(logging.INFO)
    logger.filters = [report]


def quiet_libraries() -> None:
    """Silence Lightning's tips and warnings about settings that are fixed here."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning.fabric", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", module="lightning_fabric")
