"""The order of candidates: the one rule of all verbs that sample several.

A candidate is rated by a mean log-likelihood per id, in nats, under the model that sampled it: that of the
music after a gap, if there is any, and otherwise that of its own new music. Per id, since by the sum those
with the fewest notes would come first.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

Candidate = TypeVar("Candidate")


class Rating(NamedTuple):
    """By what a candidate is ranked."""

    log_likelihood: float
    """Of the music that judges it, in nats."""
    ids: int
    """How many ids that is."""
    miss: float = 0.0
    """How far it is from what was requested: those that are nearer come first, however likely others are."""

    @property
    def nats_per_id(self) -> float:
        """Log-likelihood per id."""
        return self.log_likelihood / max(1, self.ids)


def ranked(candidates: Iterable[Candidate], rate: Callable[[Candidate], Rating]) -> list[Candidate]:
    """The candidates, the best first; of equals, the first of them."""
    rated = [(rate(each), each) for each in candidates]
    rated.sort(key=lambda pair: (pair[0].miss, -pair[0].nats_per_id))
    return [each for _, each in rated]
