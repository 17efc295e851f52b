"""One random stream per row."""

from collections.abc import Iterator, Sequence

import numpy as np

from musegen.music.notes import Floats, Ints

ROWS_AT_ONCE = 256
"""The largest batch where each row has its own melody or latent point."""
BELOW_ONE = 1 - 2**-50
"""Keeps the sought value below the total despite rounding: an id of probability 0 is never found."""
GREEDY_BELOW = 1e-6
"""Below this temperature the most likely choice is taken: the division of the logits would overflow."""
BUFFERED = 64
"""How many random numbers are buffered."""


def row_chunks(num: int, most: int) -> Iterator[range]:
    """The numbers of `num` rows, in chunks of at most `most`."""
    for first in range(0, num, most):
        yield range(first, min(first + most, num))


def draw_from(logits: Floats, uniform: Floats) -> Ints:
    """(B,) choices by inverting the cumulative distribution of logits (B, C) at `uniform` (B,) in [0, 1)."""
    cumulative = np.exp(logits - logits.max(axis=1, keepdims=True)).cumsum(axis=1)
    found: Ints = (cumulative <= (uniform * BELOW_ONE)[:, None] * cumulative[:, -1:]).sum(axis=1)
    return found


class RowStreams:
    """One stream of uniform random numbers per row, so that a row does not depend on the batch size.

    Args:
        seed: of the whole run.
        rows: numbers of the rows; row i of seed s always gets the same numbers.
    """

    def __init__(self, seed: int, rows: range) -> None:
        self._streams = [np.random.Generator(np.random.Philox(key=[seed, row])) for row in rows]
        self._ahead = np.zeros((0, len(rows)))

    @property
    def rows(self) -> int:
        """B, the number of rows."""
        return len(self._streams)

    def select(self, chosen: Sequence[int]) -> "RowStreams":
        """Some of the rows, counted from 0, whose streams continue where they are."""
        some = RowStreams(0, range(0))
        some._streams = [self._streams[row] for row in chosen]
        some._ahead = self._ahead[:, chosen]
        return some

    def draw(self) -> Floats:
        """The next number in [0, 1) of every row, (B,) float64."""
        drawn: Floats = self.draw_steps(1)[0]
        return drawn

    def draw_steps(self, steps: int) -> Floats:
        """The next numbers of every row, (steps, B) float64: those of `steps` calls of `draw`."""
        if len(self._ahead) < steps:
            new = [stream.random(max(BUFFERED, steps)) for stream in self._streams]
            self._ahead = np.concatenate([self._ahead, np.stack(new, axis=1)])
        drawn, self._ahead = self._ahead[:steps], self._ahead[steps:]
        return drawn
