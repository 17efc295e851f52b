"""Sampling steps on a GPU, launched as one CUDA graph of `BLOCK` steps.

A step is some 250 kernels of a few microseconds, each of which takes longer to launch than to run. A graph
launches them all at once; whether rows have ended is checked once per block, and ids after EOS are padding.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from musegen.generation.states import filled, fixed_window, padded, parts

BLOCK = 16
"""Steps per graph."""
FIRST_WINDOW = 512
"""Capacity of the first graph for past ids; doubled when it is full."""
T = TypeVar("T", bound=Any)
Step = Callable[[T, Tensor], tuple[Tensor, T]]
"""From the state of all rows and (B,) random numbers to (B,) ids and the state after them."""
Steps = Callable[[T, Tensor], tuple[Tensor, T]]
"""From the state of all rows and (K, B) random numbers to (K, B) ids and the state after them."""


def one_by_one(step: Step[T]) -> Steps[T]:
    """Several steps, one after the other."""

    def steps(rows: T, uniform: Tensor) -> tuple[Tensor, T]:
        drawn = []
        for each in uniform:
            ids, rows = step(rows, each)
            drawn.append(ids)
        return torch.stack(drawn), rows

    return steps


class Graphed:
    """`BLOCK` steps at a time, captured again whenever the past has outgrown its window.

    Args:
        step: its branches must depend on shapes and settings alone, not on values of tensors.
        model: the model that it steps.
        seen: how many ids the rows have read.
    """

    def __init__(self, step: Step[Any], model: nn.Module, seen: int) -> None:
        self._steps, self._model, self._seen = one_by_one(step), model, seen
        self._window = 0
        self._graph = torch.cuda.CUDAGraph()

    def __call__(self, rows: Any, uniform: Tensor) -> tuple[Tensor, Any]:
        """(BLOCK, B) ids, and the rows after them, which the next call overwrites."""
        if self._seen + BLOCK > self._window:
            self._window = max(FIRST_WINDOW, 2 * (self._seen + BLOCK))
            with fixed_window(self._model):
                self._capture(padded(rows, self._window), uniform)
        self._seen += BLOCK
        self._uniform.copy_(uniform)
        self._graph.replay()
        return self._ids.clone(), self._rows

    def _capture(self, rows: Any, uniform: Tensor) -> None:
        """Record the block on memory of its own."""
        own = [tensor.clone(memory_format=torch.contiguous_format) for tensor in parts(rows)]
        self._rows, self._uniform = filled(rows, list(own)), uniform.to(own[0].device)
        before = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        before.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(before):  # setup of libraries at their first call is no part of the graph
            self._steps(self._rows, self._uniform[:3])
        torch.cuda.current_stream().wait_stream(before)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._ids, after = self._steps(self._rows, self._uniform)
            for mine, new in zip(own, parts(after), strict=True):
                mine.copy_(new)
