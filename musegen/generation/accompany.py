"""Accompaniments to a given melody: scores in, scores out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from symusic import Note, Tempo
from symusic.core import ScoreTick
from torch import Tensor

from musegen.config.options import SamplingOptions
from musegen.data.selection import bar_metres, encode_melody, fill_bars
from musegen.errors import ConfigError
from musegen.generation.assemble import append_bars, dress, trim
from musegen.generation.engine import sample_streams
from musegen.generation.pieces import longest_bar, prompt_ids, with_rosters
from musegen.generation.plans import draw_plans
from musegen.generation.request import Request, Result, check_metres
from musegen.generation.sampling import RowStreams, row_chunks
from musegen.models.seq2seq import Seq2Seq, Seq2SeqState
from musegen.music.melody import skyline
from musegen.music.metre import bar_ticks
from musegen.tokenizers import Constraints, Tokenizer, make_grammar, melody_tokenizer
from musegen.tokenizers.chord_plan import UNKNOWN, stream_plan
from musegen.tokenizers.tables import Ints

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


class TrainingDefaults(NamedTuple):
    """Who plays, as the training pieces have it."""

    program: int = 0
    """Of the track, where the stream has no programs and there is no prompt."""
    rosters: Sequence[Sequence[int]] = ()
    """The instruments of each training piece; each accompaniment keeps to one of them, drawn at random,
    unless a prompt says what plays."""
    ranges: Sequence[Sequence[int]] = ()
    """Lowest and highest pitch of each voice of a grid, kept to where the request allows any of it."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "TrainingDefaults":
        """As a checkpoint's data.json says."""
        return cls(data["program"], [entry["programs"] for entry in data["train"]], data["ranges"])


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
    players: TrainingDefaults | None = None,
) -> list[Result]:
    """Write accompaniments to a melody, of its bars and metres, the likeliest first.

    Args:
        model: in eval mode.
        tokenizer: of the accompaniments, the model's own.
        melody: a tidy score; its highest notes are taken as the tune.
        wanted: what accompaniment.
        num: how many.
        prompt: an accompaniment of the same bars, a tidy score; its first `wanted.prompt_bars` bars are kept.
        sampling: how ids are drawn.
        seed: fixes everything.
        players: who plays, as the training pieces have it.

    Returns:
        Scores of the accompaniment alone, in the melody's ticks and tempo, by falling log-likelihood an id.

    Raises:
        ConfigError: more bars of a prompt than there are, or no pitch is left.
        TokenError: the melody or the prompt cannot be encoded.
        MusegenError: an accompaniment did not end.
    """
    wanted, players = wanted or Accompaniment(), players or TrainingDefaults()
    bars = len(bar_ticks(melody)) - 1
    if not 0 <= wanted.prompt_bars < bars:
        raise ConfigError(
            f"--prompt-bars is {wanted.prompt_bars}: it must be below the {bars} bars of the tune, from 0 up"
        )
    source, metre_ids = _source(melody, tokenizer, bars)
    kept = first_bars(prompt, wanted.prompt_bars) if prompt is not None and wanted.prompt_bars else None
    head, _ = prompt_ids(tokenizer, kept, wanted.prompt_bars)
    device = next(model.parameters()).device
    constraints = Constraints(
        bars=bars,
        metre_ids=metre_ids,
        pitches=wanted.pitches,
        part_pitches=_voice_pitches(players.ranges, wanted.pitches) | dict(wanted.part_pitches or {}),
        programs=_players(tokenizer, kept),
        tempo=False,
    )
    results = []
    tune = {note.pitch % 12 for track in skyline(melody).tracks for note in track.notes}
    melody_ids = torch.from_numpy(source)[None].to(device)
    for rows in row_chunks(num):
        streams = RowStreams(seed, rows)
        state, nats = _first_state(model, tokenizer, melody_ids, head, wanted, streams)
        rules = with_rosters(constraints, players.rosters, tokenizer, streams)
        found = sample_streams(
            model,
            state,
            make_grammar(tokenizer.tables, rules, device=device),
            prompt_ids=torch.tensor(head, device=device),
            sampling=sampling or SamplingOptions(),
            streams=streams,
            max_new_tokens=longest_bar(tokenizer) * bars + 1,
            context_classes=sorted(tune),
        )
        for planned, stream in zip(nats, found, strict=True):
            score = _score(tokenizer, stream.ids, melody, kept, wanted.prompt_bars, bars, players.program)
            likelihood = stream.log_likelihood - planned
            result = replace(Result.of(stream, score, bars), log_likelihood=likelihood)
            results.append((likelihood / stream.new_ids, result))
    return [result for _, result in sorted(results, key=lambda pair: -pair[0])]


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
    given = torch.full((int(heard.spans), 2), UNKNOWN)
    given[: len(wanted.chords), 0] = torch.tensor(wanted.chords, dtype=torch.int64)[: len(given)]
    if wanted.prompt_bars:
        kept = stream_plan(np.array(head), tokenizer.tables)
        given[: len(kept)] = torch.from_numpy(kept)
    plan = draw_plans(model.planner, heard, streams, temperature=wanted.plan_temperature, given=given)
    state = model.init_state(melody_ids.expand(streams.rows, -1), plan)
    return state, model.plan_nats(state).tolist()


def _source(melody: ScoreTick, tokenizer: Tokenizer, bars: int) -> tuple[Ints, list[int]]:
    """The melody's ids, (S,), and for each bar the id of its metre in the accompaniment's vocabulary."""
    listener = melody_tokenizer(tokenizer)
    check_metres(melody, listener, "the tune")
    source = encode_melody(skyline(melody), listener)
    metres = bar_metres(source, listener)
    metres = (metres + metres[-1:] * (bars - len(metres)))[:bars]
    return fill_bars(source, listener, metres), [tokenizer.vocab.index(metre) for metre in metres]


def _voice_pitches(
    ranges: Sequence[Sequence[int]], pitches: frozenset[int] | None
) -> dict[int, frozenset[int]]:
    """What each voice sings by itself, where that leaves it any of the pitches wanted."""
    sung = {voice: frozenset(range(low, high + 1)) for voice, (low, high) in enumerate(ranges)}
    return {voice: own for voice, own in sung.items() if pitches is None or own & pitches}


def _players(tokenizer: Tokenizer, prompt: ScoreTick | None) -> list[frozenset[int]]:
    if prompt is None or not tokenizer.config.programs:
        return []
    return [frozenset(tokenizer.stream_programs([t for t in prompt.tracks if len(t.notes)]))]


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


def _score(
    tokenizer: Tokenizer,
    ids: list[int],
    melody: ScoreTick,
    prompt: ScoreTick | None,
    prompt_bars: int,
    bars: int,
    program: int,
) -> ScoreTick:
    score = tokenizer.decode(ids, ticks_per_quarter=melody.ticks_per_quarter)
    trim(score, bars)
    if prompt is None:
        dress(score, ids, tokenizer, Request(bars=bars), 120.0, program)
    else:
        score = append_bars(prompt, score, prompt_bars, tokenizer, Request(bars=bars))
    score.tempos = list(melody.tempos) or [Tempo(0, qpm=120.0)]
    score.time_signatures = list(melody.time_signatures)
    score.key_signatures = list(melody.key_signatures)
    for track in score.tracks:
        track.name = track.name or "Accompaniment"
    return score
