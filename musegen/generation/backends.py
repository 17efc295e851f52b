"""The back-end that runs a checkpoint."""

from typing import Any

from musegen.checkpoint.folder import Checkpoint
from musegen.generation.machine import Machine


def machine_of(checkpoint: Checkpoint, precision: str = "float32") -> Machine:
    """A checkpoint, ready to run."""
    from musegen.generation.eager import Eager

    return Eager(checkpoint.model, checkpoint.tokenizer.tables)
