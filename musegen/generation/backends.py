"""The back-end that runs a checkpoint: its exported graphs on a CPU, else torch."""

import copy
import os
from collections.abc import Sequence
from typing import Any

from musegen.checkpoint.folder import WEIGHTS, Checkpoint
from musegen.checkpoint.weights import read_weight
from musegen.errors import ConfigError
from musegen.generation.exported import Exported
from musegen.generation.graph_store import IN_INT8, GraphStore
from musegen.generation.guidance import given
from musegen.generation.machine import Machine

NO_FLOAT64 = ("mps",)
"""Devices that cannot sample: their models are copied to the CPU for it."""


def machine_of(
    checkpoint: Checkpoint,
    precision: str = "float32",
    labels: Sequence[str] = (),
    guidance: float = 1.0,
) -> Machine:
    """A checkpoint, ready to run.

    Args:
        checkpoint: read from its folder, or with a model in memory, which runs in torch.
        precision: of the weights of its steps.
        labels: of the music, as the model knows them; none for other models than labelled ones.
        guidance: how closely they are followed.

    Raises:
        ConfigError: rounded weights without exported graphs.
    """
    return given(_machine(checkpoint, precision), checkpoint.config.model.labels, labels, guidance)


def _machine(checkpoint: Checkpoint, precision: str) -> Machine:
    if precision != "float32" and checkpoint.device != "cpu":
        raise ConfigError(f"⟨precision⟩ {precision} is for a CPU: leave it out on a GPU")
    if checkpoint.module is None and checkpoint.device == "cpu" and checkpoint.config.is_exportable:
        store = GraphStore(checkpoint, makes=os.environ.get("MUSEGEN_EXPORT") != "0")
        machine = exported_machine(checkpoint, store, IN_INT8 if precision == "int8" else "step")
        if machine is not None:
            return machine
    if precision != "float32" and not checkpoint.config.is_exportable:
        raise ConfigError(
            f"⟨precision⟩ {precision} is not for a model that runs in torch alone: leave it out"
        )
    if precision != "float32":
        raise ConfigError(f"⟨precision⟩ {precision} needs an exported model: pip install 'musegen[export]'")
    return _eager(checkpoint)


def exported_machine(checkpoint: Checkpoint, store: GraphStore, step: str = "step") -> Exported | None:
    """A checkpoint as exported graphs; None if there is none of its step."""
    if not (store.get(step) and store.get("start")):
        return None
    weights = checkpoint.path / WEIGHTS
    return Exported(
        store.get,
        checkpoint.tokenizer.tables,
        lambda name: read_weight(weights, name),
        step=step,
        torch=lambda: _eager(checkpoint),
    )


def _eager(checkpoint: Checkpoint) -> Machine:
    from musegen.generation.eager import Eager  # torch, which exported graphs do without

    model: Any = checkpoint.model
    if next(model.parameters()).device.type in NO_FLOAT64:
        model = copy.deepcopy(model).cpu()
    return Eager(model, checkpoint.tokenizer.tables)
