"""From logits to ids: filters and one random stream a row."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from musegen.config.options import SamplingOptions
from musegen.tokenizers.tables import NO_CLASS

ROWS_AT_ONCE, ROWS_ON_GPU = 256, 4096
"""Of a batch on a processor, or with a melody or a latent point for each row; and of another on a GPU."""
AHEAD = 64
"""Numbers that are drawn at once."""
BELOW = 1 - 2**-50
"""What is sought stays below the whole, however rounded: so an id of no probability is never found."""
SETTLED = 7
"""Pitch classes after which a piece has a whole scale, to which one more is strange."""
DIATONIC = 7
"""Pitch classes of a scale, neighbours in the circle of fifths."""
GREEDY_BELOW = 1e-6
"""Below this temperature the likeliest id is taken: logits over less would overflow."""


def row_chunks(num: int, most: int = ROWS_AT_ONCE) -> Iterator[range]:
    """The numbers of so many rows, `most` at once."""
    for first in range(0, num, most):
        yield range(first, min(first + most, num))


class RowStreams:
    """One stream of uniform numbers a row, so that a row does not depend on how many there are.

    Args:
        seed: of the whole run.
        rows: numbers of the rows; row i of seed s always gets the same numbers.
    """

    def __init__(self, seed: int, rows: range) -> None:
        self._streams = [np.random.Generator(np.random.Philox(key=[seed, row])) for row in rows]
        self._ahead = np.zeros((0, len(rows)))

    @property
    def rows(self) -> int:
        """B."""
        return len(self._streams)

    def select(self, chosen: Sequence[int]) -> "RowStreams":
        """Some of the rows, counted from 0, whose numbers go on where they are."""
        some = RowStreams(0, range(0))
        some._streams = [self._streams[row] for row in chosen]
        some._ahead = self._ahead[:, chosen]
        return some

    def draw(self) -> Tensor:
        """The next number in [0, 1) of every row, (B,) float64."""
        return self.draw_steps(1)[0]

    def draw_steps(self, steps: int) -> Tensor:
        """The next numbers of every row, (steps, B) float64: those of so many calls of `draw`."""
        if len(self._ahead) < steps:
            new = [stream.random(max(AHEAD, steps)) for stream in self._streams]
            self._ahead = np.concatenate([self._ahead, np.stack(new, axis=1)])
        drawn, self._ahead = self._ahead[:steps], self._ahead[steps:]
        return torch.from_numpy(drawn)


def temper(logits: Tensor, temperature: float, is_time: Tensor | None = None) -> Tensor:
    """Logits at a temperature.

    Where some ids tell time (bars, positions, the end), these keep their share of the probability, and what
    is cooled or heated is the notes: else a low temperature falls silent, since the likeliest single id is
    often that of the next bar, however many notes could come before it.

    Args:
        logits: (B, V).
        temperature: above 0.
        is_time: (V,) which ids tell time; None: none.
    """
    if temperature == 1.0:
        return logits
    if is_time is None:
        return logits / temperature
    notes = logits.masked_fill(is_time, -torch.inf)
    cooled = notes / temperature
    shift = notes.logsumexp(dim=1, keepdim=True) - cooled.logsumexp(dim=1, keepdim=True)
    return torch.where(is_time, logits, cooled + torch.where(shift.isnan(), 0.0, shift))


def filter_logits(logits: Tensor, config: SamplingOptions, is_time: Tensor | None = None) -> Tensor:
    """Temperature, then top-k, top-p (Holtzman 2020) and min-p (Nguyen 2024), in this order.

    Args:
        logits: (B, V) float64, illegal ids at -inf, at least one legal id a row.
        config: its temperature is at least `GREEDY_BELOW`.
        is_time: (V,) see `temper`.

    Returns:
        (B, V), with what is not to be drawn at -inf.
    """
    logits = temper(logits, config.temperature, is_time)
    if config.top_k is not None and config.top_k < logits.shape[1]:
        kth = logits.topk(config.top_k, dim=1).values[:, -1:]
        logits = logits.masked_fill(logits < kth, -torch.inf)
    if config.top_p < 1.0:
        ordered, order = logits.sort(dim=1, descending=True, stable=True)
        probs = ordered.softmax(dim=1)
        # An id goes when those above it already hold top_p; the first always stays.
        drop = (probs.cumsum(dim=1) - probs) >= config.top_p
        logits = logits.masked_fill(drop.scatter(1, order, drop), -torch.inf)
    if config.min_p > 0.0:
        logits = logits.masked_fill(logits < _least(logits, config.min_p), -torch.inf)
    return logits


def needs_classes(config: SamplingOptions) -> bool:
    """Whether it matters which pitch classes each piece has had: see `filter_classes`."""
    return config.diatonic > 0 or config.min_p_new > 0


def filter_classes(
    logits: Tensor, seen_classes: Tensor, pitch_class: Tensor, diatonic_rows: Tensor, config: SamplingOptions
) -> Tensor:
    """Logits after `within_scale` and `without_unlikely_classes`, as far as the options want them.

    Args:
        logits: (B, V), illegal ids at -inf.
        seen_classes: (B, 13) which pitch classes each piece has had; the last is of what has none.
        pitch_class: (V,) 0 to 12.
        diatonic_rows: (B,) which pieces keep to one scale.
        config: the options.
    """
    if config.diatonic:
        logits = within_scale(logits, seen_classes, pitch_class, diatonic_rows)
    if config.min_p_new:
        logits = without_unlikely_classes(logits, seen_classes, pitch_class, config.min_p_new)
    return logits


def without_unlikely_classes(
    logits: Tensor, seen_classes: Tensor, pitch_class: Tensor, share: float
) -> Tensor:
    """Logits without pitches of a new class that are hardly likely, in pieces that have `SETTLED` classes.

    An accidental that a model gives one chance in a hundred at every note comes in most pieces, and once it
    has come the model goes on with it: so what is new wants more than what has been seen_classes.

    Args:
        logits: (B, V), illegal ids at -inf.
        seen_classes: (B, 13) which pitch classes each piece has had; the last is of what has none.
        pitch_class: (V,) 0 to 12.
        share: of the probability of the likeliest id, which a new class must reach.

    Returns:
        (B, V), the likeliest id of each row as it was.
    """
    is_settled = seen_classes[:, :NO_CLASS].sum(dim=1, keepdim=True) >= SETTLED
    is_new = ~seen_classes[:, pitch_class] & (pitch_class < NO_CLASS) & is_settled
    return logits.masked_fill(is_new & (logits < _least(logits, share)), -torch.inf)


def within_scale(logits: Tensor, seen_classes: Tensor, pitch_class: Tensor, diatonic_rows: Tensor) -> Tensor:
    """Logits of those pieces that keep to one diatonic scale without the pitches that would leave it.

    Which scale it is shows as the piece goes on: a pitch may come if one of the twelve has it and all that
    the piece has had. A piece that is out of every scale already (a prompt's) is left alone.

    Args:
        logits: (B, V), illegal ids at -inf.
        seen_classes: (B, 13) which pitch classes each piece has had; the last is of what has none.
        pitch_class: (V,) 0 to 12.
        diatonic_rows: (B,) which pieces keep to one scale.

    Returns:
        (B, V), each row with something left to draw.
    """
    each = torch.arange(NO_CLASS, device=logits.device)
    # pitch class c stands at place 7c of the circle of fifths, where a scale is seven neighbours: (12, 12)
    scales = ((7 * each - each[:, None]) % NO_CLASS < DIATONIC).float()
    is_possible = seen_classes[:, :NO_CLASS].float() @ (1 - scales).t() == 0  # (B, 12)
    may_come = torch.cat([is_possible.float() @ scales > 0, torch.ones_like(diatonic_rows)[:, None]], dim=1)
    kept = logits.masked_fill(~may_come[:, pitch_class], -torch.inf)
    is_kept = diatonic_rows & is_possible.any(dim=1) & (kept.amax(dim=1) > -torch.inf)
    return torch.where(is_kept[:, None], kept, logits)


def _least(logits: Tensor, share: float) -> Tensor:
    """The logits of ids that have so large a share of the likeliest one's probability, (B, 1)."""
    return logits.amax(dim=1, keepdim=True) + math.log(share)


def draw_ids(
    logits: Tensor, uniform: Tensor, config: SamplingOptions, is_time: Tensor | None = None
) -> Tensor:
    """One id a row, by inverting the cumulative distribution at `uniform`; the likeliest at temperature 0.

    Args:
        logits: (B, V), illegal ids at -inf.
        uniform: (B,) in [0, 1).
        config: how to draw.
        is_time: (V,) see `temper`.

    Returns:
        (B,) ids, each of non-zero probability.
    """
    if config.temperature < GREEDY_BELOW:
        return logits.argmax(dim=1)
    if config.temperature != 1.0 or config.top_k or config.top_p < 1.0 or config.min_p:
        logits = filter_logits(logits.double(), config, is_time)
    shares = (logits - logits.amax(dim=1, keepdim=True)).exp()
    cumulative = shares.cumsum(dim=1, dtype=torch.float64)
    wanted = (uniform.to(logits.device, torch.float64) * BELOW)[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, wanted, right=True).squeeze(1)
