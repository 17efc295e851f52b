"""What ends a run from outside, in words: settings that do not work here, a full disk, a lost process."""

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
    """Say in one line which settings Lightning refuses while it makes its trainer."""
    try:
        yield
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise _unusable(error) from error


@contextmanager
def faults_in_words(trainer: pl.Trainer, died: str, following: Callable[[], str]) -> Iterator[None]:
    """Say what ends a run from outside.

    Args:
        trainer: at work.
        died: what is said of a process that is lost.
        following: the command that goes on.
    """
    try:
        yield
    except MisconfigurationException as error:
        raise _unusable(error) from error
    except BrokenPipeError:  # nobody listens any more
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        where = f": {error.filename}" if error.filename else ""
        raise MusegenError(
            f"training ends at step {trainer.global_step}: {reason}{where}; what was saved before is kept; "
            f"when that is mended, go on with: {following()}"
        ) from error
    except RuntimeError as error:
        if trainer.world_size == 1 or not _is_lost_connection(error):
            raise
        raise MusegenError(died) from error


def _unusable(error: Exception) -> ConfigError:
    return ConfigError(f"--trainer settings do not work here: {str(error).splitlines()[0]}")


def _is_lost_connection(error: RuntimeError) -> bool:
    """Whether an error is what a process hears of another's death; gloo's has no type of its own."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error).lower()


def say_when_one_dies(say: Callable[[str], None], died: str) -> None:
    """Where a process of a run dies, Lightning kills the others, and says so where nobody listens."""

    def heard(record: logging.LogRecord) -> bool:
        if "terminated with code" in record.getMessage():
            say(f"error: {died}")
        return False

    logger = logging.getLogger("lightning_fabric.strategies.launchers.subprocess_script")
    logger.setLevel(logging.INFO)
    logger.filters = [heard]


def quiet_libraries() -> None:
    """Lightning's own tips and warnings are about things that are decided here."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning.fabric", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", module="lightning_fabric")
