"""The back-end that runs a checkpoint: its exported graphs on a CPU, else torch."""

from musegen.checkpoint.folder import Checkpoint
from musegen.checkpoint.weights import read_weight
from musegen.errors import ConfigError
from musegen.generation.exported import Exported
from musegen.generation.graph_store import IN_INT8, GraphStore
from musegen.generation.machine import Machine


def machine_of(checkpoint: Checkpoint, precision: str = "float32") -> Machine:
    """A checkpoint, ready to run.

    Args:
        checkpoint: read from its folder, or with a model in memory, which runs in torch.
        precision: of the weights of its steps.

    Raises:
        ConfigError: rounded weights without exported graphs.
    """
    if precision != "float32" and checkpoint.device != "cpu":
        raise ConfigError(f"⟨precision⟩ {precision} is for a CPU: leave it out on a GPU")
    if checkpoint.module is None and checkpoint.device == "cpu":
        store = GraphStore(checkpoint)
        step = IN_INT8 if precision == "int8" else "step"
        if store.get(step) and store.get("start"):
            weights = checkpoint.path / "model.safetensors"
            return Exported(
                store.get,
                checkpoint.tokenizer.tables,
                lambda name: read_weight(weights, name),
                step=step,
                torch=lambda: _eager(checkpoint),
            )
    if precision != "float32":
        raise ConfigError(f"⟨precision⟩ {precision} needs an exported model: pip install 'musegen[export]'")
    return _eager(checkpoint)


def _eager(checkpoint: Checkpoint) -> Machine:
    from musegen.generation.eager import Eager  # torch, which exported graphs do without

    return Eager(checkpoint.model, checkpoint.tokenizer.tables)
