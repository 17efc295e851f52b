"""The sampling loop: a model, a grammar and a sampler, from a prompt to finished streams."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from musegen.config.options import SamplingOptions
from musegen.errors import MusegenError
from musegen.generation.graphs import BLOCK, Graphed
from musegen.generation.sampling import RowStreams
from musegen.generation.states import choose_rows, count_rows, repeat_rows
from musegen.generation.step import Rows, Rules, Settings, step
from musegen.models.protocol import Decoder, State
from musegen.tokenizers import Kind
from musegen.tokenizers.tables import NO_CLASS

CHUNK = 1024
"""Tokens of a prompt that the model reads at once."""
GRAPHS = True
"""Whether steps on a GPU are captured in a CUDA graph; the sampled ids are the same."""
KEEP_BELOW = 0.9
"""Finished rows leave the batch once no more than this share of it is active."""
ENDLESS = "{} of {} pieces had not ended after {} tokens; choose fewer ⟨bars⟩ or a lower ⟨temperature⟩"


class Stream(NamedTuple):
    """One finished row."""

    ids: list[int]
    """The prompt and the new ids, without EOS and padding."""
    log_likelihood: float
    """Of the new ids (EOS included) under the full-precision model, without masks or filters, in nats."""
    new_ids: int
    """How many ids are new, EOS included."""
    precision_gap: float = 0.0
    """Nats per token by which it is more likely under the rounded weights that sampled it."""


def sample_streams(
    model: Decoder[State],
    state: State,
    grammar: Rules,
    *,
    prompt_ids: Tensor,
    sampling: SamplingOptions,
    streams: RowStreams,
    max_new_tokens: int,
    pitches_alone: bool = False,
    context_classes: Sequence[int] = (),
) -> list[Stream]:
    """Sample streams until each has ended.

    Args:
        model: any family's decoder, in eval mode.
        state: its first state, of B rows, or of one, which reads the prompt once and is continued B times.
        grammar: of the stream.
        prompt_ids: (T,), from BOS on.
        sampling: the sampling settings.
        streams: B random streams.
        max_new_tokens: the limit per row.
        pitches_alone: temper pitches only; durations, holds and rests keep their probability, too.
        context_classes: pitch classes, 0 to 11, of a melody that sounds with the stream; they are not new.

    Raises:
        MusegenError: a row has not ended within `max_new_tokens`.
    """
    device, on_cpu = prompt_ids.device, prompt_ids.device.type == "cpu"
    settings = Settings.of(sampling, grammar, pitches_alone=pitches_alone)
    transcript = _Transcript(prompt_ids.tolist(), streams.rows)

    def take(rows: Rows, uniform: Tensor) -> tuple[Tensor, Rows]:
        return step(rows, uniform, model, grammar, settings)

    is_graphed = GRAPHS and not on_cpu and isinstance(model, nn.Module)
    block = BLOCK if is_graphed else 1
    machine = Graphed(take, model, len(prompt_ids)) if is_graphed else None
    with torch.inference_mode():
        diatonic_rows = _draw_diatonic_rows(sampling, streams).to(device)
        rows = _after_prompt(model, state, grammar, prompt_ids, diatonic_rows)
        rows.seen_classes[:, list(context_classes)] = True
        for _ in range(0, max_new_tokens, block):
            uniform = streams.draw_steps(block).to(device)  # (K, B)
            ids, rows = machine(rows, uniform) if machine else take(rows, uniform[0])
            num_active = transcript.add(ids.view(block, -1), rows.done)
            if num_active == 0:
                return transcript.streams(rows.total, grammar)
            if on_cpu and num_active <= KEEP_BELOW * len(rows.done):
                active = torch.nonzero(~rows.done).flatten()
                transcript.flush(rows.total, active)
                rows, streams = choose_rows(rows, active), streams.select(active.tolist())
                grammar = grammar.select(active)
    raise MusegenError(ENDLESS.format(num_active, transcript.rows, max_new_tokens))


def _draw_diatonic_rows(sampling: SamplingOptions, streams: RowStreams) -> Tensor:
    """(B,) which pieces keep to one scale; each row takes a random number only if some do."""
    return streams.draw() < sampling.diatonic if sampling.diatonic else torch.zeros(streams.rows) > 0


def _after_prompt(
    model: Decoder[State], state: State, grammar: Rules, prompt_ids: Tensor, diatonic_rows: Tensor
) -> Rows:
    """The rows after the prompt; `diatonic_rows` (B,) keep to one scale."""
    count = len(diatonic_rows)
    rules = grammar.init_state(count)
    for id_ in prompt_ids:
        rules = grammar.advance(rules, id_.expand(count))
    if bool((rules.kind == Kind.BAR.value).all()):  # notes of the prompt end with its bars, however rounded
        rules = grammar.silence(rules)
    inputs = prompt_ids.expand(count_rows(state), -1)  # (1 or B, T)
    for start in range(0, len(prompt_ids), CHUNK):
        logits, state = model(inputs[:, start : start + CHUNK], state)
    logits, state = logits.expand(count, -1, -1), repeat_rows(state, count)
    zeros = torch.zeros(count, dtype=torch.float64, device=prompt_ids.device)
    seen_classes = torch.zeros(count, NO_CLASS + 1, dtype=torch.bool, device=prompt_ids.device)
    seen_classes[:, grammar.pitch_class[prompt_ids]] = True
    return Rows(logits[:, -1], zeros > 0, zeros, seen_classes, diatonic_rows, rules, state)


class _Transcript:
    """The ids of all rows so far, also of those that have ended and left the batch.

    Args:
        prompt: the ids with which each begins.
        rows: how many.
    """

    def __init__(self, prompt: list[int], rows: int) -> None:
        self.rows = rows
        """The total number of rows."""
        self._prompt, self._rows = prompt, list(range(rows))
        self._new: list[list[int]] = [[] for _ in range(rows)]
        self._totals = [0.0] * rows
        self._steps: list[Tensor] = []

    def add(self, ids: Tensor, done: Tensor) -> int:
        """Append ids to every row, (K, B); return how many rows are active, that is, not `done` (B,)."""
        self._steps.append(ids)
        return len(done) - int(done.sum())

    def flush(self, totals: Tensor, active: Tensor | None = None) -> None:
        """Store the steps so far and the log-likelihoods, (B,); `active` are the rows from now on."""
        for row, ids, total in zip(
            self._rows, torch.cat(self._steps).t().tolist(), totals.tolist(), strict=True
        ):
            self._new[row] += ids
            self._totals[row] = total
        self._steps = []
        if active is not None:
            self._rows = [self._rows[i] for i in active.tolist()]

    def streams(self, totals: Tensor, grammar: Rules) -> list[Stream]:
        """All rows, each cut at EOS; `totals` (B,) are the log-likelihoods of the last rows."""
        self.flush(totals)
        kind = grammar.kind.tolist()
        found = []
        for new, total in zip(self._new, self._totals, strict=True):
            end = next(i for i, id_ in enumerate(new) if kind[id_] == Kind.EOS)
            found.append(Stream(self._prompt + new[:end], total, end + 1))
        return found
