"""Recording what one step of sampling computes, so that later steps skip the Python around it.

A step is some 250 small tensor operations; on a CPU most of its time is Python's. `torch.jit.trace` writes
the operations down once and runs the same ones on other tensors: the ids drawn are the same, bit for bit.
It is deprecated, but torch.compile and torch.export take minutes or a C++ compiler for what takes it half a
second; the range of torch versions in pyproject.toml keeps it there.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

FIRST_STEPS = 96
"""Steps that are taken as they are: what is longer is likely to be long enough for recording to pay."""
T = TypeVar("T", bound=NamedTuple)
Step = Callable[[T, Tensor], tuple[Tensor, T]]
"""From the state of all rows and (B,) random numbers to (B,) ids and the state after them."""


class _Flat(nn.Module):
    """A step from tensors to tensors, with the model's weights as weights of its own."""

    def __init__(self, step: "Step[T]", like: T, model: nn.Module) -> None:
        super().__init__()
        self.step, self.like, self.model = step, like, model

    def forward(self, uniform: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
        ids, after = self.step(_filled(self.like, list(parts)), uniform)
        return (ids, *_parts(after))


def recorded(step: "Step[T]", model: nn.Module, state: T, uniform: Tensor) -> "Step[T]":
    """The same step, recorded.

    Args:
        step: its branches must depend on shapes and settings alone, never on values of tensors.
        model: whose weights the step uses.
        state: of rows, NamedTuples of tensors in one another; the rows stay as many as they are here.
        uniform: (B,).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecation, and of branches on shapes
        flat = _Flat(step, state, model).eval()
        run = torch.jit.trace(flat, (uniform, *_parts(state)), check_trace=False)  # type: ignore[no-untyped-call]
        run = torch.jit.freeze(run)

    def again(rows: T, uniform: Tensor) -> tuple[Tensor, T]:
        ids, *parts = run(uniform, *_parts(rows))
        return ids, _filled(state, parts)

    return again


def _parts(state: Any) -> list[Tensor]:
    """The tensors in a state, in order."""
    return [state] if isinstance(state, Tensor) else [tensor for part in state for tensor in _parts(part)]


def _filled(like: Any, parts: list[Tensor]) -> Any:
    """A state of the form of `like`; `parts` is used up."""
    if isinstance(like, Tensor):
        return parts.pop(0)
    return type(like)(*(_filled(part, parts) for part in like))
