"""A model as exported graphs in onnxruntime: see export.py. It needs no torch."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime

from musegen.generation.machine import Array, Machine, Run, Settings
from musegen.music.notes import Floats
from musegen.tokenizers.limits import Limits
from musegen.tokenizers.tables import Ints, Tables

Arrays = dict[str, Array]
MOST_ROWS = 256
"""The largest batch. With rounded weights rows run one by one: others would change how their inputs round."""
FIRST_WINDOW, AHEAD = 64, 16
"""Past ids of the first steps; and steps after which it is looked whether there are enough or too many."""
BAR = "rows.rules.bar"


class Graph:
    """A graph and its session.

    Args:
        content: of the file.
        folder: with the weights to which it refers.
    """

    def __init__(self, content: bytes, folder: Path) -> None:
        self._content, self._folder = content, folder
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a step is too small to be shared
        options.enable_mem_reuse = False  # planning it takes longer than a step of one row gains
        options.log_severity_level = 3
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.facts: dict[str, Any] = json.loads(self._session.get_modelmeta().custom_metadata_map["musegen"])
        self._inputs = [each.name for each in self._session.get_inputs()]
        self._outputs = [each.name for each in self._session.get_outputs()]

    def __call__(self, inputs: Mapping[str, Array]) -> Arrays:
        """The outputs by their names, those that are inputs included."""
        fed = {name: inputs[name] for name in self._inputs}
        made = dict(zip(self._outputs, self._session.run(self._outputs, fed), strict=True))
        return {
            name: made[there] if there in made else inputs[there]
            for name, there in self.facts["outputs"].items()
        }

    def loop(self, inputs: Arrays) -> "Loop":
        """The graph called again and again with what it returns."""
        return Loop(self._session, self.facts["outputs"], {name: inputs[name] for name in self._inputs})

    def signature(self, which: Literal["inputs", "outputs"]) -> list[tuple[str, str, str]]:
        """Name, type and shape of each of the inputs or outputs; dimensions that vary have names."""
        values = self._session.get_inputs() if which == "inputs" else self._session.get_outputs()
        kinds = [each.type.removeprefix("tensor(").removesuffix(")") for each in values]
        shapes = ["(" + ", ".join(map(str, each.shape)) + ")" for each in values]
        return [(each.name, kind, shape) for each, kind, shape in zip(values, kinds, shapes, strict=True)]

    def with_weights(self) -> bytes:
        """The graph as ONNX writes it, with its weights in it."""
        import onnx  # of the extra "export"

        model = onnx.load_model_from_string(self._content)
        onnx.external_data_helper.load_external_data_for_model(model, str(self._folder))
        content: bytes = model.SerializeToString()
        return content


class Loop:
    """A step whose outputs are the inputs of the next.

    All arrays stay where they are, those of a step in two places by turns: passing new ones takes a tenth of
    a millisecond, a fifth of the time of a step of one row.

    Args:
        session: of the graph.
        outputs: the name in the graph of each output.
        inputs: of the first step.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, outputs: dict[str, str], inputs: Arrays
    ) -> None:
        self._session, self._turn = session, 0
        self._bound = dict(inputs)  # which keeps their memory
        own = {name: there for name, there in outputs.items() if name in inputs and name != there}
        self._places = [{name: np.array(inputs[name], order="C") for name in own} for _ in range(2)]
        self._uniform, self._forced = (np.array(inputs[name], order="C") for name in ("uniform", "forced"))
        self._ids = np.empty_like(self._forced)
        self._bindings = [session.io_binding() for _ in self._places]
        self.put(inputs | {"uniform": self._uniform, "forced": self._forced})
        for binding, before, after in zip(self._bindings, self._places, reversed(self._places), strict=True):
            _bind(binding.bind_ortvalue_input, before)
            made = {there: after[name] for name, there in own.items()}
            _bind(binding.bind_ortvalue_output, made | {"ids": self._ids})

    def put(self, inputs: Arrays) -> None:
        """Replace those of some inputs that the graph has and does not return."""
        known = {name: each for name, each in inputs.items() if name in self._bound}
        self._bound |= known
        for binding in self._bindings:
            _bind(binding.bind_ortvalue_input, known)

    def __call__(self, uniform: Floats, forced: Ints) -> tuple[Ints, Arrays]:
        """The ids of a step, (B,), and what it changed, which the step after the next overwrites."""
        self._uniform[:], self._forced[:] = uniform, forced
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn = 1 - self._turn
        return self._ids.copy(), self._places[self._turn]


class Exported:
    """A `Machine`.

    Args:
        graphs: a graph by its name; None: there is none, except of "start" and the step.
        tables: of the streams.
        weight: a tensor of the checkpoint by its name.
        step: name of the graph of a step.
        torch: the model in torch, for functions without a graph.
    """

    def __init__(
        self,
        graphs: Callable[[str], Graph | None],
        tables: Tables,
        weight: Callable[[str], Array],
        *,
        step: str,
        torch: Callable[[], Machine],
    ) -> None:
        self._graphs, self.tables, self.weight, self._torch, self._step = graphs, tables, weight, torch, step
        self.is_rounded = step != "step"
        self.most_rows = 1 if self.is_rounded else MOST_ROWS
        self.functions: frozenset[str] = frozenset(self.graph(step).facts["functions"])

    def graph(self, name: str) -> Graph:
        """A graph that there is."""
        graph = self._graphs(name)
        assert graph is not None, name
        return graph

    def call(self, name: str, *inputs: Array) -> list[Array]:
        """One of `functions`."""
        graph = self._graphs(name)
        if graph is None:
            return self._torch().call(name, *inputs)
        return list(graph({str(number): _contiguous(each) for number, each in enumerate(inputs)}).values())

    def run(self, inputs: Sequence[Array], limits: Limits, seen_classes: Array) -> Run:
        """Streams before BOS."""
        count = len(seen_classes)
        allowed = _named_limits(limits, count)
        named = {str(number): _rows(each, count) for number, each in enumerate(inputs)}
        first = self.graph("start")(allowed | named | {"seen_classes": seen_classes})
        return ExportedRun(self.graph(self._step), allowed, [f"limits.{n}" for n in limits.by_row], first)


class ExportedRun:
    """A `Run`.

    Args:
        graph: of a step.
        limits: by their names in the graph.
        by_row: which of them have a row for each stream.
        rows: before BOS, by their names.
    """

    block = 1

    def __init__(self, graph: Graph, limits: Arrays, by_row: list[str], rows: Arrays) -> None:
        self._graph, self._limits, self._by_row, self._rows = graph, limits, by_row, rows
        self._loop: Loop | None = None  # over the rows, until they change otherwise
        self._fed: Arrays = {}  # its settings
        self._settings: tuple[Settings, Arrays] | None = None
        self._left = 0  # steps until the window of past ids is checked
        source = graph.facts["source"]
        self._source = {name: rows[name] for name in source[2]} if source and source[2][0] in rows else {}
        self._seen: Array = None  # the bars at which the part of the source in the rows is right

    def read(self, ids: Ints) -> None:
        """Follow the same ids, (T,), in every row."""
        count = len(self._rows["rows.done"])
        uniform, settings = np.zeros(count), self._neutral(count)
        for id_ in ids.tolist():
            self._take(uniform, np.full(count, id_), settings)

    def inputs(self, settings: Settings, *, window: int) -> Arrays:
        """The inputs of the next step besides random numbers and forced ids, with room for past ids."""
        self._fit_window(least=window)
        self._settle(room=window)
        return self._named(settings) | self._limits | self._rows

    def step(self, uniform: Floats, settings: Settings, forced: Ints | None = None) -> tuple[Ints, Array]:
        """Sample one more id in every row: (1, B), and (B,) whether each has ended."""
        sampled = np.full(uniform.shape[1], -1) if forced is None else forced
        ids = self._take(uniform[0], sampled, self._named(settings))
        return ids[None], self._rows["rows.done"]

    def _named(self, settings: Settings) -> Arrays:
        if self._settings is None or self._settings[0] is not settings:
            named = {f"settings.{name}": _contiguous(each) for name, each in settings._asdict().items()}
            self._settings = settings, named
        return self._settings[1]

    def _take(self, uniform: Floats, forced: Ints, settings: Arrays) -> Ints:
        if self._left == 0:
            self._fit_window()
            self._settle()
        self._left -= 1
        if self._source:
            self._look()
        if self._loop is None:
            random = {"uniform": uniform, "forced": forced}
            self._loop = self._graph.loop(random | settings | self._limits | self._rows)
        elif settings is not self._fed:
            self._loop.put(settings)
        self._fed = settings
        ids, changed = self._loop(uniform, forced)
        self._rows |= changed
        return ids

    def select(self, rows: Ints) -> None:
        """Go on with some of the rows alone, by number, (B',)."""
        self._rows, self._seen = {name: each[rows] for name, each in self._rows.items()}, None
        self._loop = None
        self._source = {name: each[rows] for name, each in self._source.items()}
        self._limits = self._limits | {name: self._limits[name][rows] for name in self._by_row}

    def allow(self, limits: Limits) -> None:
        """Go on under other limits, of B rows or of one."""
        self._limits = _named_limits(limits, len(self._rows["rows.done"]))
        if self._loop is not None:
            self._loop.put(self._limits)

    def logits(self) -> Floats:
        """Of the next id, (B, V)."""
        logits: Floats = self._rows["rows.last"].astype(np.float64)
        return logits

    def nats(self) -> Floats:
        """Log-likelihood of the ids sampled so far, (B,)."""
        nats: Floats = self._rows["rows.total"]
        return nats

    def _neutral(self, count: int) -> Arrays:
        """Settings for steps that sample nothing."""
        numbers = dict.fromkeys(("temperature", "top_p"), np.array(1.0))
        numbers |= dict.fromkeys(("min_p", "min_p_new"), np.array(0.0))
        ids = self._rows["rows.last"].shape[1]
        arrays = {
            "top_k": np.array(ids),
            "keeps": np.zeros(ids, np.bool_),
            "diatonic": np.zeros(count, np.bool_),
        }
        return {f"settings.{name}": each for name, each in (numbers | arrays).items()}

    def _fit_window(self, least: int = FIRST_WINDOW) -> None:
        """As many past ids as look-backs reach, and as the next steps add, rounded up to a power of 2."""
        span, most, place = self._graph.facts["lookback"]
        keys, bar = self._rows[f"{place}.keys"], self._rows[f"{place}.position"][:, 0]
        needed = int((keys >= (bar[:, None] - most).clip(min=0) * span).sum(axis=1).max(initial=0)) + AHEAD
        window = max(least, 1 << (needed - 1).bit_length())
        self._left = AHEAD
        if window != keys.shape[1]:
            self._loop = None
            for name, empty in (("keys", -1), ("ids", 0)):
                past = self._rows[f"{place}.{name}"][:, -window:]
                front = np.full((len(past), window - past.shape[1]), empty, np.int64)
                self._rows[f"{place}.{name}"] = np.concatenate([front, past], axis=1)

    def _settle(self, room: int = AHEAD) -> None:
        """Move keys and values of a transformer to its past, with room for so many new ones beside it.

        The past stays as it is for some steps, padded to a power of 2; so a step does not copy it.
        """
        attention = self._graph.facts.get("attention")
        if not attention:
            return
        context, backbone, layers = attention
        count, settled = (int(self._rows[f"{backbone}.{name}"][0]) for name in ("total", "settled"))
        window = max(FIRST_WINDOW, 1 << (min(count, context) - 1).bit_length())
        for layer in range(layers):
            for name in ("keys", "values"):
                past, recent = (f"{backbone}.layers.{layer}.{each}" for each in (f"past_{name}", name))
                new = self._rows[recent][:, :, self._rows[recent].shape[2] - (count - settled) :]
                both = np.concatenate([self._rows[past], new], axis=2)[:, :, -window:]
                front = ((0, 0), (0, 0), (window - both.shape[2], 0), (0, 0))
                self._rows[past] = np.pad(both, front)
                self._rows[recent] = np.zeros(
                    (*both.shape[:2], min(room, context), both.shape[3]), both.dtype
                )
        self._rows[f"{backbone}.settled"] = self._rows[f"{backbone}.total"].copy()
        self._loop = None

    def _look(self) -> None:
        """Put the part of the source that the next id needs into the rows: see `in_view` in states.py."""
        bar_key, reach, names = self._graph.facts["source"]
        bar = self._rows[BAR]
        if np.array_equal(bar, self._seen):
            return
        self._seen, keys = bar, self._source[names[1]]
        first, stop = (
            np.array(
                [np.searchsorted(row, (at + ahead) * bar_key) for row, at in zip(keys, bar, strict=True)]
            )
            for ahead in (-max(reach, 1), 2 + reach)
        )
        width = int((stop - first).max())
        index = np.minimum(first, keys.shape[1] - width)[:, None] + np.arange(width)
        each = np.arange(len(bar))[:, None]
        seen = {name: whole[each, index] for name, whole in self._source.items()}
        self._rows |= seen
        if self._loop is not None:
            self._loop.put(seen)


def _bind(bind: Callable[[str, onnxruntime.OrtValue], None], arrays: Arrays) -> None:
    for name, each in arrays.items():
        bind(name, onnxruntime.OrtValue.ortvalue_from_numpy(each))


def _named_limits(limits: Limits, count: int) -> Arrays:
    """Limits by their names in the graph, with `count` rows where rows can differ."""
    every = {name: _rows(getattr(limits, name), count) for name in limits.by_row}
    return {f"limits.{name}": _contiguous(each) for name, each in (limits._asdict() | every).items()}


def _rows(array: Array, count: int) -> Array:
    """An array with `count` rows, those of one with a single row being equal."""
    return np.broadcast_to(array, (count, *array.shape[1:])) if len(array) == 1 else array


def _contiguous(array: Array) -> Array:
    return np.ascontiguousarray(array).reshape(np.shape(array))
