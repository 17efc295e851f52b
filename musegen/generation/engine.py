"""The loop: a model, a grammar and a sampler, from a prompt to finished streams."""

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from musegen.config import SamplingConfig
from musegen.errors import MusegenError
from musegen.generation.sampling import RowStreams, draw_ids
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
) -> list[Stream]:
    """Write streams until each has ended.

    Args:
        model: any family's decoder, in eval mode.
        state: its first state, for one row: the prompt is read once, and then continued B times.
        grammar: what may follow.
        prompt_ids: (T,), from BOS on.
        sampling: how to draw.
        streams: B random streams.
        max_new_tokens: ids a row may take.

    Raises:
        MusegenError: a row has not ended within `max_new_tokens`.
    """
    rules = grammar.init_state(1)
    for id_ in prompt_ids:
        rules = grammar.advance(rules, id_[None])
    if bool((rules.kind == Kind.BAR).all()):  # the prompt's notes end with its bars, however rounded
        rules = grammar.silence(rules)
    for start in range(0, len(prompt_ids), CHUNK):
        logits, state = model(prompt_ids[None, start : start + CHUNK], state)
    batch = streams.rows
    rules, state = repeat_rows(rules, batch), repeat_rows(state, batch)
    last = logits[:, -1].expand(batch, -1)  # (B, V)
    done = torch.zeros(batch, dtype=torch.bool, device=prompt_ids.device)
    total = torch.zeros(batch, dtype=torch.float64, device=prompt_ids.device)
    written: list[Tensor] = []
    for _ in range(max_new_tokens):
        legal = grammar.mask(rules)
        ids = draw_ids(last.float().masked_fill(~legal, -torch.inf), streams.draw(), sampling)
        score = last.double().log_softmax(dim=1).gather(1, ids[:, None]).squeeze(1)
        total += torch.where(done, 0.0, score)
        written.append(ids)
        rules = grammar.advance(rules, ids)
        done = done | (grammar.kind[ids] == Kind.EOS)
        if bool(done.all()):
            return _cut(prompt_ids, torch.stack(written, dim=1), total, grammar)
        logits, state = model(ids[:, None], state)
        last = logits[:, -1]
    unfinished = int((~done).sum())
    raise MusegenError(
        f"{unfinished} of {batch} pieces had not ended after {max_new_tokens} tokens; "
        "ask for fewer --bars or lower the --temperature"
    )


def repeat_rows(state: Any, rows: int) -> Any:
    """A state of one row, a NamedTuple of batch-first tensors, for `rows` rows."""
    if isinstance(state, Tensor):
        return state.expand(rows, *state.shape[1:])
    return type(state)(*(repeat_rows(part, rows) for part in state))


def _cut(prompt: Tensor, new: Tensor, total: Tensor, grammar: Rules) -> list[Stream]:
    ends = (grammar.kind[new] == Kind.EOS).long().argmax(dim=1)  # (B,)
    return [
        Stream(prompt.tolist() + row[:end], log_likelihood, end + 1)
        for row, end, log_likelihood in zip(new.tolist(), ends.tolist(), total.tolist(), strict=True)
    ]
