"""States of a batch: nested NamedTuples of batch-first tensors."""

from typing import Any

from torch import Tensor, nn

from musegen.models.position.features import Tracker, TrackerState


def count_rows(state: Any) -> int:
    """Rows of a state."""
    return len(state) if isinstance(state, Tensor) else count_rows(state[0])


def repeat_rows(state: Any, rows: int) -> Any:
    """A state of one row, expanded to `rows` rows; one of `rows` rows is unchanged."""
    if isinstance(state, Tensor):
        return state.expand(rows, *state.shape[1:])
    return type(state)(*(repeat_rows(part, rows) for part in state))


def choose_rows(state: Any, rows: Tensor) -> Any:
    """Some rows of a state, by number, (B',)."""
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    return type(state)(*(choose_rows(part, rows) for part in state))


def parts(state: Any) -> list[Tensor]:
    """The tensors in a state, in order."""
    return [state] if isinstance(state, Tensor) else [tensor for part in state for tensor in parts(part)]


def filled(like: Any, tensors: list[Tensor]) -> Any:
    """A state with the structure of `like`, made of `tensors`, which is emptied."""
    if isinstance(like, Tensor):
        return tensors.pop(0)
    return type(like)(*(filled(part, tensors) for part in like))


def windowed(model: nn.Module, state: Any, window: int) -> Any:
    """A state whose past ids are padded in front to a fixed number, which the model keeps after every step.

    Args:
        model: whose steps follow.
        state: of the model, nested NamedTuples of tensors.
        window: at least the number of ids that have been read and will be before the next call.
    """
    for module in model.modules():
        if isinstance(module, Tracker):
            module.is_windowed = True
    return _padded(state, window)


def _padded(state: Any, window: int) -> Any:
    if isinstance(state, Tensor):
        return state
    if isinstance(state, TrackerState):
        front = (window - state.ids.shape[1], 0)
        keys = nn.functional.pad(state.keys, front, value=-1)  # before every key that is looked up
        return state._replace(ids=nn.functional.pad(state.ids, front), keys=keys)
    return type(state)(*(_padded(part, window) for part in state))
