"""Where the exported graphs of a checkpoint are: in its own folder, or made once into the user's cache.

A graph is used only if it is of this version of musegen and of these weights, and whole. In a checkpoint
SHA256SUMS lists it; in the cache its name ends with a hash of its content, so that processes that make it at
the same time do not disturb each other.
"""

import hashlib
import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from musegen import __version__
from musegen.checkpoint.folder import GRAPHS, WEIGHTS, Checkpoint, is_intact, write_metrics
from musegen.console import say
from musegen.errors import MusegenError
from musegen.files import cache_folder, write_atomic
from musegen.generation.exported import Graph

NEEDED = ("onnx", "onnxscript")
"""Packages that only exporting needs: the extra "export"."""
IN_INT8 = "step-int8"
DIGITS = 16
"""Of a hash in a name."""
FORM = 3
"""Of the inputs of graphs: raised when they change within a version, so that older ones are not used."""

ADDED = {"features": True, "heads": 4, "context": None, "labels": ()}
"""Settings of models that older graphs do not know, with the values that they have there."""


class GraphStore:
    """The graphs of a checkpoint.

    Args:
        checkpoint: read from its folder.
        makes: whether graphs are made that there are not yet.
    """

    def __init__(self, checkpoint: Checkpoint, *, makes: bool = True) -> None:
        self._checkpoint, self._makes = checkpoint, makes
        self._found: dict[str, Graph | None] = {}
        self._key = _key(checkpoint)
        self.folder = cache_folder() / "graphs" / f"{checkpoint.path.name}-{FORM}-{self._key[:DIGITS]}"

    def get(self, name: str) -> Graph | None:
        """A graph by its name; None if there is none, which is said once."""
        if name not in self._found:
            self._found[name] = self._bundled(name) or self._cached(name) or self._made(name)
        return self._found[name]

    def _bundled(self, name: str) -> Graph | None:
        path = self._checkpoint.path / GRAPHS / f"{name}.onnx"
        if not path.is_file():
            return None
        graph = (
            self._opened(path, path.read_bytes())
            if is_intact(self._checkpoint.path, f"{GRAPHS}/{path.name}")
            else None
        )
        if graph is None:
            say(f"{path} is damaged: the model runs without it; restore the checkpoint")
        elif graph.facts["key"] != self._key:
            say(f"{path} is of musegen {graph.facts['version']}, not of this version and these weights")
            return None
        return graph

    def _cached(self, name: str) -> Graph | None:
        for path in sorted(self.folder.glob(f"{name}-????????????????.onnx")):
            try:
                content = path.read_bytes()
            except OSError:
                continue
            is_whole = path.stem.endswith(_digest(content))
            graph = self._opened(path, content) if is_whole else None
            if graph is not None and graph.facts["key"] == self._key:
                return graph
            say(f"{path} is damaged: it is not used")
        return None

    def _made(self, name: str) -> Graph | None:
        """A new graph, kept in the cache if that can be written to."""
        own = self._checkpoint.path.name
        if not self._makes:
            return None
        if not has_exporter():
            if not self._found:
                say(f"{own} runs in torch; pip install 'musegen[export]' makes it several times faster")
            return None
        try:
            say(f"exporting {name} of {own}, once for these weights, into {self.folder}")
            content = export_graph(self._checkpoint, name)
        except MusegenError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the exporter cannot do, torch can
            say(f"{own} runs in torch: its {name} cannot be exported ({type(error).__name__})")
            return None
        path = self.folder / f"{name}-{_digest(content)}.onnx"
        try:
            write_atomic(path, content)
        except OSError as error:
            say(f"{path} cannot be written ({error.strerror}): it is made again next time")
        return self._opened(path, content)

    def _opened(self, path: Path, content: bytes) -> Graph | None:
        try:
            return Graph(content, self._checkpoint.path)
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors have no class of their own
            say(f"{path} cannot be loaded ({type(error).__name__})")
            return None


def has_exporter() -> bool:
    """Whether the packages are installed that only exporting needs."""
    return all(map(find_spec, NEEDED))


def export_graph(checkpoint: Checkpoint, name: str) -> bytes:
    """A graph of a checkpoint as ONNX writes it; see `Exporter.graph`."""
    from musegen.generation.export import Exporter  # torch and its exporter, which take seconds

    exporter = Exporter(checkpoint.model, checkpoint.tokenizer.tables, checkpoint.path / WEIGHTS)
    return exporter.graph("step" if name == IN_INT8 else name, facts_of(checkpoint), in_int8=name == IN_INT8)


def facts_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """What is written into each of its graphs."""
    return {"version": __version__, "key": _key(checkpoint)}


def _key(checkpoint: Checkpoint) -> str:
    """A hash of what a graph depends on."""
    config = asdict(checkpoint.config)
    settings: dict[str, Any] = {
        name: config[name] for name in ("family", "model", "encoder") if name in config
    }
    if ADDED.items() <= settings["model"].items():
        settings["model"] = {name: each for name, each in settings["model"].items() if name not in ADDED}
    if config.get("latent", {}).get("kind") == "sparse":
        settings["active"] = config["latent"]["active"]
    parts = [__version__, checkpoint.sha256, checkpoint.tokenizer.to_dict(), settings]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def bundle(checkpoint: Checkpoint) -> None:
    """Write all graphs of a checkpoint into its own folder, and their sums into SHA256SUMS."""
    functions = checkpoint.model.functions()  # type: ignore[operator]
    for name in ("step", IN_INT8, *functions):
        write_atomic(checkpoint.path / GRAPHS / f"{name}.onnx", export_graph(checkpoint, name))
    write_metrics(checkpoint.path, checkpoint.metrics)
