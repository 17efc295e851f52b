"""Train small models on your own music and have them write new pieces as MIDI."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musegen.api.model import Model

__version__ = "0.1.0"


def load(name: str | Path, *, device: str = "cpu") -> "Model":
    """A model, ready to write.

    >>> model = musegen.load("folk")
    >>> tune = model.generate(bars=16, seed=1)
    >>> tune.save("tune.mid")

    Args:
        name: a checkpoint's folder, its name under ./checkpoints, or an installed model's (`musegen models`).
        device: where it is to work, such as "cpu" or "cuda".

    Raises:
        CheckpointError: there is none of that name, or it cannot be used.
    """
    from musegen.api.model import Model  # with torch, which `import musegen` does without

    return Model.load(name, device=device)
