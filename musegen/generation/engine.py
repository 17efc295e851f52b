"""The sampling loop: from a prompt to finished streams, on any back-end."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from musegen.config.options import SamplingOptions
from musegen.errors import MusegenError
from musegen.generation.machine import Array, Machine, Run, Settings
from musegen.generation.sampling import RowStreams
from musegen.music.notes import Floats
from musegen.tokenizers import Kind, Limits
from musegen.tokenizers.tables import NO_CLASS, Ints

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
    """Nats per token by which it is more likely under what sampled it: rounded weights, or guidance."""


def sample_streams(
    machine: Machine,
    inputs: Sequence[Array],
    limits: Limits,
    *,
    prompt_ids: Sequence[int],
    sampling: SamplingOptions,
    streams: RowStreams,
    max_new_tokens: int,
    pitches_alone: bool = False,
    context_classes: Sequence[int] = (),
) -> list[Stream]:
    """Sample streams until each has ended.

    Args:
        machine: a model.
        inputs: of its function "start", of B rows, or of one, which reads the prompt once for all.
        limits: of the streams, of B rows or of one.
        prompt_ids: (T,), from BOS on.
        sampling: the sampling settings.
        streams: B random streams.
        max_new_tokens: the limit per row.
        pitches_alone: temper pitches only; durations, holds and rests keep their probability, too.
        context_classes: pitch classes, 0 to 11, of a melody that sounds with the stream; they are not new.

    Raises:
        MusegenError: a row has not ended within `max_new_tokens`.
    """
    prompt, rows = np.array(prompt_ids), streams.rows
    diatonic = streams.draw() < sampling.diatonic if sampling.diatonic else np.zeros(rows, np.bool_)
    settings = Settings.of(sampling, machine.tables, diatonic, pitches_alone=pitches_alone)
    run = _after(prompt, machine, inputs, limits, rows, context_classes)
    transcript = _Transcript(prompt.tolist(), rows)
    for _ in range(0, max_new_tokens, run.block):
        ids, done = run.step(streams.draw_steps(run.block), settings)
        active = np.flatnonzero(~done)
        transcript.add(ids)
        if not len(active):
            return _scored(transcript.streams(run.nats(), machine.tables.kind), machine, inputs)
        if len(active) <= KEEP_BELOW * len(done) and run.block == 1:
            transcript.flush(run.nats(), active)
            run.select(active)
            streams = streams.select(active.tolist())
            settings = settings._replace(diatonic=settings.diatonic[active])
    raise MusegenError(ENDLESS.format(len(active), rows, max_new_tokens))


class Guide(Protocol):
    """What the sampled ids of gaps must be like, beyond the model and its grammar."""

    def __call__(self, run: Run, rows: Sequence[list[int]], forced: Ints, uniform: Floats) -> Ints:
        """Before each step: perhaps change the limits of the run, or choose ids.

        Args:
            run: of B rows.
            rows: the ids of each so far.
            forced: (B,) the ids that the rows must follow; -1 where one is sampled.
            uniform: (B,) the random numbers of this step.

        Returns:
            (B,) `forced`, with ids that are chosen here in place of some -1.
        """
        ...


def sample_gaps(
    machine: Machine,
    limits: Limits,
    *,
    inputs: Sequence[Array] = (),
    prompt_ids: Sequence[int],
    plan: Sequence[int | Ints],
    sampling: SamplingOptions,
    streams: RowStreams,
    max_new_tokens: int,
    context_classes: Sequence[int] = (),
    guide: Guide | None = None,
) -> list[Stream]:
    """Sample the gaps of streams whose other bars are given; rows are independent of each other.

    Args:
        machine: a model.
        limits: of the streams, of B rows or of one.
        inputs: of its function "start", of one row.
        prompt_ids: (T,), from BOS to the first bar line of the first gap.
        plan: what follows, by turns or not: a number of bars to sample, up to the bar line after them or to
            EOS; or ids to follow, (T,), with -1 where one is sampled. Ids after sampled bars begin after
            that bar line.
        sampling: the sampling settings.
        streams: B random streams.
        max_new_tokens: the limit per row, ids that are followed included.
        context_classes: pitch classes, 0 to 11, that are not new in the gaps.
        guide: what the new ids must be like.

    Returns:
        The streams up to the end of the plan, without a bar line or EOS there; `new_ids` are those sampled.

    Raises:
        MusegenError: a row has not ended within `max_new_tokens`.
    """
    prompt, rows = np.array(prompt_ids), streams.rows
    diatonic = streams.draw() < sampling.diatonic if sampling.diatonic else np.zeros(rows, np.bool_)
    settings = Settings.of(sampling, machine.tables, diatonic, pitches_alone=False)
    run = _after(prompt, machine, inputs, limits, rows, context_classes)
    every = [_GapRow(prompt.tolist(), plan, machine.tables.kind) for _ in range(rows)]
    active = list(every)
    for _ in range(max_new_tokens):
        uniform, forced = streams.draw_steps(1), np.array([row.forced for row in active])
        if guide is not None:
            forced = guide(run, [row.ids for row in active], forced, uniform[0])
        ids, _ = run.step(uniform, settings, forced)
        for row, id_, is_sampled in zip(active, ids[0].tolist(), (forced < 0).tolist(), strict=True):
            row.take(id_, is_sampled=is_sampled)
        left = [number for number, row in enumerate(active) if not row.is_over]
        if len(left) == len(active):
            continue
        for row, total in zip(active, run.nats().tolist(), strict=True):
            row.total = total
        active = [active[number] for number in left]
        if not active:
            return [row.stream(machine, inputs) for row in every]
        run.select(np.array(left))
        streams = streams.select(left)
        settings = settings._replace(diatonic=settings.diatonic[left])
    raise MusegenError(ENDLESS.format(len(active), rows, max_new_tokens))


class _GapRow:
    """Where one row is in a plan of `sample_gaps`.

    Args:
        prompt: the ids with which it begins.
        plan: see there.
        kind: (V,) of each id.
    """

    def __init__(self, prompt: list[int], plan: Sequence[int | Ints], kind: Ints) -> None:
        self.ids, self._plan, self._kind = list(prompt), plan, kind
        self._part = self._done = 0  # of the plan; bars or ids of this part
        self._sampled: list[int] = []  # which of the ids the machine has sampled
        self.total = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the plan is carried out."""
        return self._part == len(self._plan)

    @property
    def forced(self) -> int:
        """The next id, -1 if it is sampled."""
        part = self._plan[self._part]
        return -1 if isinstance(part, int) else int(part[self._done])

    def take(self, id_: int, *, is_sampled: bool) -> None:
        """Add an id."""
        part, kind = self._plan[self._part], self._kind[id_]
        if is_sampled:
            self._sampled.append(len(self.ids))
        self.ids.append(id_)
        if isinstance(part, int):
            self._done += bool(kind == Kind.BAR)
            is_over = self._done == part or kind == Kind.EOS
        else:
            self._done += 1
            is_over = self._done == len(part)
        if is_over:
            self._part, self._done = self._part + 1, 0

    def stream(self, machine: Machine, inputs: Sequence[Array]) -> Stream:
        """The row, at the end of its plan."""
        new, total, gap = len(self._sampled), self.total, 0.0
        if machine.is_rounded:
            [nats] = stream_nats(machine, [self.ids], inputs)
            total = -float(nats[np.array(self._sampled, np.int64) - 1].sum())
            gap = (self.total - total) / max(1, new)
        is_closed = isinstance(self._plan[-1], int)
        return Stream(self.ids[:-1] if is_closed else self.ids, total, new, gap)


def _after(
    prompt: Ints, machine: Machine, inputs: Sequence[Array], limits: Limits, rows: int, classes: Sequence[int]
) -> Run:
    """B rows after the prompt."""
    together = max(
        [1, *(len(each) for each in inputs), *(len(getattr(limits, each)) for each in limits.by_row)]
    )
    seen_classes = np.zeros((together, NO_CLASS + 1), np.bool_)
    seen_classes[:, list(classes)] = True
    run = machine.run(inputs, limits, seen_classes)
    run.read(prompt)
    if together < rows:
        run.select(np.zeros(rows, np.int64))
    return run


def _scored(streams: list[Stream], machine: Machine, inputs: Sequence[Array]) -> list[Stream]:
    """Streams with their log-likelihood under the model, if they were sampled from another distribution."""
    if not machine.is_rounded:
        return streams
    end = int(machine.tables.ids(Kind.EOS)[0])
    nats = stream_nats(machine, [[*stream.ids, end] for stream in streams], inputs)
    scored = []
    for stream, each in zip(streams, nats, strict=True):
        own = float(each[len(stream.ids) - stream.new_ids :].sum())
        gap = (stream.log_likelihood + own) / stream.new_ids
        scored.append(stream._replace(log_likelihood=-own, precision_gap=gap))
    return scored


def stream_nats(machine: Machine, streams: list[list[int]], inputs: Sequence[Array]) -> list[Floats]:
    """Negative log-likelihood of every id after the first, in nats, (T - 1,) for each stream."""
    ids = np.zeros((len(streams), max(map(len, streams))), np.int64)
    for row, stream in zip(ids, streams, strict=True):
        row[: len(stream)] = stream
    rows = [np.repeat(each, len(ids), axis=0) if len(each) < len(ids) else each for each in inputs]
    [nats] = machine.call("nats", ids, *rows)
    return [row[: len(stream) - 1] for row, stream in zip(nats, streams, strict=True)]


class _Transcript:
    """The ids of all rows so far, also of those that have ended and left the batch.

    Args:
        prompt: the ids with which each begins.
        rows: how many.
    """

    def __init__(self, prompt: list[int], rows: int) -> None:
        self._prompt, self._rows = prompt, list(range(rows))
        self._new: list[list[int]] = [[] for _ in range(rows)]
        self._totals = [0.0] * rows
        self._steps: list[Ints] = []

    def add(self, ids: Ints) -> None:
        """Append ids to every row, (K, B)."""
        self._steps.append(ids)

    def flush(self, totals: Floats, active: Ints | None = None) -> None:
        """Store the steps so far and the log-likelihoods, (B,); `active` are the rows from now on."""
        columns = np.concatenate(self._steps).T.tolist()
        for row, ids, total in zip(self._rows, columns, totals.tolist(), strict=True):
            self._new[row] += ids
            self._totals[row] = total
        self._steps = []
        if active is not None:
            self._rows = [self._rows[i] for i in active.tolist()]

    def streams(self, totals: Floats, kind: Ints) -> list[Stream]:
        """All rows, each cut at EOS; `totals` (B,) are the log-likelihoods of the last rows."""
        self.flush(totals)
        found = []
        for new, total in zip(self._new, self._totals, strict=True):
            end = next(i for i, id_ in enumerate(new) if kind[id_] == Kind.EOS)
            found.append(Stream(self._prompt + new[:end], total, end + 1))
        return found
