"""The sampling loop: a model, a grammar and a sampler, from a prompt to finished streams."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from musegen.config.options import SamplingOptions
from musegen.errors import ConfigError, MusegenError
from musegen.generation.graphs import BLOCK, Graphed, Step, Steps
from musegen.generation.sampling import RowStreams, draw_ids, filter_classes, needs_classes
from musegen.generation.states import as_tensor, choose_rows, count_rows, repeat_rows
from musegen.models.losses import token_nats
from musegen.models.protocol import Decoder, State
from musegen.models.stepping import fused_model, to_fused_state
from musegen.tokenizers import Kind
from musegen.tokenizers.arrays import Array, numpy_rules
from musegen.tokenizers.tables import NO_CLASS

CHUNK = 1024
"""Tokens of a prompt that the model reads at once."""
GRAPHS = True
"""Whether steps on a GPU are captured in a CUDA graph; the sampled ids are the same."""
MIN_ROWS = 2
"""The least number of rows of a batch of compiled steps: for one row they would be compiled again."""
KEEP_BELOW = 0.9
"""Finished rows leave the batch once no more than this share of it is active."""
ENDLESS = "{} of {} pieces had not ended after {} tokens; choose fewer ⟨bars⟩ or a lower ⟨temperature⟩"


class RulesState(Protocol):
    """Where a batch of streams stands in its grammar: a NamedTuple of batch-first arrays."""

    @property
    def kind(self) -> Array:
        """(B,) `Kind` of the last id."""
        ...


class Rules(Protocol):
    """A grammar: it follows a batch of streams and masks the ids that must not come next.

    The states that it takes (Any) are those that it has returned: each grammar has a type of its own.
    """

    kind: Array
    """(V,) `Kind` of each id."""
    is_time: Array
    """(V,) which ids are of time: see `temper`."""
    pitch_class: Array
    """(V,) 0 to 11 for pitches, 12 for all other ids."""

    def init_state(self, batch_size: int) -> RulesState:
        """The state before BOS."""
        ...

    def advance(self, state: Any, ids: Array) -> RulesState:
        """The state after one more id per row, (B,)."""
        ...

    def silence(self, state: Any) -> RulesState:
        """The state with every note ended by the last bar line."""
        ...

    def mask(self, state: Any) -> Array:
        """Which ids may come next, (B, V)."""
        ...

    def select(self, rows: Array) -> "Rules":
        """The rules of some of the rows, by number, (B',)."""
        ...


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


class _Rows(NamedTuple):
    """The rows being sampled."""

    last: Tensor
    """(B, V) logits of the next id."""
    done: Tensor
    """(B,) whether the row has ended."""
    total: Tensor
    """(B,) log-likelihood of its new ids, in nats."""
    seen_classes: Tensor
    """(B, 13) which pitch classes it has so far: see `without_unlikely_classes`."""
    diatonic_rows: Tensor
    """(B,) whether it keeps to one scale: see `within_scale`."""
    rules: RulesState
    state: Any
    """Of the model or its fused copy."""


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
        ConfigError: rounded weights or compiled steps on a GPU, or no C++ compiler.
        MusegenError: a row has not ended within `max_new_tokens`.
    """
    device, on_cpu = prompt_ids.device, prompt_ids.device.type == "cpu"
    is_compiled = sampling.compiled and on_cpu and isinstance(model, nn.Module)
    if on_cpu and not is_compiled:  # numpy takes a quarter of torch's time for such small arrays
        grammar = numpy_rules(grammar)
    is_time, pitch_class = _keeps_share(grammar, pitches_alone=pitches_alone), as_tensor(grammar.pitch_class)
    stepper = _stepper(model, sampling, on_cpu=on_cpu)
    transcript, min_rows = _Transcript(prompt_ids.tolist(), streams.rows), MIN_ROWS if is_compiled else 1

    def step(rows: _Rows, uniform: Tensor) -> tuple[Tensor, _Rows]:
        return _step(rows, uniform, stepper, grammar, sampling, is_time, pitch_class)

    block, steps = _machine(step, stepper, len(prompt_ids), is_compiled=is_compiled, on_cpu=on_cpu)
    with torch.inference_mode():
        diatonic_rows = _draw_diatonic_rows(sampling, streams).to(device)
        rows = _after_prompt(model, stepper, state, grammar, prompt_ids, diatonic_rows)
        rows.seen_classes[:, list(context_classes)] = True
        for _ in range(0, max_new_tokens, block):
            uniform = streams.draw_steps(block).to(device)  # (K, B)
            if steps is None:
                ids, rows = _step(rows, uniform[0], stepper, grammar, sampling, is_time, pitch_class)
            else:
                ids, rows = steps(rows, uniform)
            num_active = transcript.add(ids.view(block, -1), rows.done)
            if num_active == 0:
                return _finished(transcript.streams(rows.total, grammar), model, state, grammar, sampling)
            if on_cpu and max(num_active, min_rows) <= KEEP_BELOW * len(rows.done):
                active = _active_rows(rows.done, min_rows)
                transcript.flush(rows.total, active)
                rows, streams = choose_rows(rows, active), streams.select(active.tolist())
                grammar = grammar.select(active if is_compiled else active.numpy())
    raise MusegenError(ENDLESS.format(num_active, transcript.rows, max_new_tokens))


def _keeps_share(grammar: Rules, *, pitches_alone: bool) -> Tensor:
    """(V,) ids whose total probability the temperature does not change: see `temper`."""
    is_time = as_tensor(grammar.is_time)
    return is_time | as_tensor(grammar.kind >= Kind.DURATION) if pitches_alone else is_time


def _stepper(model: Decoder[Any], sampling: SamplingOptions, *, on_cpu: bool) -> Any:
    """The model, fused for single steps if it is a module."""
    if not on_cpu:
        _check_for_gpu(sampling)
    if not isinstance(model, nn.Module):
        return model
    return fused_model(model, sampling.precision, as_numpy=not (sampling.compiled and on_cpu))


def _machine(
    step: Step[_Rows], stepper: Any, seen: int, *, is_compiled: bool, on_cpu: bool
) -> tuple[int, Steps[_Rows] | None]:
    """How many steps are taken at once, and what takes them; None: they are taken one by one."""
    if is_compiled:
        from musegen.generation.compiled import Compiled  # torch's compiler takes seconds to import

        return 1, Compiled(step, stepper, seen)
    if GRAPHS and not on_cpu and isinstance(stepper, nn.Module):
        return BLOCK, Graphed(step, stepper, seen)
    return 1, None


def _check_for_gpu(sampling: SamplingOptions) -> None:
    if sampling.precision != "float32":
        raise ConfigError(f"⟨precision⟩ {sampling.precision} is for a CPU: leave it out on a GPU")
    if sampling.compiled:
        raise ConfigError("⟨compiled⟩ is for a CPU: leave it out on a GPU")


def _draw_diatonic_rows(sampling: SamplingOptions, streams: RowStreams) -> Tensor:
    """(B,) which pieces keep to one scale; each row takes a random number only if some do."""
    return streams.draw() < sampling.diatonic if sampling.diatonic else torch.zeros(streams.rows) > 0


def _active_rows(done: Tensor, min_rows: int) -> Tensor:
    """The numbers of the rows that have not ended, and of others if these are fewer than `min_rows`."""
    active = torch.nonzero(~done).flatten()
    more = torch.nonzero(done).flatten()[: max(0, min_rows - len(active))]
    return torch.cat([active, more]).sort().values


def _after_prompt(
    model: Decoder[State],
    stepper: Any,
    state: State,
    grammar: Rules,
    prompt_ids: Tensor,
    diatonic_rows: Tensor,
) -> _Rows:
    """The rows after the prompt, for `stepper` to continue; `diatonic_rows` (B,) keep to one scale."""
    count = len(diatonic_rows)
    rules = grammar.init_state(1)
    for id_ in prompt_ids.numpy() if prompt_ids.device.type == "cpu" else prompt_ids:
        rules = grammar.advance(rules, id_[None])
    if bool((rules.kind == Kind.BAR.value).all()):  # notes of the prompt end with its bars, however rounded
        rules = grammar.silence(rules)
    is_stepped = isinstance(model, nn.Module)
    if is_stepped and len(prompt_ids) == 1:  # BOS alone is a step like any other
        state = to_fused_state(stepper, repeat_rows(state, count))
        logits, state = stepper(prompt_ids.expand(count, 1), state)
    else:
        inputs = prompt_ids.expand(count_rows(state), -1)  # (1 or B, T)
        for start in range(0, len(prompt_ids), CHUNK):
            logits, state = model(inputs[:, start : start + CHUNK], state)
        logits, state = logits.expand(count, -1, -1), repeat_rows(state, count)
        state = to_fused_state(stepper, state) if is_stepped else state
    zeros = torch.zeros(count, dtype=torch.float64, device=prompt_ids.device)
    seen_classes = torch.zeros(count, NO_CLASS + 1, dtype=torch.bool, device=prompt_ids.device)
    seen_classes[:, as_tensor(grammar.pitch_class)[prompt_ids]] = True
    return _Rows(
        logits[:, -1], zeros > 0, zeros, seen_classes, diatonic_rows, repeat_rows(rules, count), state
    )


def _finished(
    streams: list[Stream], model: Decoder[State], state: State, grammar: Rules, sampling: SamplingOptions
) -> list[Stream]:
    """Streams with their log-likelihood under the full-precision model, and the precision gap.

    Args:
        streams: as sampled; nothing changes unless the weights were rounded.
        model: in full precision.
        state: its first state, of one row or of all.
        grammar: of the stream.
        sampling: the settings with which they were sampled.
    """
    if sampling.precision == "float32":
        return streams
    end = grammar.kind.tolist().index(Kind.EOS)
    ids = pad_sequence([torch.tensor([*stream.ids, end]) for stream in streams], batch_first=True)  # (B, T)
    logits, _ = model(ids[:, :-1], repeat_rows(state, len(streams)))
    prompt = len(streams[0].ids) + 1 - streams[0].new_ids
    nats = token_nats(logits[:, prompt - 1 :], ids[:, prompt:]).double().sum(dim=1)
    return [
        stream._replace(log_likelihood=-own, precision_gap=(stream.log_likelihood + own) / stream.new_ids)
        for stream, own in zip(streams, nats.tolist(), strict=True)
    ]


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


def _step(
    rows: _Rows,
    uniform: Tensor,
    model: Decoder[Any],
    grammar: Rules,
    sampling: SamplingOptions,
    is_time: Tensor,
    pitch_class: Tensor,
) -> tuple[Tensor, _Rows]:
    """Sample one more id in every row, (B,)."""
    # Mask and filter the logits of the last step, (B, V), and sample.
    legal = as_tensor(grammar.mask(rows.rules))
    last, seen_classes = rows.last.float(), rows.seen_classes
    logits = torch.where(legal, last, -torch.inf)
    logits = filter_classes(logits, seen_classes, pitch_class, rows.diatonic_rows, sampling)
    ids = draw_ids(logits, uniform, sampling, is_time)
    if needs_classes(sampling):
        seen_classes = seen_classes.scatter(1, pitch_class[ids][:, None], value=True)
    # Log-likelihood under the unfiltered logits, then the next state.
    nats = last.logsumexp(dim=1) - last.gather(1, ids[:, None]).squeeze(1)
    total = rows.total - nats.masked_fill_(rows.done, 0.0)
    rules = grammar.advance(rows.rules, ids.numpy() if isinstance(rows.rules.kind, np.ndarray) else ids)
    done = rows.done | as_tensor(rules.kind == Kind.EOS.value)
    logits, state = model(ids[:, None], rows.state)
    return ids, _Rows(logits[:, -1], done, total, seen_classes, rows.diatonic_rows, rules, state)
