"""One sampling step: masks, filters, the draw, the grammar, the features and the model, as tensor operations.

Nothing branches on a value, so that one program serves every request: what it asks is in `Settings` (here as
tensors) and in the limits of the grammar. The same code runs on torch, and exported in onnxruntime.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import softplus

from musegen.generation.machine import Settings
from musegen.generation.sampling import BELOW_ONE, GREEDY_BELOW
from musegen.models.protocol import Decoder
from musegen.tokenizers.tables import NO_CLASS, Kind

SETTLED = 7
"""Number of pitch classes that make a whole scale, to which another one is foreign."""
DIATONIC = 7
"""Pitch classes of a diatonic scale, neighbours on the circle of fifths."""


class RulesState(Protocol):
    """Where a batch of streams stands in its grammar: a NamedTuple of batch-first tensors."""

    @property
    def kind(self) -> Tensor:
        """(B,) `Kind` of the last id."""
        ...


class Rules(Protocol):
    """A grammar: it follows a batch of streams and masks the ids that must not come next.

    The states that it takes (Any) are those that it has returned: each grammar has a type of its own.
    """

    kind: Tensor
    """(V,) `Kind` of each id."""
    pitch_class: Tensor
    """(V,) 0 to 11 for pitches, 12 for all other ids."""
    end: int
    """The id of EOS."""
    line: int
    """The id of a new bar."""
    limits: Any
    """What the request allows."""

    def init_state(self, batch_size: int) -> RulesState:
        """The state before BOS."""
        ...

    def advance(self, state: Any, ids: Tensor) -> RulesState:
        """The state after one more id per row, (B,)."""
        ...

    def silence(self, state: Any, rows: Tensor) -> RulesState:
        """The state with every note of some rows, (B,) bool, ended by the last bar line."""
        ...

    def mask(self, state: Any) -> Tensor:
        """Which ids may come next, (B, V)."""
        ...

    def select(self, rows: Tensor) -> "Rules":
        """The rules of some of the rows, by number, (B',)."""
        ...

    def under(self, limits: Any) -> "Rules":
        """The same rules under other limits."""
        ...


class Rows(NamedTuple):
    """The rows being sampled."""

    last: Tensor
    """(B, V) logits of the next id."""
    done: Tensor
    """(B,) whether the row has ended."""
    total: Tensor
    """(B,) float64 log-likelihood of its new ids, in nats, without masks or filters."""
    seen_classes: Tensor
    """(B, 13) which pitch classes it has so far: see `without_unlikely_classes`."""
    rules: Any
    """`RulesState`"""
    state: Any
    """Of the model."""


def first_rows(state: Any, grammar: Rules, seen_classes: Tensor) -> Rows:
    """The rows before BOS.

    Args:
        state: of the model, of B rows.
        grammar: of the streams.
        seen_classes: (B, 13).
    """
    rows, zeros = seen_classes.shape[0], seen_classes[:, 0] * 0.0
    last = zeros.float()[:, None].expand(-1, grammar.kind.shape[0])
    return Rows(last, zeros > 0, zeros.double(), seen_classes, grammar.init_state(rows), state)


def step(
    rows: Rows, uniform: Tensor, forced: Tensor, model: Decoder[Any], grammar: Rules, settings: Settings
) -> tuple[Tensor, Rows]:
    """Sample one more id in every row, or follow the ids of a prompt.

    Args:
        rows: so far.
        uniform: (B,) float64 random numbers in [0, 1).
        forced: (B,) the id of a prompt, which may break the rules; -1 where it is sampled.
        model: any family's decoder.
        grammar: of the streams.
        settings: as tensors.

    Returns:
        (B,) ids, and the rows after them.
    """
    last, pitch_class = rows.last.float(), grammar.pitch_class
    mask = grammar.mask(rows.rules)
    logits = torch.where(mask, with_forced_end(last, mask, grammar), -torch.inf)
    logits = within_scale(logits, rows.seen_classes, pitch_class, settings.diatonic)
    # What a request does not ask for takes no time.
    new, warm = settings.min_p_new, settings.temperature
    shaping = (rows.seen_classes, pitch_class, new, warm, settings.keeps)
    logits = _only_if((new > 0.0) | (warm != 1.0), _shaped, logits, *shaping)
    is_cut = (settings.top_k < logits.shape[1]) | (settings.top_p < 1.0)
    logits = _only_if(is_cut, _most_likely, logits, settings.top_k, settings.top_p)
    logits = torch.where(logits < _threshold(logits, settings.min_p), -torch.inf, logits)
    is_sampled = forced < 0
    ids = torch.where(is_sampled, draw_from(logits, uniform), forced)
    # Log-likelihood under the unfiltered logits, then the next state.
    own = last.log_softmax(dim=1).gather(1, ids[:, None]).squeeze(1)
    total = rows.total + torch.where(rows.done | ~is_sampled, 0.0, own.double())
    followed = follow(rows, ids, model, grammar)
    # Notes of a prompt end with its bars, however rounded.
    is_line = ~is_sampled & (followed.rules.kind == Kind.BAR.value)
    followed = followed._replace(rules=grammar.silence(followed.rules, is_line))
    done = rows.done | (is_sampled & (followed.rules.kind == Kind.EOS.value))
    return ids, followed._replace(total=total, done=done)


def follow(rows: Rows, ids: Tensor, model: Decoder[Any], grammar: Rules) -> Rows:
    """The rows after one more id in each, (B,)."""
    classes = torch.arange(NO_CLASS + 1, device=ids.device) == grammar.pitch_class[ids][:, None]
    logits, state = model(ids[:, None], rows.state)
    rules = grammar.advance(rows.rules, ids)
    return rows._replace(
        last=logits[:, -1], seen_classes=rows.seen_classes | classes, rules=rules, state=state
    )


def with_forced_end(logits: Tensor, mask: Tensor, grammar: Rules) -> Tensor:
    """Logits by which the last bar is left as readily as any other bar.

    A model that was not trained to end where a request does goes on to a next bar instead. If only that were
    masked, its probability would go to more notes, and the last bar would fill up: EOS has both.

    Args:
        logits: (B, V).
        mask: (B, V) which ids may come next; where EOS may and a new bar may not, the bar is the last.
        grammar: of the streams.

    Returns:
        (B, V), with the logit of EOS changed where no bar may follow.
    """
    end, line = (slice(id_, id_ + 1) for id_ in (grammar.end, grammar.line))
    both = logits[:, end] + softplus(logits[:, line] - logits[:, end])  # the logarithm of the sum, (B, 1)
    is_end = grammar.kind == Kind.EOS.value
    return torch.where(is_end & ~mask[:, line], both, logits)


def temper(logits: Tensor, temperature: Tensor, keeps: Tensor) -> Tensor:
    """Logits at a temperature.

    Ids of time (bars, positions, EOS) keep their probability, and only the notes are tempered. Otherwise low
    temperatures lead to silence, since the most likely single id is often that of the next bar, however
    likely all notes before it are together.

    Args:
        logits: (B, V).
        temperature: (), above 0.
        keeps: (V,) which ids are of time.
    """
    notes = torch.where(keeps, -torch.inf, logits)
    tempered = notes / temperature
    shift = notes.logsumexp(dim=1, keepdim=True) - tempered.logsumexp(dim=1, keepdim=True)
    return torch.where(keeps, logits, tempered + torch.where(shift.isnan(), 0.0, shift))


def draw_from(logits: Tensor, uniform: Tensor) -> Tensor:
    """(B,) ids by inverting the cumulative distribution of logits (B, V) at `uniform` (B,) in [0, 1)."""
    cumulative = (logits - logits.amax(dim=1, keepdim=True)).exp().double().cumsum(dim=1)
    target = (uniform * BELOW_ONE)[:, None] * cumulative[:, -1:]
    return (cumulative <= target).sum(dim=1)


def _only_if(condition: Tensor, change: Callable[..., Tensor], logits: Tensor, *rest: Tensor) -> Tensor:
    """Logits, changed only if a condition, (), holds."""
    if torch.compiler.is_exporting():
        changed: Tensor = torch.cond(condition, change, _as_they_are, (logits, *rest))
        return changed
    return change(logits, *rest) if bool(condition) else logits


def _as_they_are(logits: Tensor, *_: Tensor) -> Tensor:
    return logits.clone()


def _shaped(
    logits: Tensor,
    seen_classes: Tensor,
    pitch_class: Tensor,
    share: Tensor,
    temperature: Tensor,
    keeps: Tensor,
) -> Tensor:
    """Logits without unlikely new classes, at a temperature."""
    return _tempered(without_unlikely_classes(logits, seen_classes, pitch_class, share), temperature, keeps)


def _tempered(logits: Tensor, temperature: Tensor, keeps: Tensor) -> Tensor:
    """Logits at a temperature; at 0 the most likely id alone."""
    is_best = torch.arange(logits.shape[1], device=logits.device) == logits.argmax(dim=1)[:, None]
    best = torch.where(is_best, 0.0, -torch.inf)
    tempered = temper(logits, temperature.clamp(min=GREEDY_BELOW), keeps)
    is_greedy = temperature < GREEDY_BELOW
    if torch.compiler.is_exporting():
        return torch.where(is_greedy, best, tempered)
    return best if bool(is_greedy) else tempered


def _most_likely(logits: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:
    """Logits, (B, V), of the `top_k` most likely ids, and of these with a total probability of `top_p`."""
    ordered, order = logits.topk(logits.shape[1], dim=1)  # all of them, sorted
    kth = ordered.gather(1, (top_k - 1).clamp(max=logits.shape[1] - 1).expand(logits.shape[0], 1))
    ordered = torch.where(ordered < kth, -torch.inf, ordered)
    probs = ordered.softmax(dim=1)
    # An id is dropped if those above it already reach top_p; the first always stays.
    drop = ((probs.cumsum(dim=1) - probs) >= top_p) & (top_p < 1.0)
    kept = torch.where(drop, -torch.inf, ordered)
    return torch.zeros_like(logits).scatter(1, order, kept)


def without_unlikely_classes(
    logits: Tensor, seen_classes: Tensor, pitch_class: Tensor, share: Tensor
) -> Tensor:
    """Logits without unlikely pitches of a new class, in pieces that have `SETTLED` classes.

    An accidental with a probability of one in a hundred at every note occurs in most pieces, and once it has
    occurred the model repeats it: so a new pitch class needs a higher probability than one seen before.

    Args:
        logits: (B, V), illegal ids at -inf.
        seen_classes: (B, 13) which pitch classes each piece has had; the last is of ids without one.
        pitch_class: (V,) 0 to 12.
        share: () of the probability of the most likely id, which a new class must reach; 0: any.

    Returns:
        (B, V), the most likely id of each row unchanged.
    """
    is_settled = seen_classes[:, :NO_CLASS].sum(dim=1, keepdim=True) >= SETTLED
    is_new = ~seen_classes[:, pitch_class] & (pitch_class < NO_CLASS) & is_settled
    return torch.where(is_new & (logits < _threshold(logits, share)), -torch.inf, logits)


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
    # Pitch class c is at 7c on the circle of fifths, where a scale is seven neighbours; ids without a class
    # are in all of them: (12, 13)
    scales = ((7 * classes - classes[:, None]) % NO_CLASS < DIATONIC).float()
    scales = torch.cat([scales, torch.ones_like(scales[:, :1])], dim=1)
    is_possible = (seen_classes.float() @ (1 - scales).t() == 0).float()  # (B, 12)
    is_allowed = is_possible @ scales[:, pitch_class] > 0  # (B, V)
    restricted = torch.where(is_allowed, logits, -torch.inf)
    # Where no scale is possible, none is allowed either, and nothing is restricted.
    is_restricted = diatonic_rows & (restricted.amax(dim=1) > -torch.inf)
    return torch.where(is_restricted[:, None], restricted, logits)


def _threshold(logits: Tensor, share: Tensor) -> Tensor:
    """The logit at which an id has `share` of the probability of the most likely one, (B, 1)."""
    return logits.amax(dim=1, keepdim=True) + share.log()
