"""Recording what one step of sampling computes, so that later steps skip the Python around it.

A step is some 250 small tensor operations; on a CPU most of its time is Python's. torch's tracer writes the
operations down once and runs the same ones on other tensors: the ids drawn are the same, bit for bit. It is
called where `torch.jit.trace` calls it, since what that makes is kept by the process for ever: some 10 MB for
each piece written. torch.compile and torch.export take minutes or a C++ compiler for what the tracer takes
a tenth of a second; the range of torch versions in pyproject.toml keeps it there.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

FIRST_STEPS = 12
"""Steps that are taken as they are: what is longer is likely to be long enough for recording to pay."""
T = TypeVar("T", bound=NamedTuple)
Step = Callable[[T, Tensor], tuple[Tensor, T]]
"""From the state of all rows and (B,) random numbers to (B,) ids and the state after them."""


def recorded(step: "Step[T]", model: nn.Module, state: T, uniform: Tensor) -> "Step[T]":
    """The same step, recorded.

    Args:
        step: its branches must depend on shapes and settings alone, never on values of tensors.
        model: whose weights the step uses.
        state: of rows, NamedTuples of tensors in one another; the rows stay as many as they are here.
        uniform: (B,).
    """

    def flat(uniform: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        ids, after = step(filled(state, list(tensors)), uniform)
        return (ids, *parts(after))

    weights = [weight for weight in model.parameters() if weight.requires_grad]
    strict, outplace = True, False
    try:
        for weight in weights:
            weight.requires_grad = False  # or it could be no constant of the graph
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of branches on shapes
            graph, _ = torch._C._create_graph_by_tracing(  # noqa: SLF001
                flat, [uniform, *parts(state)], lambda _: "", strict, outplace
            )
    finally:
        for weight in weights:
            weight.requires_grad = True
    run = torch._C._create_function_from_graph("step", graph)  # noqa: SLF001

    def again(rows: T, uniform: Tensor) -> tuple[Tensor, T]:
        # What torch would rewrite the graph to, over some hundred milliseconds, is no faster.
        with torch.jit.optimized_execution(should_optimize=False):  # type: ignore[attr-defined]
            ids, *after = run(uniform, *parts(rows))
        return ids, filled(state, after)

    return again


def parts(state: Any) -> list[Tensor]:
    """The tensors in a state, in order."""
    return [state] if isinstance(state, Tensor) else [tensor for part in state for tensor in parts(part)]


def filled(like: Any, tensors: list[Tensor]) -> Any:
    """A state of the form of `like`; `tensors` is used up."""
    if isinstance(like, Tensor):
        return tensors.pop(0)
    return type(like)(*(filled(part, tensors) for part in like))
