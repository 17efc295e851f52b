"""States of a batch: nested tuples, most of them named, of batch-first tensors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from musegen.models.encoder import BAR_KEY, BY_ID, Memory
from musegen.models.position.features import TrackerState
from musegen.models.transformer import KeyValues, Transformer, TransformerState


def count_rows(state: Any) -> int:
    """Rows of a state."""
    return len(state) if isinstance(state, Tensor) else count_rows(state[0])


def repeat_rows(state: Any, rows: int) -> Any:
    """A state of one row, expanded to `rows` rows; one of `rows` rows is unchanged."""
    if isinstance(state, Tensor):
        return state.expand(rows, *state.shape[1:])
    return _tuple_like(state, [repeat_rows(part, rows) for part in state])


def choose_rows(state: Any, rows: Tensor) -> Any:
    """Some rows of a state, by number, (B',)."""
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    return _tuple_like(state, [choose_rows(part, rows) for part in state])


def parts(state: Any) -> list[Tensor]:
    """The tensors in a state, in order."""
    return [state] if isinstance(state, Tensor) else [tensor for part in state for tensor in parts(part)]


def filled(like: Any, tensors: list[Tensor]) -> Any:
    """A state with the structure of `like`, made of `tensors`, which is emptied."""
    if isinstance(like, Tensor):
        return tensors.pop(0)
    return _tuple_like(like, [filled(part, tensors) for part in like])


def _tuple_like(like: Any, values: list[Any]) -> Any:
    return tuple(values) if type(like) is tuple else type(like)(*values)


@contextmanager
def fixed_window(model: Any) -> Iterator[None]:
    """Within the block, steps of a model drop as many past ids as they add, so that shapes stay the same."""
    windowed = [each for each in (model.decoder.tracker, model.decoder.rnn) if hasattr(each, "is_windowed")]
    for each in windowed:
        each.is_windowed = True
    try:
        yield
    finally:
        for each in windowed:
            each.is_windowed = False


def padded(state: Any, window: int, *, settled: int = 0) -> Any:
    """A state padded in front to so many past ids, at least as many as there are.

    Args:
        state: of a model.
        window: of the ids, and of keys and values outside the past.
        settled: of keys and values in the past, if more than there are.
    """
    state = _changed(state, TrackerState, lambda place: _padded(place, window))
    sizes = (settled, settled, window, window)

    def pad(cache: KeyValues) -> KeyValues:
        missing = (max(0, size - each.shape[2]) for size, each in zip(sizes, cache, strict=True))
        pairs = zip(cache, missing, strict=True)
        return KeyValues(*(nn.functional.pad(each, (0, 0, front, 0)) for each, front in pairs))

    return _changed(state, KeyValues, pad)


def _padded(place: TrackerState, window: int) -> TrackerState:
    front = (window - place.ids.shape[1], 0)
    keys = nn.functional.pad(place.keys, front, value=-1)  # before every key that is looked up
    return place._replace(ids=nn.functional.pad(place.ids, front), keys=keys)


def forgetful(model: Any, state: Any) -> Any:
    """A state without the past ids that no look-back and no attention reaches any more."""
    state = _changed(state, TrackerState, model.decoder.tracker.forget)
    backbone = model.decoder.rnn
    return _changed(state, TransformerState, backbone.forget) if isinstance(backbone, Transformer) else state


def _changed(state: Any, kind: type, change: Any) -> Any:
    """A state in which each part of one kind is changed."""
    if isinstance(state, Tensor):
        return state
    if isinstance(state, kind):
        return change(state)
    return _tuple_like(state, [_changed(part, kind, change) for part in state])


def in_view(memory: Memory, bar: Tensor, reach: int) -> Memory:
    """What a model reads of a source at some bars, (B,), and one bar later.

    Args:
        memory: of the whole source, of 1 or B rows.
        bar: of each row, from 1.
        reach: bars before and after that it reads.
    """
    bars = memory.keys // BAR_KEY  # (1 or B, S)
    first = (bars < (bar - max(reach, 1))[:, None]).sum(1)  # (B,)
    stop = (bars <= (bar + 1 + reach)[:, None]).sum(1)
    width = int((stop - first).max())
    first = torch.minimum(first, torch.tensor(bars.shape[1] - width))
    index = first[:, None] + torch.arange(width, device=bar.device)  # (B, W)

    def part(whole: Tensor) -> Tensor:
        rows = whole.expand(len(bar), *whole.shape[1:])
        return rows.gather(
            1, index.view(*index.shape, *[1] * (whole.dim() - 2)).expand(-1, -1, *whole.shape[2:])
        )

    seen: Memory = repeat_rows(memory, len(bar))
    return seen._replace(**{name: part(getattr(memory, name)) for name in BY_ID})
