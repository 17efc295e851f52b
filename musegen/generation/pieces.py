"""New pieces of a language model, and continuations of a prompt."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from symusic.core import ScoreTick

from musegen.config.options import SamplingOptions
from musegen.errors import ConfigError
from musegen.generation.assemble import to_piece
from musegen.generation.engine import sample_streams
from musegen.generation.machine import Machine
from musegen.generation.request import Prompt, Request, Result, TrainingDefaults, check_metres
from musegen.generation.sampling import RowStreams, row_chunks
from musegen.music.metre import bar_ticks
from musegen.music.odd_bars import fill_odd_bars
from musegen.tokenizers import (
    Constraints,
    FreeTokenizer,
    Kind,
    RemiTokenizer,
    Tokenizer,
    limits_of,
    whole_tokenizer,
)
from musegen.tokenizers.tables import DRUMS

TOKENS_PER_BAR = 1024
"""A bar with more new tokens than this is taken for an endless one."""


def generate(
    machine: Machine,
    tokenizer: Tokenizer,
    request: Request,
    *,
    num: int = 1,
    prompt: ScoreTick | None = None,
    line: int | None = None,
    sampling: SamplingOptions | None = None,
    seed: int = 0,
    defaults: TrainingDefaults | None = None,
) -> list[Result]:
    """Generate new pieces, or continue a prompt by new bars.

    Args:
        machine: a language model.
        tokenizer: the model's own.
        request: what the pieces must be like.
        num: how many pieces.
        prompt: a tidy score; its notes stand unchanged before the new bars.
        line: the only track of the prompt that is continued; None: all.
        sampling: the sampling settings.
        seed: of all random numbers; piece i of a seed does not depend on `num`.
        defaults: tempo and instruments of the training pieces.

    Raises:
        ConfigError: the tokenizer does not know the metre or program, or no pitch is allowed.
        TokenError: the prompt cannot be encoded.
        MusegenError: a piece did not end.
    """
    start, defaults = read_prompt(tokenizer, prompt, line=line), defaults or TrainingDefaults()
    if isinstance(tokenizer, RemiTokenizer) and request.ends:
        start.ids[0] = tokenizer.bos_of(start.bars + request.bars)
    constraints = _constraints(tokenizer, request, start, defaults)
    results = []
    for rows in row_chunks(num, machine.most_rows):
        streams = RowStreams(seed, rows)
        rules = with_rosters(constraints, defaults.rosters, tokenizer, streams)
        found = sample_streams(
            machine,
            [],
            limits_of(tokenizer.tables, rules),
            prompt_ids=start.ids,
            sampling=sampling or SamplingOptions(),
            streams=streams,
            max_new_tokens=longest_bar(tokenizer) * request.bars + 1,
        )
        results += [to_piece(stream, start, tokenizer, request, defaults) for stream in found]
    return results


def with_rosters(
    constraints: Constraints, rosters: Sequence[Sequence[int]], tokenizer: Tokenizer, streams: RowStreams
) -> Constraints:
    """Constraints by which each row keeps to a random one of the rosters, unless they fix the programs.

    Args:
        constraints: of all rows.
        rosters: the instruments of each training piece, as numbered in the stream.
        tokenizer: of the stream; if its streams have no programs, nothing is random.
        streams: of the rows; each takes one number if a roster is chosen.
    """
    if not (rosters and tokenizer.config.programs) or constraints.programs:
        return constraints
    drawn = (streams.draw() * len(rosters)).astype(np.int64).tolist()
    return replace(constraints, programs=[frozenset(rosters[i]) for i in drawn])


def longest_bar(tokenizer: Tokenizer) -> int:
    """The limit of new tokens per bar: on a grid its length, else `TOKENS_PER_BAR`."""
    tables = tokenizer.tables
    return max(TOKENS_PER_BAR, int(tables.bar_positions.max()) * tables.voices + 2)


def read_prompt(
    tokenizer: Tokenizer, prompt: ScoreTick | None, bars: int | None = None, *, line: int | None = None
) -> Prompt:
    """The prompt of a stream: the first `bars` bars of a tidy score, or all; of all tracks or of one."""
    if prompt is None:
        return Prompt(None, 0, [tokenizer.bos_id])
    filled = fill_odd_bars(prompt, tokenizer.time_signatures).score.copy()
    check_metres(filled, tokenizer, "the prompt")
    if line is not None:
        filled.tracks = [filled.tracks[line]]
    ids = whole_tokenizer(tokenizer).encode(filled)[:-1].tolist()
    if isinstance(tokenizer, FreeTokenizer):  # goes on at once
        return Prompt(prompt, int((tokenizer.tables.kind[ids] == Kind.BAR).sum()), ids)
    bars = bars or len(bar_ticks(prompt)) - 1
    kind = tokenizer.tables.kind
    bar_id = int(tokenizer.tables.ids(Kind.BAR)[0])
    metre_id = [i for i in ids if kind[i] == Kind.TIME_SIGNATURE][-1]
    lines = [index for index, id_ in enumerate(ids) if id_ == bar_id]
    if len(lines) > bars:  # a tempo change after the last note, or an onset rounded up to the bar line
        ids = ids[: lines[bars]]
    # Bars in which the last note is only held are not in the stream yet.
    ids += [bar_id, metre_id] * (bars - len(lines))
    return Prompt(prompt, bars, [*ids, bar_id], line)


def _constraints(
    tokenizer: Tokenizer, request: Request, prompt: Prompt, defaults: TrainingDefaults
) -> Constraints:
    programs = prompt_programs(tokenizer, prompt)
    metre_ids = [i for i in prompt.ids if tokenizer.tables.kind[i] == Kind.TIME_SIGNATURE]
    if request.time_signature is not None:
        metre_ids = [metre_id(tokenizer, request.time_signature)]
    if request.program is not None:
        programs = [requested_programs(tokenizer, request.program)]
    return Constraints(
        bars=prompt.bars + request.bars,
        time_signature_id=metre_ids[-1] if metre_ids else None,
        pitches=request.pitches,
        part_pitches={
            voice: own for voice, own in defaults.pitches.items() if request.pitches is None or voice == DRUMS
        },
        programs=programs,
        tempo=request.tempo is None and prompt.score is None,
        known=known_ids(tokenizer, defaults),
    )


def known_ids(tokenizer: Tokenizer, defaults: TrainingDefaults) -> frozenset[int] | None:
    """The ids of the tempos, velocities and metres of the training pieces; None: any."""
    return frozenset(map(tokenizer.vocab.index, defaults.known)) or None


def prompt_programs(tokenizer: Tokenizer, prompt: Prompt) -> list[frozenset[int]]:
    """The numbers in the stream of the prompt's programs; none without a prompt."""
    if prompt.score is None:
        return []
    return [frozenset(tokenizer.stream_programs([t for t in prompt.score.tracks if len(t.notes)]))]


def metre_id(tokenizer: Tokenizer, metre: tuple[int, int]) -> int:
    """The id of a metre.

    Raises:
        ConfigError: the tokenizer does not know it.
    """
    if metre not in tokenizer.time_signatures:
        known = ", ".join(f"{n}/{d}" for n, d in tokenizer.time_signatures)
        raise ConfigError(
            f"⟨time-signature⟩ {metre[0]}/{metre[1]} is not known to this checkpoint; it knows {known}"
        )
    return tokenizer.vocab.index(f"TimeSig_{metre[0]}/{metre[1]}")


def requested_programs(tokenizer: Tokenizer, program: int) -> frozenset[int]:
    """The numbers in the stream of a requested program."""
    if program < 0:
        return frozenset({DRUMS})
    if not tokenizer.parts:
        return frozenset({program})
    found = frozenset(i for i, part in enumerate(tokenizer.parts) if part.program == program)
    if not found:
        parts = ", ".join(f"{part.name} ({part.program})" for part in tokenizer.parts)
        raise ConfigError(
            f"⟨program⟩ {program} is not the program of any part of this checkpoint; its parts are {parts}"
        )
    return found
