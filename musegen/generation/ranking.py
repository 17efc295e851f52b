"""The order of candidates: the one rule of all verbs that sample several.

A candidate is rated by the mean log-likelihood per id of its own new music, under the model that sampled it.
If given music follows, that of the first bar after each gap is added: it tells a good end of a gap. They are
means per id, since by sums those with the fewest notes would come first, and a long gap would outweigh its
end. The rule is chosen on validation tunes: see benchmarks/RESULTS.md.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

Candidate = TypeVar("Candidate")


class Likelihood(NamedTuple):
    """Log-likelihood of some ids."""

    total: float
    """In nats."""
    ids: int
    """Their number."""

    @property
    def per_id(self) -> float:
        """The mean, 0 for none."""
        return self.total / self.ids if self.ids else 0.0


class Rating(NamedTuple):
    """By what a candidate is ranked."""

    new: Likelihood
    """Of the new music."""
    joins: Likelihood = Likelihood(0.0, 0)
    """Of the first bars after gaps."""
    miss: float = 0.0
    """How far it is from what was requested: those that are nearer come first, however likely others are."""


def ranked(candidates: Iterable[Candidate], rate: Callable[[Candidate], Rating]) -> list[Candidate]:
    """The candidates, the best first; of equals, the first of them."""
    rated = [(rate(each), each) for each in candidates]
    rated.sort(key=lambda pair: (pair[0].miss, -pair[0].new.per_id - pair[0].joins.per_id))
    return [each for _, each in rated]
