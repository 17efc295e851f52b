"""The loop: a model, a grammar and a sampler, from a prompt to finished streams."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from musegen.config import SamplingConfig
from musegen.errors import MusegenError
from musegen.generation.sampling import RowStreams, draw_ids
from musegen.models.losses import Decoder
from musegen.tokenizers.grammar import Grammar
from musegen.tokenizers.tables import Kind


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
    grammar: Grammar,
    *,
    prompt_ids: Tensor,
    sampling: SamplingConfig,
    streams: RowStreams,
    max_new_tokens: int,
) -> list[Stream]:
    """Write streams until each has ended.

    Args:
        model: any family's decoder, in eval mode.
        state: its first state, for B rows.
        grammar: what may follow.
        prompt_ids: (B, T), from BOS on.
        sampling: how to draw.
        streams: B random streams.
        max_new_tokens: ids a row may take.

    Raises:
        MusegenError: a row has not ended within `max_new_tokens`.
    """
    batch = len(prompt_ids)
    rules = grammar.init_state(batch)
    for column in prompt_ids.unbind(1):
        rules = grammar.advance(rules, column)
    logits, state = model(prompt_ids, state)
    last = logits[:, -1]  # (B, V)
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


def _cut(prompt: Tensor, new: Tensor, total: Tensor, grammar: Grammar) -> list[Stream]:
    ends = (grammar.kind[new] == Kind.EOS).long().argmax(dim=1)  # (B,)
    return [
        Stream(head + row[:end], log_likelihood, end + 1)
        for head, row, end, log_likelihood in zip(
            prompt.tolist(), new.tolist(), ends.tolist(), total.tolist(), strict=True
        )
    ]
