"""The graphs of a model in ONNX: its sampling step and its other functions, which need no torch to run.

Batch, past, voices and planned metres have any size; settings and limits of a request are inputs. The weights
are not in the graphs, which refer to their places in model.safetensors.
"""

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnxscript.rewriter import pattern, rewrite
from safetensors.torch import load_file
from torch import Tensor, nn

from musegen.generation.machine import Settings
from musegen.generation.onnx_forms import OnnxForms
from musegen.generation.states import filled, fixed_window, padded, parts, repeat_rows
from musegen.generation.step import Rows, first_rows, step
from musegen.models.encoder import BAR_KEY, BY_ID
from musegen.tokenizers.grammars import make_grammar
from musegen.tokenizers.limits import Constraints, EventLimits, Limits, limits_of
from musegen.tokenizers.tables import NO_CLASS, Tables

ROWS, WINDOW, VOICES, PLAN, SETTLED = 3, 11, 5, 7, 13
"""Sizes of the examples: any but 0 and 1, of which torch makes constants, and all different."""
Named = dict[str, Tensor]


class Exporter:
    """Makes the graphs of a checkpoint.

    Args:
        model: in eval mode, on a CPU.
        tables: of its streams.
        weights: the file with its weights.
    """

    def __init__(self, model: Any, tables: Tables, weights: Path) -> None:
        self._model, self._tables, self._path = model, tables, weights
        self._limits = _tensors(_example_limits(tables))
        self._grammar = make_grammar(tables, self._limits)

    def graph(self, name: str, facts: dict[str, Any], *, in_int8: bool = False) -> bytes:
        """A graph as ONNX writes it.

        Args:
            name: "step" or one of the model's functions.
            facts: written into it as JSON, beside what `exported.py` has to know of it.
            in_int8: whether its linear layers have rounded weights.
        """
        forms = OnnxForms(in_int8=in_int8)
        with torch.no_grad():
            if name == "step":
                with fixed_window(self._model):
                    return self._traced_step().graph(self._model, self._path, forms, facts | self._reach())
            elif name == "start":
                traced = self._traced_start()
            else:
                function = self._model.functions()[name]
                inputs = {str(number): each for number, each in enumerate(function.examples)}
                traced = _Traced(lambda *each: _numbered(function.call(*each)), inputs)
            return traced.graph(self._model, self._path, forms, facts)

    def _reach(self) -> dict[str, Any]:
        """How far back a step looks, and how far around in a source: see exported.py."""
        span, most = self._model.decoder.tracker.reach
        around = max(self._model.reach, *self._model.ahead, 0) if hasattr(self._model, "reach") else None
        is_wide = getattr(self._model, "alignment", "none") == "none"
        source = None if is_wide else [BAR_KEY, around, [f"rows.state.memory.{part}" for part in BY_ID]]
        own = "rows.state" if hasattr(self._example_rows().state, "place") else "rows.state.decoder"
        functions = list(self._model.functions())
        context = getattr(self._model.decoder.rnn, "context", None)
        return {
            "lookback": [span, most, f"{own}.place"],
            "source": source,
            "functions": functions,
            "attention": context and [context, f"{own}.rnn", len(self._model.decoder.rnn.layers)],
        }

    def _example_rows(self) -> Rows:
        start = self._model.functions()["start"]
        state = repeat_rows(start.call(*start.examples), ROWS)
        return first_rows(state, self._grammar, torch.zeros(ROWS, NO_CLASS + 1, dtype=torch.bool))

    def _traced_start(self) -> "_Traced":
        start, limits = self._model.functions()["start"], self._limits
        inputs = {"seen_classes": torch.zeros(ROWS, NO_CLASS + 1, dtype=torch.bool)}
        inputs |= _names(limits, "limits") | {str(n): each for n, each in enumerate(start.examples)}

        def begin(seen_classes: Tensor, *rest: Tensor) -> Named:
            count = len(limits)
            grammar = self._grammar.under(type(limits)(*rest[:count]))
            state = repeat_rows(start.call(*rest[count:]), seen_classes.shape[0])
            return _names(first_rows(state, grammar, seen_classes), "rows")

        return _Traced(begin, inputs)

    def _traced_step(self) -> "_Traced":
        rows = padded(self._example_rows(), WINDOW, settled=SETTLED)
        request = (_example_settings(self._tables), self._limits, rows)
        inputs = {"uniform": torch.rand(ROWS, dtype=torch.float64), "forced": torch.tensor([-1] * ROWS)}
        for part, prefix in zip(request, ("settings", "limits", "rows"), strict=True):
            inputs |= _names(part, prefix)

        def take(uniform: Tensor, forced: Tensor, *rest: Tensor) -> Named:
            left = list(rest)
            settings, limits, rows = (filled(each, left) for each in request)
            ids, after = step(rows, uniform, forced, self._model, self._grammar.under(limits), settings)
            return {"ids": ids} | _names(after, "rows")

        return _Traced(take, inputs)


class _Traced(nn.Module):
    """A function of tensors, which uses the weights of a model.

    Args:
        function: from the inputs to outputs by their names.
        inputs: examples by their names.
    """

    def __init__(self, function: Callable[..., Named], inputs: Named) -> None:
        super().__init__()
        self._function = function
        self._names, self._examples = list(inputs), [each.clone() for each in inputs.values()]
        outputs = function(*self._examples)
        self.kept = {
            name: self._names[number]
            for name, leaf in outputs.items()
            for number, each in enumerate(self._examples)
            if leaf is each
        }
        """Outputs that are inputs, which the graph does not return."""
        self._outputs = [name for name in outputs if name not in self.kept]

    def forward(self, tensors: list[Tensor], weights: Named) -> list[Tensor]:
        """The outputs that are not inputs; lists, since torch mistakes names that begin alike."""
        own = {name: weight.float() for name, weight in weights.items()}
        with self._forms, nn.utils.stateless._reparametrize_module(self._model[0], own):  # noqa: SLF001
            outputs = self._function(*tensors)
        return [outputs[name] for name in self._outputs]

    def graph(self, model: nn.Module, path: Path, forms: OnnxForms, facts: dict[str, Any]) -> bytes:
        """The graph, with all dimensions free that the function leaves free."""
        self._model, self._forms, weights, auto = [model], forms, load_file(path), torch.export.Dim.AUTO
        shapes = [dict.fromkeys(range(each.dim()), auto) for each in self._examples]
        with _quietly():
            program = torch.export.export(
                self.eval(),
                (self._examples, weights),
                dynamic_shapes=(shapes, dict.fromkeys(weights)),
                strict=False,
            )
            program._guards_code.clear()  # noqa: SLF001 - ONNX has no guards, and some that torch makes fail
            exported = torch.onnx.export(
                program, dynamo=True, optimize=True, external_data=False, verbose=False
            )
        assert exported is not None
        rewrite(exported.model, pattern_rewrite_rules=[_slices(axis) for axis in range(3)])
        graph = exported.model.graph
        for value, name in zip(graph.inputs, self._names, strict=False):
            value.name = name
        _bind(graph, list(weights), path)
        is_after = {name: f"next.{name}" if name in self._names else name for name in self._outputs}
        for value, name in zip(graph.outputs, self._outputs, strict=True):
            value.name = is_after[name]
        found = {**facts, "outputs": is_after | self.kept}
        exported.model.metadata_props["musegen"] = json.dumps(found)
        content: bytes = ir.to_proto(exported.model).SerializeToString()
        return content


def _slices(axis: int) -> pattern.RewriteRule:
    """Of a slice along an axis whose dimension is put back: a slice that keeps it."""
    return pattern.RewriteRule(
        lambda op, values, number: op.Unsqueeze(op.Gather(values, number, axis=axis), [axis]),
        lambda op, values, number: op.Gather(
            values, op.Reshape(number, op.Constant(value_ints=[1])), axis=axis
        ),
    )


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what torch's exporter says to its developers."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _bind(graph: ir.Graph, names: list[str], path: Path) -> None:
    """Take the weights, the last inputs of a graph, from their places in the file."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    values = graph.inputs[-len(names) :]
    del graph.inputs[-len(names) :]
    for value, name in zip(values, names, strict=True):
        if not value.uses():
            continue
        begin, end = header[name]["data_offsets"]
        value.name = name
        value.const_value = ir.ExternalTensor(
            location=path.name,
            offset=8 + size + begin,
            length=end - begin,
            dtype=ir.DataType.FLOAT16 if header[name]["dtype"] == "F16" else ir.DataType.FLOAT,
            shape=ir.Shape(header[name]["shape"]),
            name=name,
            base_dir=path.parent,
        )
        graph.register_initializer(value)


def _names(tree: Any, prefix: str) -> Named:
    """The tensors of nested tuples by their names, such as "rows.state.rnn.layers.0.keys"."""
    if isinstance(tree, Tensor):
        return {prefix: tree}
    found: Named = {}
    for field, part in zip(getattr(tree, "_fields", range(len(tree))), tree, strict=True):
        found |= _names(part, f"{prefix}.{field}")
    return found


def _numbered(found: Any) -> Named:
    return {f"output.{number}": part for number, part in enumerate(parts(found))}


def _tensors(arrays: Any) -> Any:
    return type(arrays)(
        *(torch.from_numpy(np.ascontiguousarray(each)).view(np.shape(each)) for each in arrays)
    )


def _example_settings(tables: Tables) -> Settings:
    numbers = (torch.tensor(each, dtype=torch.float64) for each in (1.0, 1.0, 0.0, 0.0))
    temperature, top_p, min_p, min_p_new = numbers
    keeps, diatonic = torch.from_numpy(tables.is_time), torch.zeros(ROWS, dtype=torch.bool)
    return Settings(temperature, torch.tensor(5), top_p, min_p, min_p_new, keeps, diatonic)


def _example_limits(tables: Tables) -> Limits:
    """Limits with a row for each stream, several planned metres and several voices."""
    limits = limits_of(tables, Constraints(bars=4))
    changes = {name: np.repeat(getattr(limits, name), ROWS, axis=0) for name in limits.by_row}
    if isinstance(limits, EventLimits):  # also of a vocabulary with more programs than that
        changes["allowed"] = np.ones((ROWS, VOICES * 128), np.int64)
        changes |= {name: np.minimum(getattr(limits, name), VOICES - 1) for name in ("voice", "drums")}
        changes["reserved"] = np.minimum(changes["reserved"], VOICES * 128 - 1)
    if limits.by_row:
        changes["metres"] = np.repeat(limits.metres, PLAN)
    return limits._replace(**changes)
