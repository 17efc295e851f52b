"""What numpy and torch spell differently, for rules that are written once and run on both.

The rules of a grammar are some hundred operations on arrays of a few numbers. numpy takes a microsecond for
each, torch on a processor four; and on a GPU they must be torch's. (Kinds are compared by `.value`: what
numpy asks of an enum before it compares takes longer than the comparison.)
"""

import copy
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

Array = Any
"""A Tensor, or a numpy array."""
T = TypeVar("T")


def hosted(thing: Any) -> Any:
    """The same with numpy arrays in the place of its tensors, whose memory they share.

    Args:
        thing: a tensor on a processor, a NamedTuple or dict of such things, or an object that has them as
            attributes; whatever else there is is kept.
    """
    match thing:
        case Tensor():
            return thing.numpy()
        case dict():
            return {name: hosted(value) for name, value in thing.items()}
        case tuple() if hasattr(thing, "_fields"):
            return type(thing)(*(hosted(part) for part in thing))
        case _:
            return thing


def numpy_rules(rules: T) -> T:
    """A grammar for numpy arrays."""
    own = copy.copy(rules)
    vars(own).update({name: hosted(value) for name, value in vars(rules).items()})
    return own


def where(condition: Array, yes: Array, no: Array) -> Array:
    """`yes` where the condition holds, else `no`."""
    return (
        np.where(condition, yes, no) if isinstance(condition, np.ndarray) else torch.where(condition, yes, no)
    )


def larger(first: Array, second: Array) -> Array:
    """The larger of each two."""
    return np.maximum(first, second) if isinstance(first, np.ndarray) else torch.maximum(first, second)


def smaller(first: Array, second: Array) -> Array:
    """The smaller of each two."""
    return np.minimum(first, second) if isinstance(first, np.ndarray) else torch.minimum(first, second)


def lowest(values: Array) -> Array:
    """The smallest along the last dimension."""
    return values.min(-1) if isinstance(values, np.ndarray) else values.amin(-1)


def picked(table: Array, column: Array) -> Array:
    """One value a row, (B,), of a table (B, N)."""
    if isinstance(table, np.ndarray):
        return table[np.arange(len(table)), column]
    return table.gather(1, column[:, None]).squeeze(1)


def replaced(table: Array, column: Array, values: Array) -> Array:
    """A table (B, N) with one value a row, (B,), in a column of the row's own, (B,)."""
    if isinstance(table, np.ndarray):
        table = table.copy()
        table[np.arange(len(table)), column] = values
        return table
    return table.scatter(1, column[:, None], values[:, None])


def spread(values: Array, rows: int) -> Array:
    """(1 or B, ...) as (B, ...)."""
    if len(values) == rows:
        return values
    if isinstance(values, np.ndarray):
        return np.broadcast_to(values, (rows, *values.shape[1:]))
    return values.expand(rows, *values.shape[1:])


def counted(rows: Array) -> Array:
    """0, 1, ..., one a row."""
    return (
        np.arange(len(rows)) if isinstance(rows, np.ndarray) else torch.arange(len(rows), device=rows.device)
    )


def span(ids: Tensor) -> slice | Tensor:
    """Ids, (N,) ascending, as a slice where they follow one another: reading one copies nothing."""
    if not len(ids) or int(ids[-1]) - int(ids[0]) != len(ids) - 1:
        return ids
    return slice(int(ids[0]), int(ids[-1]) + 1)
