"""The loop: a model, a grammar and a sampler, from a prompt to finished streams."""

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from musegen.config import SamplingConfig
from musegen.errors import MusegenError
from musegen.generation.sampling import RowStreams, draw_ids
from musegen.generation.tracing import FIRST_STEPS, Step, recorded
from musegen.models.losses import Decoder
from musegen.tokenizers import Kind

CHUNK = 1024
"""Ids of a prompt that are read at once."""


class Rules(Protocol):
    """What every grammar is: it follows a batch of streams and says what may come next."""

    kind: Tensor
    """(V,) `Kind` of each id."""

    def init_state(self, batch_size: int) -> Any:
        """Before BOS: a NamedTuple of batch-first tensors, `kind` (B,) among them."""
        ...

    def advance(self, state: Any, ids: Tensor) -> Any:
        """The state after one more id a row, (B,)."""
        ...

    def silence(self, state: Any) -> Any:
        """The state with every note ended by the last bar line."""
        ...

    def mask(self, state: Any) -> Tensor:
        """Which ids may come next, (B, V)."""
        ...


class Stream(NamedTuple):
    """One finished row."""

    ids: list[int]
    """The prompt and what was written after it, without end or padding."""
    log_likelihood: float
    """Of the new ids (the end included) under the model as it is, without masks or filters, in nats."""
    new_ids: int
    """How many ids are new, the end included."""


class _Rows(NamedTuple):
    """The rows being written."""

    last: Tensor
    """(B, V) logits of the next id."""
    done: Tensor
    """(B,) whether the row has ended."""
    total: Tensor
    """(B,) log-likelihood of its new ids, in nats."""
    rules: Any
    state: Any


@torch.inference_mode()
def sample_streams(
    model: Decoder,
    state: Any,
    grammar: Rules,
    *,
    prompt_ids: Tensor,
    sampling: SamplingConfig,
    streams: RowStreams,
    max_new_tokens: int,
    pitches_alone: bool = False,
) -> list[Stream]:
    """Write streams until each has ended.

    Args:
        model: any family's decoder, in eval mode.
        state: its first state: of one row, which reads the prompt once and is then continued B times, or of
            B rows, one a stream.
        grammar: what may follow.
        prompt_ids: (T,), from BOS on.
        sampling: how to draw.
        streams: B random streams.
        max_new_tokens: ids a row may take.
        pitches_alone: the temperature is of pitches; durations, holds and rests keep their share as bars and
            positions do.

    Raises:
        MusegenError: a row has not ended within `max_new_tokens`.
    """
    rules = grammar.init_state(1)
    for id_ in prompt_ids:
        rules = grammar.advance(rules, id_[None])
    if bool((rules.kind == Kind.BAR).all()):  # the prompt's notes end with its bars, however rounded
        rules = grammar.silence(rules)
    given = prompt_ids.expand(_count_rows(state), -1)  # (1 or B, T)
    for start in range(0, len(prompt_ids), CHUNK):
        logits, state = model(given[:, start : start + CHUNK], state)
    rules, state = repeat_rows(rules, streams.rows), repeat_rows(state, streams.rows)
    last = logits[:, -1].expand(streams.rows, -1)  # (B, V)
    device = prompt_ids.device
    done = torch.zeros(streams.rows, dtype=torch.bool, device=device)
    rows = _Rows(last, done, torch.zeros(streams.rows, dtype=torch.float64, device=device), rules, state)

    is_time = grammar.kind < Kind.PROGRAM
    if pitches_alone:
        is_time = is_time | (grammar.kind >= Kind.DURATION)

    def one(rows: _Rows, uniform: Tensor) -> tuple[Tensor, _Rows]:
        return _step(rows, uniform, model, grammar, sampling, is_time)

    step: Step[_Rows] = one
    written: list[Tensor] = []
    for count in range(max_new_tokens):
        if count == FIRST_STEPS and device.type == "cpu" and isinstance(model, nn.Module):
            step = recorded(one, model, rows, torch.zeros(streams.rows, dtype=torch.float64))
        ids, rows = step(rows, streams.draw())
        written.append(ids)
        if bool(rows.done.all()):
            return _cut(prompt_ids, torch.stack(written, dim=1), rows.total, grammar)
    raise MusegenError(
        f"{int((~rows.done).sum())} of {streams.rows} pieces had not ended after {max_new_tokens} tokens; "
        "ask for fewer --bars or lower the --temperature"
    )


def _step(
    rows: _Rows,
    uniform: Tensor,
    model: Decoder,
    grammar: Rules,
    sampling: SamplingConfig,
    is_time: Tensor,
) -> tuple[Tensor, _Rows]:
    """One id more in every row, (B,)."""
    legal = grammar.mask(rows.rules)
    ids = draw_ids(rows.last.float().masked_fill(~legal, -torch.inf), uniform, sampling, is_time)
    score = rows.last.double().log_softmax(dim=1).gather(1, ids[:, None]).squeeze(1)
    total = rows.total + torch.where(rows.done, 0.0, score)
    rules = grammar.advance(rows.rules, ids)
    done = rows.done | (grammar.kind[ids] == Kind.EOS)
    logits, state = model(ids[:, None], rows.state)
    return ids, _Rows(logits[:, -1], done, total, rules, state)


def _count_rows(state: Any) -> int:
    """Rows of a state, a NamedTuple of batch-first tensors."""
    return len(state) if isinstance(state, Tensor) else _count_rows(state[0])


def repeat_rows(state: Any, rows: int) -> Any:
    """A state of one row, a NamedTuple of batch-first tensors, for `rows` rows; of `rows` rows, as it is."""
    if isinstance(state, Tensor):
        return state.expand(rows, *state.shape[1:])
    return type(state)(*(repeat_rows(part, rows) for part in state))


def _cut(prompt: Tensor, new: Tensor, total: Tensor, grammar: Rules) -> list[Stream]:
    ends = (grammar.kind[new] == Kind.EOS).long().argmax(dim=1)  # (B,)
    return [
        Stream(prompt.tolist() + row[:end], log_likelihood, end + 1)
        for row, end, log_likelihood in zip(new.tolist(), ends.tolist(), total.tolist(), strict=True)
    ]
