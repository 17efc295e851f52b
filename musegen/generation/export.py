"""A sampling step as one ONNX graph, which onnxruntime runs without torch.

Inputs are the random numbers, the settings and limits of a request, the rows and the weights by their names in
the checkpoint; outputs the ids and the rows after them. Batch, past, voices and planned metres have any size.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from musegen.generation.states import windowed
from musegen.generation.step import Rows, Rules, Settings, step

ROWS_INDEX = 2
"""The place of the rows among settings, limits and rows."""
ROWS, WINDOW, PLAN = 5, 512, 3
"""Sizes of the example: any but 0 and 1, of which torch makes constants."""
_SIZES = {
    "ids": {1: "window"}, "keys": {1: "window"}, "sounding": {1: "voices"}, "free_tick": {1: "voices"},
    "allowed": {0: "rows", 1: "voices"}, "reserved": {0: "rows"}, "metres": {0: "plan"},
    "is_active": {0: "rows"}, "last_active": {0: "rows"},
}  # fmt: skip
"""The sizes that vary besides that of the batch, by the name of a field and its dimension."""


class _Step(nn.Module):
    """`step` as a module of a list of tensors: torch mistakes names of fields that begin alike for each other.

    Args:
        model: whose step it is.
        grammar: of its streams.
        spec: of settings, limits and rows as one list.
    """

    def __init__(self, model: nn.Module, grammar: Rules, spec: pytree.TreeSpec) -> None:
        super().__init__()
        self.model, self.grammar, self.spec = model, grammar, spec

    def forward(
        self, uniform: Tensor, tensors: list[Tensor], weights: dict[str, Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """The ids, and the rows after them as a list."""
        settings, limits, rows = pytree.tree_unflatten(tensors, self.spec)

        def model(ids: Tensor, state: Any) -> tuple[Tensor, Any]:
            found: tuple[Tensor, Any] = torch.func.functional_call(self.model, weights, (ids, state))
            return found

        ids, after = step(rows, uniform, model, self.grammar.under(limits), settings)
        return ids, pytree.tree_leaves(after)


def example_rows(model: Any, grammar: Rules, bos_id: int) -> Rows:
    """Rows after BOS, for `ROWS` streams."""
    ids = torch.full((ROWS,), bos_id)
    with torch.inference_mode():
        state = windowed(model, model.init_state(ROWS), WINDOW)
        logits, state = model(ids[:, None], state)
        rules = grammar.advance(grammar.init_state(ROWS), ids)
    zeros = torch.zeros(ROWS, dtype=torch.float64)
    rows = Rows(logits[:, -1], zeros > 0, zeros, torch.zeros(ROWS, 13) > 0, zeros > 0, rules, state)
    return pytree.tree_map(torch.clone, rows)


def export_step(model: Any, grammar: Rules, settings: Settings, bos_id: int) -> torch.onnx.ONNXProgram:
    """The graph of a model's step; its weights are inputs.

    Args:
        model: in eval mode, on a CPU.
        grammar: of its streams, under any limits.
        settings: any.
        bos_id: the id of BOS.
    """
    limits = grammar.limits
    limits = limits._replace(**dict(_example_limits(limits)))
    weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    request = (settings, limits, example_rows(model, grammar, bos_id))
    sizes = {
        name: torch.export.Dim(name, min=1, max=1 << 20) for name in ("rows", "window", "voices", "plan")
    }

    def shape(path: Any, _: Tensor) -> dict[int, Any]:
        varying = {0: sizes["rows"]} if path[0].idx == ROWS_INDEX else {}
        field = str(getattr(path[-1], "name", ""))
        return varying | {d: sizes[name] for d, name in _SIZES.get(field, {}).items()}

    shapes = pytree.tree_leaves(
        pytree.tree_map_with_path(shape, request), is_leaf=lambda s: isinstance(s, dict)
    )
    tensors, spec = pytree.tree_flatten(request)
    given = (torch.rand(ROWS, dtype=torch.float64), tensors, weights)
    dynamic = ({0: sizes["rows"]}, shapes, {name: {} for name in weights})
    with torch.no_grad():
        module = _Step(model, grammar, spec).eval()
        program = torch.export.export(module, given, dynamic_shapes=dynamic, strict=False)
        exported = torch.onnx.export(program, given, dynamo=True, optimize=True, external_data=False)
    assert exported is not None
    return exported


def _example_limits(limits: Any) -> Iterator[tuple[str, Tensor]]:
    """Limits with a row for each stream and several planned metres."""
    for name, value in limits._asdict().items():
        if _SIZES.get(name, {}).get(0) == "rows":
            yield name, value.expand(ROWS, *value.shape[1:]).clone()
        elif name == "metres" and value.dim() == 1 and "plan" in _SIZES["metres"].values():
            yield name, value[:1].expand(PLAN).clone()
        else:
            yield name, value.clone()
