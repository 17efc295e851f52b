"""The file of weights: its tensor sizes are checked before any memory is allocated for it."""

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from musegen.errors import CheckpointError

MAX_HEADER = 1 << 20
"""Maximum bytes of a header; that of the largest model here takes a hundredth of it."""


class Sizes(NamedTuple):
    """Tensor sizes that a configuration implies."""

    shapes: dict[str, tuple[int, ...]]
    """Shapes of some tensors, by name."""
    layers: dict[str, int]
    """Number of recurrent layers under each prefix."""


def check_sizes(path: Path, expected: Sizes) -> None:
    """Check tensor sizes against the header of the file; only the header is read.

    Raises:
        CheckpointError: the file cannot be read, or sizes differ.
    """
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if header > MAX_HEADER:
        raise CheckpointError(f"the weights in {path} cannot be read: a header of {header} bytes")
    try:
        with safe_open(path, framework="pt") as weights:
            names = set(weights.keys())
            shapes = {
                name: tuple(weights.get_slice(name).get_shape()) for name in expected.shapes if name in names
            }
    except SafetensorError as error:
        raise CheckpointError(f"the weights in {path} cannot be read: {error}") from error
    layers = {
        prefix: sum(name.startswith(prefix) and ".weight_hh_l0" in name for name in names)
        for prefix in expected.layers
    }
    for name, size in (expected.shapes | expected.layers).items():
        found = layers[name] if name in layers else shapes.get(name)
        if found != size:
            raise CheckpointError(
                f"the weights in {path} do not fit config.json and tokenizer.json: {name.rstrip('.')} is "
                f"{found}, not {size}; copy the whole checkpoint again, or train it again"
            )


def load_weights(model: nn.Module, path: Path) -> None:
    """Load the weights of a model; nothing in the file can be executed.

    Raises:
        CheckpointError: the file cannot be read, or does not fit the model.
    """
    try:
        weights: dict[str, torch.Tensor] = load_file(path)
        model.load_state_dict(weights)
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"the weights in {path} do not fit config.json and tokenizer.json: {reason}"
        ) from error
