"""The interface of all models: `model(ids, state) -> (logits, state)`."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

from torch import Tensor

State = TypeVar("State")
"""Nested tuples of batch-first tensors."""


class Decoder(Protocol[State]):
    """Every model: the signature of `nn.LSTM`, with ids in and logits out."""

    def __call__(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, T) ids and a state to (B, T, V) logits and the next state."""
        ...


class Backbone(Protocol[State]):
    """What carries the state through time: recurrent layers, or a transformer."""

    num_values: int
    """Number of values that make a state."""

    def init_state(self, batch_size: int) -> State:
        """The state before the first step."""
        ...

    def state_of(self, values: Tensor) -> State:
        """A state made of values from -1 to 1, (B, `num_values`)."""
        ...

    def __call__(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, T, input_size) and a state to (B, T, H) and the next state."""
        ...


class Function(NamedTuple):
    """What a model does besides its steps."""

    call: Callable[..., Any]
    """From tensors to a tensor, or to a NamedTuple of tensors."""
    examples: tuple[Tensor, ...]
    """Inputs with which it can be traced: dimensions that vary are larger than 1."""


def first_state(
    model: Any,
    rows: int,
    source_ids: Tensor | None,
    plan: Tensor | None = None,
    labels: Tensor | None = None,
) -> Any:
    """The state before the first id.

    Args:
        model: of any family except VAEs.
        rows: the batch size.
        source_ids: melodies, (rows, S); None: there are none.
        plan: of their accompaniments, (rows, K, 2); None: there is none.
        labels: of the streams, (rows, K) ids; None: the model knows none.
    """
    if source_ids is not None:
        return model.init_state(source_ids, plan)
    return model.init_state(rows) if labels is None else model.init_state(rows, labels)
