"""What the sampling loop asks of a model, whatever runs it: arrays in, arrays out.

Three back-ends do this: torch as it is (the reference), torch in CUDA graphs (both in eager.py), and the
exported graphs of a model in onnxruntime (exported.py), which needs no torch.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from musegen.config.options import SamplingOptions
from musegen.music.notes import Floats
from musegen.tokenizers.limits import Limits
from musegen.tokenizers.tables import Ints, Kind, Tables

Array = Any
"""A numpy array of numbers of any type."""


class Settings(NamedTuple):
    """The sampling settings of a request, () float64 each unless said otherwise."""

    temperature: Array
    top_k: Array
    """() int64"""
    top_p: Array
    min_p: Array
    min_p_new: Array
    keeps: Array
    """(V,) bool: ids whose total probability the temperature does not change: see `temper` in step.py."""
    diatonic: Array
    """(B,) bool: whether a row keeps to one scale: see `within_scale` in step.py."""

    @classmethod
    def of(
        cls, options: SamplingOptions, tables: Tables, diatonic: Array, *, pitches_alone: bool
    ) -> "Settings":
        """Those of some options.

        Args:
            options: of the request.
            tables: of the stream.
            diatonic: (B,) whether a row keeps to one scale.
            pitches_alone: temper pitches only; durations, holds and rests keep their probability, too.
        """
        keeps = tables.is_time | ((tables.kind >= Kind.DURATION) & pitches_alone)
        numbers = (options.temperature, options.top_p, options.min_p, options.min_p_new)
        temperature, top_p, min_p, min_p_new = (np.array(each, np.float64) for each in numbers)
        top_k = np.array(options.top_k or len(keeps), np.int64)
        return cls(temperature, top_k, top_p, min_p, min_p_new, keeps, diatonic)


class Run(Protocol):
    """A batch of streams being sampled."""

    block: int
    """K, how many steps are taken at once."""

    def read(self, ids: Ints) -> None:
        """Follow the same ids, (T,), in every row."""
        ...

    def step(self, uniform: Floats, settings: Settings, forced: Ints | None = None) -> tuple[Ints, Array]:
        """Sample K more ids in every row; with `forced`, one.

        Args:
            uniform: (K, B) random numbers in [0, 1).
            settings: of the request, with B rows.
            forced: (B,) ids that some rows follow; -1 where one is sampled.

        Returns:
            (K, B) ids, and (B,) whether each row has ended.
        """
        ...

    def select(self, rows: Ints) -> None:
        """Go on with some of the rows alone, by number, (B',); a row may occur several times."""
        ...

    def allow(self, limits: Limits) -> None:
        """Go on under other limits, of B rows or of one, for the same voices."""
        ...

    def logits(self) -> Floats:
        """Of the next id, (B, V)."""
        ...

    def nats(self) -> Floats:
        """Log-likelihood of the ids sampled so far, (B,), without masks or filters."""
        ...


class Machine(Protocol):
    """A model that is ready to run."""

    tables: Tables
    """Of its streams."""
    functions: frozenset[str]
    """Names of what it can do besides its steps: see `functions` of each model."""
    most_rows: int
    """The largest batch."""
    is_rounded: bool
    """Whether steps draw from another distribution, with rounded weights or guidance; `call` never does."""

    def call(self, name: str, *inputs: Array) -> list[Array]:
        """One of `functions`."""
        ...

    def weight(self, name: str) -> Array:
        """A tensor of the checkpoint by its name."""
        ...

    def run(self, inputs: Sequence[Array], limits: Limits, seen_classes: Array) -> Run:
        """Streams before BOS.

        Args:
            inputs: of the model's function "start", with one row or B.
            limits: of the streams, with one row or B.
            seen_classes: (B, 13) pitch classes that are not new: see `without_unlikely_classes` in step.py.
        """
        ...
