"""What every model is: `model(ids, state) -> (logits, state)`, all at once or step by step."""

from typing import Any, Protocol, TypeVar

from torch import Tensor

State = TypeVar("State")
"""NamedTuples, in one another, of batch-first tensors."""


class Decoder(Protocol[State]):
    """What every model is: `nn.LSTM`'s own signature, with ids in and logits out."""

    def __call__(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, T) ids and a state to (B, T, V) logits and the next state."""
        ...


def first_state(model: Any, rows: int, source_ids: Tensor | None, plan: Tensor | None = None) -> Any:
    """The state before the first id.

    Args:
        model: of any family but VAEs.
        rows: how many.
        source_ids: melodies, (rows, S); None: there are none.
        plan: of their accompaniments, (rows, K, 2); None: there is none.
    """
    return model.init_state(rows) if source_ids is None else model.init_state(source_ids, plan)
