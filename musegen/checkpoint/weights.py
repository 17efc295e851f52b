"""The file of weights: its tensor sizes are checked before any memory is allocated for it.

Its header says all that is checked, and torch is imported only to load the weights.
"""

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from musegen.checkpoint.sizes import Sizes
from musegen.errors import CheckpointError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import nn

MAX_HEADER = 1 << 20
"""Maximum bytes of a header; that of the largest model here takes a hundredth of it."""


def check_sizes(path: Path, expected: Sizes) -> None:
    """Check tensor sizes against the header of the file; only the header is read.

    Raises:
        CheckpointError: the file cannot be read, or sizes differ.
    """
    shapes = _shapes(path)
    layers = {
        prefix: len(
            {name[len(prefix) :].split(".")[1] for name in shapes if name.startswith(f"{prefix}layers.")}
        )
        for prefix in expected.layers
    }
    for name, size in (expected.shapes | expected.layers).items():
        found = layers[name] if name in layers else shapes.get(name)
        if found != size:
            raise CheckpointError(
                f"the weights in {path} do not fit config.json and tokenizer.json: {name.rstrip('.')} is "
                f"{found}, not {size}; copy the whole checkpoint again, or train it again"
            )


def count_parameters(path: Path, expected: Sizes) -> int:
    """The number of parameters in the file; only the header is read.

    Raises:
        CheckpointError: the file cannot be read.
    """
    return sum(prod(shape) for name, shape in _shapes(path).items() if name not in expected.buffers)


def read_weight(path: Path, name: str) -> "npt.NDArray[np.float32]":
    """A tensor of the file, in single precision."""
    with safe_open(path, framework="numpy") as weights:
        found: npt.NDArray[np.float32] = weights.get_tensor(name).astype("float32")
    return found


def load_weights(model: "nn.Module", path: Path) -> None:
    """Load the weights of a model; nothing in the file can be executed.

    Raises:
        CheckpointError: the file cannot be read, or does not fit the model.
    """
    from safetensors.torch import load_file  # imports torch, which has been imported for `model`

    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"the weights in {path} do not fit config.json and tokenizer.json: {reason}"
        ) from error


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor, by name, as in the header of the file."""
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if header > MAX_HEADER:
        raise CheckpointError(f"the weights in {path} cannot be read: a header of {header} bytes")
    try:
        with safe_open(path, framework="numpy") as weights:
            return {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118 - no dict
    except SafetensorError as error:
        raise CheckpointError(f"the weights in {path} cannot be read: {error}") from error
