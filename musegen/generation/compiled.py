"""Compiled sampling steps on a CPU: the operations around the matrix products become a few loops in C++.

A step is some 150 operations on small arrays, each of which takes longer to call than to compute. Compiling
takes a minute the first time and some seconds once torch has cached it: it pays off for long output.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch._dynamo import maybe_mark_dynamic
from torch._dynamo.exc import BackendCompilerFailed
from torch._inductor.compile_fx import compile_fx
from torch.fx import GraphModule

from musegen.errors import ConfigError
from musegen.generation.graphs import Step
from musegen.generation.states import filled, parts
from musegen.models.position.features import TrackerState
from musegen.models.stepping import mapped, pad_history

Code = Callable[..., Sequence[Tensor]]
FIRST_WINDOW = 512
"""Capacity for past ids at first; doubled when it is full."""


class Compiled:
    """Steps that work in place on their own memory, so that one compilation serves all of them.

    Args:
        step: its branches must depend on shapes and settings alone, not on values of tensors.
        ready: the fused model that it steps, not in numpy.
        seen: how many ids the rows have read.

    Raises:
        ConfigError: there is no C++ compiler.
    """

    def __init__(self, step: Step[Any], ready: nn.Module, seen: int) -> None:
        compilers = [os.environ.get("CXX", "g++"), "clang++", "cl"]
        if not any(shutil.which(each) for each in compilers):
            raise ConfigError("⟨compiled⟩ needs a C++ compiler (g++ or clang): install one or leave it out")
        self._ready, self._seen, self._window = ready, seen, 0
        self._rows: Any = None
        self._uniform = torch.zeros(0)
        self._repeat: Callable[[], Sequence[Tensor]] = list
        self._step = torch.compile(_in_place(step), fullgraph=True, backend=_caching_calls)

    def __call__(self, rows: Any, uniform: Tensor) -> tuple[Tensor, Any]:
        """(1, B) ids, and the rows after them, which the next call overwrites.

        Args:
            rows: those that the last call returned, or other ones.
            uniform: (1, B) random numbers.
        """
        is_known = rows is self._rows and self._seen < self._window
        if not is_known:
            self._settle(rows)
        self._uniform.copy_(uniform[0])
        self._seen += 1
        if is_known:
            return self._repeat()[0][None], self._rows
        try:
            ids = self._step(self._rows, self._uniform)
        except BackendCompilerFailed as error:
            reason = " ".join(str(error).split("\n")[:2])
            raise ConfigError(
                f"⟨compiled⟩: the steps do not compile here ({reason}); leave it out"
            ) from error
        # The guards of the compiled code are checked, at some cost, only when rows have moved. In between,
        # all that a step reads and writes stays where it is: the same call is repeated without a check.
        self._repeat = _LATEST.pop()
        return ids[None], self._rows

    def _settle(self, rows: Any) -> None:
        """Copy rows to memory of their own, with room for the ids to come."""
        if self._seen >= self._window:
            self._window = max(FIRST_WINDOW, 2 * self._seen)
            rows = rows._replace(state=pad_history(self._ready, rows.state, self._window))
        self._rows = filled(rows, [each.clone(memory_format=torch.contiguous_format) for each in parts(rows)])
        self._uniform = torch.zeros(len(rows.done), dtype=torch.float64)
        for each in [self._uniform, *parts(self._rows)]:
            if len(each) > 1:
                maybe_mark_dynamic(each, 0)
        mapped(self._rows.state, _mark_past)


_LATEST: list[Callable[[], Sequence[Tensor]]] = []
"""The last call of compiled code."""


def _caching_calls(graph: GraphModule, inputs: Sequence[Any]) -> Code:
    """The compiled code of a graph; it stores each of its calls in `_LATEST`."""
    code = cast(Code, compile_fx(graph, inputs, config_patches={"cpp_wrapper": True}))

    def called(*given: Any) -> Sequence[Tensor]:
        _LATEST[:] = [partial(code, *given)]
        return _LATEST[0]()

    return called


def _mark_past(place: TrackerState) -> TrackerState:
    for each in (place.ids, place.keys):
        maybe_mark_dynamic(each, 1)
    return place


def _in_place(step: Step[Any]) -> Callable[[Any, Tensor], Tensor]:
    """The step in place: the rows after it overwrite those before."""

    def stepped(rows: Any, uniform: Tensor) -> Tensor:
        ids, after = step(rows, uniform)
        for old, new in zip(parts(rows), parts(after), strict=True):
            old.copy_(new)
        return ids

    return stepped
