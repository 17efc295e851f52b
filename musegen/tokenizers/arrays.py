"""Operations that numpy and torch name differently, so that the rules of a grammar run on both.

The rules of a grammar are about a hundred operations on small arrays. numpy takes about a microsecond for
each and torch on a CPU about four; on a GPU they must be torch operations. (Kinds are compared by `.value`,
because converting an enum takes numpy longer than the comparison.)
"""

import copy
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

Array = Any
"""A Tensor, or a numpy array."""
T = TypeVar("T")


def as_numpy(value: Any) -> Any:
    """The same value with numpy arrays in place of its tensors; they share memory.

    Args:
        value: a tensor on a CPU, or a NamedTuple or dict of tensors; anything else is returned unchanged.
    """
    match value:
        case Tensor():
            return value.numpy()
        case dict():
            return {name: as_numpy(item) for name, item in value.items()}
        case tuple() if hasattr(value, "_fields"):
            return type(value)(*(as_numpy(item) for item in value))
        case _:
            return value


def numpy_rules(rules: T) -> T:
    """A copy of a grammar that works on numpy arrays."""
    copied = copy.copy(rules)
    vars(copied).update({name: as_numpy(value) for name, value in vars(rules).items()})
    return copied


def where(condition: Array, yes: Array, no: Array) -> Array:
    """`yes` where the condition is true, else `no`."""
    return (
        np.where(condition, yes, no) if isinstance(condition, np.ndarray) else torch.where(condition, yes, no)
    )


def maximum(first: Array, second: Array) -> Array:
    """The elementwise maximum."""
    return np.maximum(first, second) if isinstance(first, np.ndarray) else torch.maximum(first, second)


def minimum(first: Array, second: Array) -> Array:
    """The elementwise minimum."""
    return np.minimum(first, second) if isinstance(first, np.ndarray) else torch.minimum(first, second)


def amin(values: Array) -> Array:
    """The minimum along the last dimension."""
    return values.min(-1) if isinstance(values, np.ndarray) else values.amin(-1)


def gather(table: Array, column: Array) -> Array:
    """One value per row, (B,), of a table (B, N)."""
    if isinstance(table, np.ndarray):
        return table[np.arange(len(table)), column]
    return table.gather(1, column[:, None]).squeeze(1)


def scatter(table: Array, column: Array, values: Array) -> Array:
    """A table (B, N) with one value per row replaced, in column `column` (B,) by `values` (B,)."""
    if isinstance(table, np.ndarray):
        table = table.copy()
        table[np.arange(len(table)), column] = values
        return table
    return table.scatter(1, column[:, None], values[:, None])


def expand(values: Array, rows: int) -> Array:
    """(1 or B, ...) as (B, ...)."""
    if len(values) == rows:
        return values
    if isinstance(values, np.ndarray):
        return np.broadcast_to(values, (rows, *values.shape[1:]))
    return values.expand(rows, *values.shape[1:])


def arange(rows: Array) -> Array:
    """0, 1, ..., one per row, (B,)."""
    return (
        np.arange(len(rows)) if isinstance(rows, np.ndarray) else torch.arange(len(rows), device=rows.device)
    )


def as_slice(ids: Tensor) -> slice | Tensor:
    """Ids, (N,) ascending, as a slice where they are consecutive: indexing by a slice copies nothing."""
    if not len(ids) or int(ids[-1]) - int(ids[0]) != len(ids) - 1:
        return ids
    return slice(int(ids[0]), int(ids[-1]) + 1)
