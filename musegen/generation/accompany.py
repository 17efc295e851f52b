"""Accompaniments to a given melody: scores in, scores out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from symusic import Note, Tempo
from symusic.core import ScoreTick
from torch import Tensor

from musegen.config.options import SamplingOptions
from musegen.data.selection import bar_metres, encode_melody, fill_bars
from musegen.errors import ConfigError
from musegen.generation.assemble import finish
from musegen.generation.engine import sample_streams
from musegen.generation.pieces import longest_bar, prompt_programs, read_prompt, with_rosters
from musegen.generation.plans import draw_plans
from musegen.generation.request import Request, Result, TrainingDefaults, check_metres
from musegen.generation.sampling import RowStreams, row_chunks
from musegen.models.seq2seq import Seq2Seq, Seq2SeqState
from musegen.music.melody import skyline
from musegen.music.metre import bar_ticks
from musegen.tokenizers import Constraints, Tokenizer, make_grammar, melody_tokenizer
from musegen.tokenizers.chord_plan import UNKNOWN, stream_plan

PLAN_TEMPERATURE = 0.0
"""The likeliest chord of each half bar, nearest to what people play (see benchmarks/RESULTS.md)."""


@dataclass(frozen=True)
class Accompaniment:
    """What accompaniment is wanted; None leaves the choice to the model."""

    pitches: frozenset[int] | None = None
    """MIDI pitches allowed, drums aside."""
    part_pitches: Mapping[int, frozenset[int]] | None = None
    """The only pitches allowed to a part, by its number in the stream. Unset: as training pieces have it."""
    prompt_bars: int = 0
    """Bars of the prompt that are kept."""
    chords: Sequence[int] = ()
    """The chord of each half bar, as numbered in tokenizers/plan.py, for a model that plans; beyond them it
    chooses."""
    plan_temperature: float = PLAN_TEMPERATURE
    """At which chords are drawn, by a model that plans them."""


def accompany(
    model: Seq2Seq,
    tokenizer: Tokenizer,
    melody: ScoreTick,
    wanted: Accompaniment | None = None,
    *,
    num: int = 1,
    prompt: ScoreTick | None = None,
    sampling: SamplingOptions | None = None,
    seed: int = 0,
    defaults: TrainingDefaults | None = None,
) -> list[Result]:
    """Write accompaniments to a melody, in its bars, metres, ticks and tempo.

    They come without the melody, by falling log-likelihood per token.

    Args:
        model: in eval mode.
        tokenizer: of the accompaniments, the model's own.
        melody: a tidy score; its highest notes are taken as the tune.
        wanted: what accompaniment.
        num: how many.
        prompt: an accompaniment of the same bars, a tidy score; its first `wanted.prompt_bars` bars are kept.
        sampling: how ids are drawn.
        seed: fixes everything.
        defaults: what plays, as the training pieces have it.

    Raises:
        ConfigError: more bars of a prompt than there are, or no pitch is left.
        TokenError: the melody or the prompt cannot be encoded.
        MusegenError: an accompaniment did not end.
    """
    wanted, defaults = wanted or Accompaniment(), defaults or TrainingDefaults()
    bars = len(bar_ticks(melody)) - 1
    kept = _kept_bars(prompt, wanted.prompt_bars, bars)
    source, metre_ids = _source(melody, tokenizer, bars)
    start = read_prompt(tokenizer, kept, wanted.prompt_bars)
    programs = prompt_programs(tokenizer, start) if tokenizer.config.programs else []
    constraints = _constraints(wanted, defaults, metre_ids, programs)
    device = next(model.parameters()).device
    results: list[Result] = []
    for rows in row_chunks(num):
        streams = RowStreams(seed, rows)
        state, nats = _first_state(model, tokenizer, source.to(device), start.ids, wanted, streams)
        rules = with_rosters(constraints, defaults.rosters, tokenizer, streams)
        found = sample_streams(
            model,
            state,
            make_grammar(tokenizer.tables, rules, device=device),
            prompt_ids=torch.tensor(start.ids, device=device),
            sampling=sampling or SamplingOptions(),
            streams=streams,
            max_new_tokens=longest_bar(tokenizer) * bars + 1,
            context_classes=sorted({note.pitch % 12 for t in skyline(melody).tracks for note in t.notes}),
        )
        for planned, stream in zip(nats, found, strict=True):
            own = stream._replace(log_likelihood=stream.log_likelihood - planned)
            result = finish(own, start, tokenizer, Request(bars - start.bars), defaults, melody.tpq)
            results.append(_dressed_for(melody, result))
    return sorted(results, key=lambda each: -each.log_likelihood / (len(each.ids) - len(start.ids) + 1))


def _kept_bars(prompt: ScoreTick | None, prompt_bars: int, bars: int) -> ScoreTick | None:
    """What is kept of a prompt, to a tune of so many bars."""
    if not 0 <= prompt_bars < bars:
        raise ConfigError(
            f"--prompt-bars is {prompt_bars}: it must be below the {bars} bars of the tune, from 0 up"
        )
    return first_bars(prompt, prompt_bars) if prompt is not None and prompt_bars else None


def _constraints(
    wanted: Accompaniment, defaults: TrainingDefaults, metre_ids: list[int], programs: list[frozenset[int]]
) -> Constraints:
    """The pitches allowed to a voice are its own in training, where that leaves it any of those wanted."""
    sung = {voice: frozenset(range(low, high + 1)) for voice, (low, high) in enumerate(defaults.ranges)}
    kept = {voice: own for voice, own in sung.items() if wanted.pitches is None or own & wanted.pitches}
    return Constraints(
        bars=len(metre_ids),
        metre_ids=metre_ids,
        pitches=wanted.pitches,
        part_pitches=kept | dict(wanted.part_pitches or {}),
        programs=programs,
        tempo=False,
    )


@torch.inference_mode()
def _first_state(
    model: Seq2Seq,
    tokenizer: Tokenizer,
    melody_ids: Tensor,
    head: list[int],
    wanted: Accompaniment,
    streams: RowStreams,
) -> tuple[Seq2SeqState, list[float]]:
    """The melody read, once for all rows or with a plan for each; and what each row's plan costs, in nats."""
    state = model.init_state(melody_ids)
    if model.planner is None:
        for flag, is_asked in (("chords", wanted.chords), ("plan-temperature", wanted.plan_temperature)):
            if is_asked:
                raise ConfigError(
                    f"--{flag} is for models that plan: train one on tracks that are no single voices"
                )
        return state, [0.0] * streams.rows
    heard = model.hear(state.memory)
    fixed = torch.full((int(heard.spans), 2), UNKNOWN)
    fixed[: len(wanted.chords), 0] = torch.tensor(wanted.chords, dtype=torch.int64)[: len(fixed)]
    if wanted.prompt_bars:
        kept = stream_plan(np.array(head), tokenizer.tables)
        fixed[: len(kept)] = torch.from_numpy(kept)
    plan = draw_plans(model.planner, heard, streams, temperature=wanted.plan_temperature, fixed=fixed)
    state = model.init_state(melody_ids.expand(streams.rows, -1), plan)
    return state, model.plan_nats(state).tolist()


def _source(melody: ScoreTick, tokenizer: Tokenizer, bars: int) -> tuple[Tensor, list[int]]:
    """The melody's ids, (1, S), and for each bar the id of its metre in the accompaniment's vocabulary."""
    listener = melody_tokenizer(tokenizer)
    check_metres(melody, listener, "the tune")
    source = encode_melody(skyline(melody), listener)
    metres = bar_metres(source, listener)
    metres = (metres + metres[-1:] * (bars - len(metres)))[:bars]
    ids = torch.from_numpy(fill_bars(source, listener, metres))[None]
    return ids, [tokenizer.vocab.index(metre) for metre in metres]


def first_bars(score: ScoreTick, bars: int) -> ScoreTick | None:
    """What of a score begins in its first bars, ended by their last bar line; None where nothing does."""
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


def _dressed_for(melody: ScoreTick, result: Result) -> Result:
    """An accompaniment, given the tempo, metre and key of its melody."""
    score = result.score
    score.tempos = list(melody.tempos) or [Tempo(0, qpm=120.0)]
    score.time_signatures = list(melody.time_signatures)
    score.key_signatures = list(melody.key_signatures)
    for track in score.tracks:
        track.name = track.name or "Accompaniment"
    return result
