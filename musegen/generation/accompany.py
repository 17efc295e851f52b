"""Accompaniments to a melody of the user: scores in, scores out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from symusic import Note, Tempo
from symusic.core import ScoreTick

from musegen.config.options import SamplingOptions
from musegen.data.selection import bar_metres, encode_given, fill_bars
from musegen.errors import ConfigError
from musegen.generation.assemble import to_piece
from musegen.generation.engine import sample_streams
from musegen.generation.machine import Array, Machine
from musegen.generation.pieces import known_ids, longest_bar, prompt_programs, read_prompt, with_rosters
from musegen.generation.plans import draw_plans
from musegen.generation.ranking import Likelihood, Rating, ranked
from musegen.generation.request import Request, Result, TrainingDefaults, check_metres
from musegen.generation.sampling import ROWS_AT_ONCE, RowStreams, row_chunks
from musegen.music.chord_symbols import ChordSymbol
from musegen.music.melody import skyline
from musegen.music.metre import bar_ticks, metres_at
from musegen.music.notes import last_end
from musegen.music.odd_bars import Rest, fill_odd_bars, filled_like, without_rests
from musegen.music.roles import is_called, program_role
from musegen.tokenizers import Constraints, Tokenizer, limits_of, melody_tokenizer
from musegen.tokenizers.chord_plan import HALVES, UNKNOWN, stream_plan
from musegen.tokenizers.tables import DRUMS, Ints

PLAN_TEMPERATURE = 0.0
"""The most likely chord of each half bar, closest to what people play (see benchmarks/RESULTS.md)."""


@dataclass(frozen=True)
class Accompaniment:
    """What an accompaniment must be like; None leaves the choice to the model."""

    pitches: frozenset[int] | None = None
    """The MIDI pitches allowed; drums are not restricted."""
    part_pitches: Mapping[int, frozenset[int]] | None = None
    """The only pitches allowed in a part, by its number in the stream. Default: its range in training."""
    prompt_bars: int = 0
    """How many bars of the prompt are kept."""
    chords: Sequence[int] = ()
    """The chord of each half bar, as numbered in tokenizers/chord_plan.py, for a model with a chord planner,
    which chooses the chords after them."""
    plan_temperature: float = PLAN_TEMPERATURE
    """Temperature at which a chord planner samples."""
    symbols: Sequence[tuple[int, ChordSymbol]] = ()
    """The same chords by tick of the melody, kept with the accompaniments."""
    parts: Sequence[str] = ()
    """The only parts, each by a name, a role or a program; empty: those of a random training piece."""


def accompany(
    machine: Machine,
    tokenizer: Tokenizer,
    melody: ScoreTick,
    options: Accompaniment | None = None,
    *,
    num: int = 1,
    prompt: ScoreTick | None = None,
    sampling: SamplingOptions | None = None,
    seed: int = 0,
    defaults: TrainingDefaults | None = None,
) -> list[Result]:
    """Write accompaniments to a melody, in its bars, metres, ticks and tempo, by falling likelihood.

    Args:
        machine: an accompaniment model.
        tokenizer: the model's own, of the accompaniments.
        melody: a tidy score; its highest notes are the melody.
        options: what the accompaniments must be like.
        num: how many.
        prompt: an accompaniment to the same bars, a tidy score; `options.prompt_bars` of its bars are kept.
            If it goes on after the melody ends, so do the accompaniments.
        sampling: the sampling settings.
        seed: of all random numbers.
        defaults: the instruments and ranges of the training pieces.

    Raises:
        ConfigError: the prompt has too few bars, no pitch is allowed, or the model has no such part.
        TokenError: the melody or the prompt cannot be encoded.
        MusegenError: an accompaniment did not end.
    """
    options, defaults = options or Accompaniment(), defaults or TrainingDefaults()
    frame, rests = fill_odd_bars(max(melody, prompt or melody, key=last_end), tokenizer.time_signatures)
    bars = len(bar_ticks(frame)) - 1
    kept = kept_bars(prompt and filled_like(prompt, frame, rests), options.prompt_bars, bars)
    whole, rosters = filled_like(melody, frame, rests), rosters_of(options.parts, defaults.rosters, tokenizer)
    source, metre_ids = melody_source(whole, tokenizer, bars, frame)
    start = read_prompt(tokenizer, kept, options.prompt_bars)
    programs = prompt_programs(tokenizer, start) if tokenizer.config.programs and not options.parts else []
    constraints = accompaniment_constraints(options, defaults, tokenizer, metre_ids, programs)
    results: list[Result] = []
    for rows in row_chunks(num, min(machine.most_rows, ROWS_AT_ONCE)):
        streams = RowStreams(seed, rows)
        memory, nats = _encoded(machine, tokenizer, source, start.ids, options, streams, bars)
        rules = with_rosters(constraints, rosters, tokenizer, streams)
        found = sample_streams(
            machine,
            memory,
            limits_of(tokenizer.tables, rules),
            prompt_ids=start.ids,
            sampling=sampling or SamplingOptions(),
            streams=streams,
            max_new_tokens=longest_bar(tokenizer) * bars + 1,
            context_classes=sorted({note.pitch % 12 for t in skyline(whole).tracks for note in t.notes}),
        )
        for planned, stream in zip(nats, found, strict=True):
            own = stream._replace(log_likelihood=stream.log_likelihood - planned)
            result = to_piece(own, start, tokenizer, Request(bars - start.bars), defaults, melody.tpq)
            results.append(dressed_for(melody, rests, with_parts_only(result, options, frame)))
    return ranked(results, lambda each: _rating(each, len(start.ids)))


def _rating(result: Result, prompt: int) -> Rating:
    """By what an accompaniment is ranked, after so many ids of a prompt; EOS is among the new ones."""
    return Rating(Likelihood(result.log_likelihood, len(result.ids) - prompt + 1))


def kept_bars(prompt: ScoreTick | None, prompt_bars: int, bars: int) -> ScoreTick | None:
    """What is kept of a prompt, for a melody of `bars` bars."""
    if not 0 <= prompt_bars < bars:
        raise ConfigError(
            f"⟨prompt-bars⟩ is {prompt_bars}: it must be from 0 to {bars - 1}, since the tune has {bars} bars"
        )
    return first_bars(prompt, prompt_bars) if prompt is not None and prompt_bars else None


def accompaniment_constraints(
    options: Accompaniment,
    defaults: TrainingDefaults,
    tokenizer: Tokenizer,
    metre_ids: list[int],
    programs: list[frozenset[int]],
) -> Constraints:
    """A voice keeps to its pitches in training, unless the caller allows none of them."""
    ranges = {voice: frozenset(range(low, high + 1)) for voice, (low, high) in enumerate(defaults.ranges)}
    known = defaults.pitches or ranges  # older checkpoints have ranges only
    kept = {voice: own for voice, own in known.items() if options.pitches is None or own & options.pitches}
    return Constraints(
        bars=len(metre_ids),
        metre_ids=metre_ids,
        pitches=options.pitches,
        part_pitches=kept | dict(options.part_pitches or {}),
        programs=programs,
        tempo=False,
        known=known_ids(tokenizer, defaults),
    )


def _encoded(
    machine: Machine,
    tokenizer: Tokenizer,
    source: Ints,
    head: list[int],
    options: Accompaniment,
    streams: RowStreams,
    bars: int,
) -> tuple[list[Array], list[float]]:
    """The encoded melody, of one row, or of all with a plan for each; and the nats of the plans."""
    memory = machine.call("encode", source)
    if "plan_chords" not in machine.functions:
        for flag, is_set in (("chords", options.chords), ("plan-temperature", options.plan_temperature)):
            if is_set:
                raise ConfigError(
                    f"⟨{flag}⟩ needs a chord planner: train a model on tracks that are not single voices"
                )
        return memory, [0.0] * streams.rows
    _, keys, pitch, _, tonic, lengths, _ = memory
    fixed = np.full((bars * HALVES, 2), UNKNOWN)
    fixed[: len(options.chords), 0] = options.chords[: len(fixed)]
    if options.prompt_bars:
        kept = stream_plan(np.array(head), tokenizer.tables)
        fixed[: len(kept)] = kept
    melody = (keys, pitch, tonic, lengths[:, :bars])
    plans = draw_plans(machine, melody, streams, temperature=options.plan_temperature, fixed=fixed)
    shared = [np.broadcast_to(each, (streams.rows, *each.shape[1:])) for each in memory[:-1]]
    return [*shared, plans.plan], plans.nats.tolist()


def rosters_of(
    parts: Sequence[str], rosters: Sequence[Sequence[int]], tokenizer: Tokenizer
) -> Sequence[Sequence[int]]:
    """Those of the rosters that have all of some parts: those without others, else those with others.

    A model leaves a part out only where training pieces do: else it would fall silent, so others are sampled
    with it, and dropped later. If no roster has all, the only one is the most frequent number of each.

    Raises:
        ConfigError: the model does not write one of the parts.
    """
    if not parts:
        return rosters
    counts = Counter(number for roster in rosters for number in roster)
    known = {number: _called(number, tokenizer) for number in sorted(counts)}
    found = [{number for number in known if is_called(part, **known[number])} for part in parts]
    if missing := [part for part, numbers in zip(parts, found, strict=True) if not numbers]:
        names = dict.fromkeys(called["name"] or called["role"] for called in known.values())
        there = f"it writes {', '.join(names)}" if tokenizer.config.programs else "it writes a single part"
        raise ConfigError(f"⟨accompaniment⟩ has {missing[0]!r}, which the model does not write; {there}")
    wanted = set().union(*found)
    full = [list(roster) for roster in rosters if all(numbers & set(roster) for numbers in found)]
    exact = [roster for roster in full if wanted.issuperset(roster)]
    frequent = sorted({max(numbers, key=lambda number: counts[number]) for numbers in found})
    return exact or full or [frequent]


def with_parts_only(result: Result, options: Accompaniment, frame: ScoreTick) -> Result:
    """The accompaniment without what others than the wanted parts play after the prompt."""
    if not options.parts:
        return result
    score, kept = result.score.copy(), int(bar_ticks(frame)[options.prompt_bars])
    for track in score.tracks:
        program = -1 if track.is_drum else track.program
        called = {"name": track.name, "role": program_role(program), "program": program}
        if not any(is_called(part, **called) for part in options.parts):
            track.notes = [note for note in track.notes if note.time < kept]
    score.tracks = [track for track in score.tracks if len(track.notes)]
    return replace(result, score=score)


def _called(number: int, tokenizer: Tokenizer) -> dict[str, Any]:
    """Name, role and program of a program or part, by its number in the stream."""
    if not tokenizer.config.programs:
        return {"name": "", "role": "", "program": -1}
    if tokenizer.parts and number < len(tokenizer.parts):
        name, program = tokenizer.parts[number]
        return {"name": name, "role": program_role(program), "program": program}
    program = -1 if number == DRUMS else number
    return {"name": "", "role": program_role(program), "program": program}


def melody_source(
    melody: ScoreTick, tokenizer: Tokenizer, bars: int, frame: ScoreTick | None = None
) -> tuple[Ints, list[int]]:
    """The melody's ids, (1, S), and the id of each bar's metre in the vocabulary of the accompaniment.

    Args:
        melody: tidy.
        tokenizer: of the accompaniment.
        bars: their number.
        frame: music of that many bars in the same metres; None: the melody.
    """
    reader, frame = melody_tokenizer(tokenizer), frame or melody
    check_metres(frame, reader, "the tune")
    source = encode_given(skyline(melody), reader)
    metres = bar_metres(source, reader)
    later = metres_at(frame, bar_ticks(frame)[len(metres) : bars])
    metres = [*metres, *(f"TimeSig_{beats}/{unit}" for beats, unit in later)]
    metres = (metres + metres[-1:] * (bars - len(metres)))[:bars]
    ids = fill_bars(source, reader, metres)[None]
    return ids, [tokenizer.vocab.index(metre) for metre in metres]


def first_bars(score: ScoreTick, bars: int) -> ScoreTick | None:
    """The notes that begin in the first bars, cut at the last bar line; None if there are none."""
    lines = bar_ticks(score)
    end = int(lines[min(bars, len(lines) - 1)])
    first = score.copy()
    for track in first.tracks:
        track.notes = [
            Note(n.time, min(n.duration, end - n.time), n.pitch, n.velocity)
            for n in track.notes
            if n.time < end
        ]
    first.tracks = [track for track in first.tracks if len(track.notes)]
    first.time_signatures = [t for t in first.time_signatures if t.time < end]
    return first if first.tracks else None


def dressed_for(melody: ScoreTick, rests: list[Rest], result: Result) -> Result:
    """An accompaniment in the bars of its melody, without the rests put in, and with its tempo and key."""
    score = without_rests(result.score, rests)
    score.tempos = list(melody.tempos) or [Tempo(0, qpm=120.0)]
    score.time_signatures = list(melody.time_signatures)
    score.key_signatures = list(melody.key_signatures)
    for track in score.tracks:
        track.name = track.name or "Accompaniment"
    return replace(result, score=score)
