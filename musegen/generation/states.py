"""States of a batch: nested NamedTuples of batch-first tensors and numpy arrays."""

from typing import Any

import numpy as np
import torch
from torch import Tensor


def count_rows(state: Any) -> int:
    """Rows of a state."""
    return len(state) if isinstance(state, Tensor | np.ndarray) else count_rows(state[0])


def repeat_rows(state: Any, rows: int) -> Any:
    """A state of one row, expanded to `rows` rows; one of `rows` rows is unchanged."""
    if isinstance(state, Tensor):
        return state.expand(rows, *state.shape[1:])
    if isinstance(state, np.ndarray):
        return np.broadcast_to(state, (rows, *state.shape[1:]))
    return type(state)(*(repeat_rows(part, rows) for part in state))


def choose_rows(state: Any, rows: Tensor) -> Any:
    """Some rows of a state, by number, (B',)."""
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    if isinstance(state, np.ndarray):
        return state[rows.numpy()]
    return type(state)(*(choose_rows(part, rows) for part in state))


def parts(state: Any) -> list[Tensor]:
    """The tensors in a state, in order."""
    return [state] if isinstance(state, Tensor) else [tensor for part in state for tensor in parts(part)]


def filled(like: Any, tensors: list[Tensor]) -> Any:
    """A state with the structure of `like`, made of `tensors`, which is emptied."""
    if isinstance(like, Tensor):
        return tensors.pop(0)
    return type(like)(*(filled(part, tensors) for part in like))


def as_tensor(values: Any) -> Tensor:
    """A tensor, or a numpy array as one."""
    return torch.from_numpy(values) if isinstance(values, np.ndarray) else values
