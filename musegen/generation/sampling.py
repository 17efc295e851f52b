"""From logits to ids: filters, and one random stream per row."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from musegen.config.options import SamplingOptions
from musegen.tokenizers.tables import NO_CLASS

ROWS_AT_ONCE, ROWS_ON_GPU = 256, 4096
"""Batch size on a CPU, or with a melody or a latent point for each row; and of other batches on a GPU."""
BUFFERED = 64
"""How many random numbers are buffered."""
BELOW_ONE = 1 - 2**-50
"""Keeps the sought value below the total despite rounding: an id of probability 0 is never found."""
SETTLED = 7
"""Number of pitch classes that make a whole scale, to which another one is foreign."""
DIATONIC = 7
"""Pitch classes of a diatonic scale, neighbours on the circle of fifths."""
GREEDY_BELOW = 1e-6
"""Below this temperature the most likely id is taken: the division of the logits would overflow."""


def row_chunks(num: int, most: int = ROWS_AT_ONCE) -> Iterator[range]:
    """The numbers of `num` rows, in chunks of at most `most`."""
    for first in range(0, num, most):
        yield range(first, min(first + most, num))


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

    def draw(self) -> Tensor:
        """The next number in [0, 1) of every row, (B,) float64."""
        return self.draw_steps(1)[0]

    def draw_steps(self, steps: int) -> Tensor:
        """The next numbers of every row, (steps, B) float64: those of `steps` calls of `draw`."""
        if len(self._ahead) < steps:
            new = [stream.random(max(BUFFERED, steps)) for stream in self._streams]
            self._ahead = np.concatenate([self._ahead, np.stack(new, axis=1)])
        drawn, self._ahead = self._ahead[:steps], self._ahead[steps:]
        return torch.from_numpy(drawn)


def temper(logits: Tensor, temperature: float, is_time: Tensor | None = None) -> Tensor:
    """Logits at a temperature.

    Ids of time (bars, positions, EOS) keep their probability, and only the notes are tempered. Otherwise low
    temperatures lead to silence, since the most likely single id is often that of the next bar, however
    likely all notes before it are together.

    Args:
        logits: (B, V).
        temperature: above 0.
        is_time: (V,) which ids are of time; None: none.
    """
    if temperature == 1.0:
        return logits
    if is_time is None:
        return logits / temperature
    notes = logits.masked_fill(is_time, -torch.inf)
    tempered = notes / temperature
    shift = notes.logsumexp(dim=1, keepdim=True) - tempered.logsumexp(dim=1, keepdim=True)
    return torch.where(is_time, logits, tempered + torch.where(shift.isnan(), 0.0, shift))


def filter_logits(logits: Tensor, config: SamplingOptions, is_time: Tensor | None = None) -> Tensor:
    """Temperature, then top-k, top-p (Holtzman 2020) and min-p (Nguyen 2024), in this order.

    Args:
        logits: (B, V) float64, illegal ids at -inf, at least one legal id per row.
        config: its temperature is at least `GREEDY_BELOW`.
        is_time: (V,) see `temper`.

    Returns:
        (B, V), the excluded ids at -inf.
    """
    logits = temper(logits, config.temperature, is_time)
    if config.top_k is not None and config.top_k < logits.shape[1]:
        kth = logits.topk(config.top_k, dim=1).values[:, -1:]
        logits = logits.masked_fill(logits < kth, -torch.inf)
    if config.top_p < 1.0:
        ordered, order = logits.sort(dim=1, descending=True, stable=True)
        probs = ordered.softmax(dim=1)
        # An id is dropped if those above it already reach top_p; the first always stays.
        drop = (probs.cumsum(dim=1) - probs) >= config.top_p
        logits = logits.masked_fill(drop.scatter(1, order, drop), -torch.inf)
    if config.min_p > 0.0:
        logits = logits.masked_fill(logits < _threshold(logits, config.min_p), -torch.inf)
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
    """Logits without unlikely pitches of a new class, in pieces that have `SETTLED` classes.

    An accidental with a probability of one in a hundred at every note occurs in most pieces, and once it has
    occurred the model repeats it: so a new pitch class needs a higher probability than one seen before.

    Args:
        logits: (B, V), illegal ids at -inf.
        seen_classes: (B, 13) which pitch classes each piece has had; the last is of ids without one.
        pitch_class: (V,) 0 to 12.
        share: of the probability of the most likely id, which a new class must reach.

    Returns:
        (B, V), the most likely id of each row unchanged.
    """
    is_settled = seen_classes[:, :NO_CLASS].sum(dim=1, keepdim=True) >= SETTLED
    is_new = ~seen_classes[:, pitch_class] & (pitch_class < NO_CLASS) & is_settled
    return logits.masked_fill(is_new & (logits < _threshold(logits, share)), -torch.inf)


def within_scale(logits: Tensor, seen_classes: Tensor, pitch_class: Tensor, diatonic_rows: Tensor) -> Tensor:
    """Logits without the pitches outside one diatonic scale, in those pieces that keep to one.

    The scale is not fixed in advance: a pitch is allowed if one of the twelve scales has it and all pitch
    classes that the piece has had. A piece that already fits no scale (by its prompt) is not restricted.

    Args:
        logits: (B, V), illegal ids at -inf.
        seen_classes: (B, 13) which pitch classes each piece has had; the last is of ids without one.
        pitch_class: (V,) 0 to 12.
        diatonic_rows: (B,) which pieces keep to one scale.

    Returns:
        (B, V), at least one id of each row allowed.
    """
    classes = torch.arange(NO_CLASS, device=logits.device)
    # Pitch class c is at 7c on the circle of fifths, where a scale is seven neighbours: (12, 12)
    scales = ((7 * classes - classes[:, None]) % NO_CLASS < DIATONIC).float()
    is_possible = seen_classes[:, :NO_CLASS].float() @ (1 - scales).t() == 0  # (B, 12)
    is_allowed = torch.cat([is_possible.float() @ scales > 0, torch.ones_like(diatonic_rows)[:, None]], dim=1)
    restricted = logits.masked_fill(~is_allowed[:, pitch_class], -torch.inf)
    is_restricted = diatonic_rows & is_possible.any(dim=1) & (restricted.amax(dim=1) > -torch.inf)
    return torch.where(is_restricted[:, None], restricted, logits)


def _threshold(logits: Tensor, share: float) -> Tensor:
    """The logit at which an id has `share` of the probability of the most likely one, (B, 1)."""
    return logits.amax(dim=1, keepdim=True) + math.log(share)


def draw_ids(
    logits: Tensor, uniform: Tensor, config: SamplingOptions, is_time: Tensor | None = None
) -> Tensor:
    """One id per row, by inverting the cumulative distribution at `uniform`; the argmax at temperature 0.

    Args:
        logits: (B, V), illegal ids at -inf.
        uniform: (B,) in [0, 1).
        config: the sampling settings.
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
    target = (uniform.to(logits.device, torch.float64) * BELOW_ONE)[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True).squeeze(1)
