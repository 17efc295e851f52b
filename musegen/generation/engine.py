"""The loop: a model, a grammar and a sampler, from a prompt to finished streams."""

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
from musegen.models.protocol import Decoder
from musegen.models.stepping import fused_model, to_fused_state
from musegen.tokenizers import Kind
from musegen.tokenizers.arrays import Array, numpy_rules
from musegen.tokenizers.tables import NO_CLASS

CHUNK = 1024
"""Ids of a prompt that are read at once."""
GRAPHS = True
"""Whether the steps on a GPU are captured; the ids drawn are the same."""
MIN_ROWS = 2
"""Rows below which a batch of compiled steps does not shrink: one row alone would be compiled anew."""
KEEP_BELOW = 0.9
"""Rows that have ended leave the batch once no more than this share of it goes on."""
ENDLESS = "{} of {} pieces had not ended after {} tokens; ask for fewer --bars or lower the --temperature"


class Rules(Protocol):
    """What every grammar is: it follows a batch of streams and says what may come next."""

    kind: Array
    """(V,) `Kind` of each id."""
    is_time: Array
    """(V,) which ids tell time: see `temper`."""
    pitch_class: Array
    """(V,) 0 to 11 of pitches, 12 of all else."""

    def init_state(self, batch_size: int) -> Any:
        """Before BOS: a NamedTuple of batch-first arrays, `kind` (B,) among them."""
        ...

    def advance(self, state: Any, ids: Array) -> Any:
        """The state after one more id a row, (B,)."""
        ...

    def silence(self, state: Any) -> Any:
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
    """The prompt and what was written after it, without end or padding."""
    log_likelihood: float
    """Of the new ids (the end included) under the model as it is, without masks or filters, in nats."""
    new_ids: int
    """How many ids are new, the end included."""
    precision_gap: float = 0.0
    """Nats an id by which it is likelier under the rounded weights that drew it."""


class _Rows(NamedTuple):
    """The rows being written."""

    last: Tensor
    """(B, V) logits of the next id."""
    done: Tensor
    """(B,) whether the row has ended."""
    total: Tensor
    """(B,) log-likelihood of its new ids, in nats."""
    seen_classes: Tensor
    """(B, 13) which pitch classes it has: see `without_unlikely_classes`."""
    diatonic_rows: Tensor
    """(B,) whether it keeps to one scale: see `within_scale`."""
    rules: Any
    state: Any


def sample_streams(
    model: Decoder[Any],
    state: Any,
    grammar: Rules,
    *,
    prompt_ids: Tensor,
    sampling: SamplingOptions,
    streams: RowStreams,
    max_new_tokens: int,
    pitches_alone: bool = False,
    context_classes: Sequence[int] = (),
) -> list[Stream]:
    """Write streams until each has ended.

    Args:
        model: any family's decoder, in eval mode.
        state: its first state, of B rows, or of one, which reads the prompt once and is continued B times.
        grammar: what may follow.
        prompt_ids: (T,), from BOS on.
        sampling: how to draw.
        streams: B random streams.
        max_new_tokens: ids a row may take.
        pitches_alone: the temperature is of pitches; durations, holds and rests keep their share, too.
        context_classes: pitch classes, 0 to 11, of a tune that sounds with what is written: no new ones.

    Raises:
        ConfigError: rounded weights or compiled steps on a GPU; no compiler.
        MusegenError: a row has not ended within `max_new_tokens`.
    """
    device, on_cpu = prompt_ids.device, prompt_ids.device.type == "cpu"
    is_compiled = sampling.compiled and on_cpu and isinstance(model, nn.Module)
    if on_cpu and not is_compiled:  # numpy takes a quarter of torch's time for such small arrays
        grammar = numpy_rules(grammar)
    is_time, pitch_class = _keeps_share(grammar, pitches_alone=pitches_alone), as_tensor(grammar.pitch_class)
    stepper = _stepper(model, sampling, on_cpu=on_cpu)
    kept, min_rows = _Transcript(prompt_ids.tolist(), streams.rows), MIN_ROWS if is_compiled else 1

    def one(rows: _Rows, uniform: Tensor) -> tuple[Tensor, _Rows]:
        return _step(rows, uniform, stepper, grammar, sampling, is_time, pitch_class)

    block, steps = _machine(one, stepper, len(prompt_ids), is_compiled=is_compiled, on_cpu=on_cpu)
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
            left = kept.add(ids.view(block, -1), rows.done)
            if left == 0:
                return _finished(kept.streams(rows.total, grammar), model, state, grammar, sampling)
            if on_cpu and max(left, min_rows) <= KEEP_BELOW * len(rows.done):
                active = _active_rows(rows.done, min_rows)
                kept.flush(rows.total, active)
                rows, streams = choose_rows(rows, active), streams.select(active.tolist())
                grammar = grammar.select(active if is_compiled else active.numpy())
    raise MusegenError(ENDLESS.format(left, kept.rows, max_new_tokens))


def _keeps_share(grammar: Rules, *, pitches_alone: bool) -> Tensor:
    """(V,) which ids the temperature leaves as likely as they are, all together: see `temper`."""
    is_time = as_tensor(grammar.is_time)
    return is_time | as_tensor(grammar.kind >= Kind.DURATION) if pitches_alone else is_time


def _stepper(model: Decoder[Any], sampling: SamplingOptions, *, on_cpu: bool) -> Any:
    """What takes single steps of a model: it, laid out for them."""
    if not on_cpu:
        _check_for_gpu(sampling)
    if not isinstance(model, nn.Module):
        return model
    return fused_model(model, sampling.precision, as_numpy=not (sampling.compiled and on_cpu))


def _machine(
    one: Step[_Rows], stepper: Any, seen: int, *, is_compiled: bool, on_cpu: bool
) -> tuple[int, Steps[_Rows] | None]:
    """How many steps are taken at once, and by what; None: one after the other, as they are."""
    if is_compiled:
        from musegen.generation.compiled import Compiled  # torch's compiler takes seconds to import

        return 1, Compiled(one, stepper, seen)
    if GRAPHS and not on_cpu and isinstance(stepper, nn.Module):
        return BLOCK, Graphed(one, stepper, seen)
    return 1, None


def _check_for_gpu(sampling: SamplingOptions) -> None:
    if sampling.precision != "float32":
        raise ConfigError(f"--precision {sampling.precision} is for a processor: leave it out on a GPU")
    if sampling.compiled:
        raise ConfigError("--compiled is for a processor: leave it out on a GPU")


def _draw_diatonic_rows(sampling: SamplingOptions, streams: RowStreams) -> Tensor:
    """(B,) which pieces keep to one scale; a number of each row is used up only where some do."""
    return streams.draw() < sampling.diatonic if sampling.diatonic else torch.zeros(streams.rows) > 0


def _active_rows(done: Tensor, min_rows: int) -> Tensor:
    """The numbers of the rows that have not ended, and of others where these are fewer than so many."""
    active = torch.nonzero(~done).flatten()
    more = torch.nonzero(done).flatten()[: max(0, min_rows - len(active))]
    return torch.cat([active, more]).sort().values


def _after_prompt(
    model: Decoder[Any], stepper: Any, state: Any, grammar: Rules, prompt_ids: Tensor, diatonic_rows: Tensor
) -> _Rows:
    """Rows that have read the prompt, continued by `stepper`; `diatonic_rows` (B,) keep to one scale."""
    count = len(diatonic_rows)
    rules = grammar.init_state(1)
    for id_ in prompt_ids.numpy() if prompt_ids.device.type == "cpu" else prompt_ids:
        rules = grammar.advance(rules, id_[None])
    if bool((rules.kind == Kind.BAR.value).all()):  # the prompt's notes end with its bars, however rounded
        rules = grammar.silence(rules)
    is_stepped = isinstance(model, nn.Module)
    if is_stepped and len(prompt_ids) == 1:  # BOS alone is a step like others
        state = to_fused_state(stepper, repeat_rows(state, count))
        logits, state = stepper(prompt_ids.expand(count, 1), state)
    else:
        given = prompt_ids.expand(count_rows(state), -1)  # (1 or B, T)
        for start in range(0, len(prompt_ids), CHUNK):
            logits, state = model(given[:, start : start + CHUNK], state)
        logits, state = logits.expand(count, -1, -1), repeat_rows(state, count)
        state = to_fused_state(stepper, state) if is_stepped else state
    zeros = torch.zeros(count, dtype=torch.float64, device=prompt_ids.device)
    seen_classes = torch.zeros(count, NO_CLASS + 1, dtype=torch.bool, device=prompt_ids.device)
    seen_classes[:, as_tensor(grammar.pitch_class)[prompt_ids]] = True
    return _Rows(
        logits[:, -1], zeros > 0, zeros, seen_classes, diatonic_rows, repeat_rows(rules, count), state
    )


def _finished(
    streams: list[Stream], model: Decoder[Any], state: Any, grammar: Rules, sampling: SamplingOptions
) -> list[Stream]:
    """Streams with their log-likelihood under the model as it is, and how far that of others lies above.

    Args:
        streams: as drawn, which is under the model as it is where its weights were not rounded.
        model: as it is.
        state: its first, of one row or of all.
        grammar: knows the end.
        sampling: how they were drawn.
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
    """What has been written of all rows, those that have ended and left the batch among them.

    Args:
        prompt: with which each begins.
        rows: how many.
    """

    def __init__(self, prompt: list[int], rows: int) -> None:
        self.rows = rows
        """How many there are in all."""
        self._prompt, self._rows = prompt, list(range(rows))
        self._new: list[list[int]] = [[] for _ in range(rows)]
        self._totals = [0.0] * rows
        self._steps: list[Tensor] = []

    def add(self, ids: Tensor, done: Tensor) -> int:
        """More ids in every row, (K, B); how many of the rows have not ended, as `done` (B,) says."""
        self._steps.append(ids)
        return len(done) - int(done.sum())

    def flush(self, totals: Tensor, active: Tensor | None = None) -> None:
        """Write down the steps so far, and the log-likelihoods (B,); `active` are the rows from now on."""
        for row, ids, total in zip(
            self._rows, torch.cat(self._steps).t().tolist(), totals.tolist(), strict=True
        ):
            self._new[row] += ids
            self._totals[row] = total
        self._steps = []
        if active is not None:
            self._rows = [self._rows[i] for i in active.tolist()]

    def streams(self, totals: Tensor, grammar: Rules) -> list[Stream]:
        """All rows, each cut at its end; the log-likelihoods (B,) are those of the last rows."""
        self.flush(totals)
        kind = grammar.kind.tolist()
        made = []
        for new, total in zip(self._new, self._totals, strict=True):
            end = next(i for i, id_ in enumerate(new) if kind[id_] == Kind.EOS)
            made.append(Stream(self._prompt + new[:end], total, end + 1))
        return made


def _step(
    rows: _Rows,
    uniform: Tensor,
    model: Decoder[Any],
    grammar: Rules,
    sampling: SamplingOptions,
    is_time: Tensor,
    pitch_class: Tensor,
) -> tuple[Tensor, _Rows]:
    """One id more in every row, (B,)."""
    legal = as_tensor(grammar.mask(rows.rules))
    last, seen_classes = rows.last.float(), rows.seen_classes
    logits = torch.where(legal, last, -torch.inf)
    logits = filter_classes(logits, seen_classes, pitch_class, rows.diatonic_rows, sampling)
    ids = draw_ids(logits, uniform, sampling, is_time)
    if needs_classes(sampling):
        seen_classes = seen_classes.scatter(1, pitch_class[ids][:, None], value=True)
    nats = last.logsumexp(dim=1) - last.gather(1, ids[:, None]).squeeze(1)
    total = rows.total - nats.masked_fill_(rows.done, 0.0)
    rules = grammar.advance(rows.rules, ids.numpy() if isinstance(rows.rules[0], np.ndarray) else ids)
    done = rows.done | as_tensor(rules.kind == Kind.EOS.value)
    logits, state = model(ids[:, None], rows.state)
    return ids, _Rows(logits[:, -1], done, total, seen_classes, rows.diatonic_rows, rules, state)
