"""New music in the missing cells of a piece, by a model that was trained with holes.

It reads all that is given, before and after a gap and in the other tracks, and samples what is missing.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from symusic import Score

from musegen.config.options import SamplingOptions
from musegen.data.selection import encode_given, fill_bars
from musegen.errors import ConfigError
from musegen.generation.engine import Stream, sample_gaps
from musegen.generation.fill import (
    Controls,
    Filled,
    gap_constraints,
    guide_of,
    kept_by,
    plan_gaps,
    rating_of,
)
from musegen.generation.gap_piece import GapPiece, new_notes, read_gaps
from musegen.generation.machine import Machine
from musegen.generation.pieces import longest_bar
from musegen.generation.ranking import Likelihood, Rating, ranked
from musegen.generation.request import TrainingDefaults
from musegen.generation.sampling import RowStreams, row_chunks
from musegen.music.gaps import Gapped
from musegen.music.notes import all_onsets, pitched_notes
from musegen.music.odd_bars import without_rests
from musegen.tokenizers import Constraints, Kind, Limits, WholeTokenizer, limits_of
from musegen.tokenizers.holes import Bools, Holes, cut_holes
from musegen.tokenizers.tables import TICKS_PER_QUARTER, Ints


class _Given(NamedTuple):
    """A piece with holes as a model reads it."""

    source: Ints
    """(S,)"""
    target: Ints
    """(T,) what is given of the tracks that are filled, without EOS."""
    is_sampled: Bools
    """(T,) which ids of a grid are sampled."""


def fill_holes(
    machine: Machine,
    tokenizer: WholeTokenizer,
    gapped: Gapped,
    *,
    num: int = 1,
    rank: int | None = None,
    controls: Controls | None = None,
    sampling: SamplingOptions | None = None,
    seed: int = 0,
    defaults: TrainingDefaults | None = None,
    constraints: Constraints | None = None,
) -> list[Filled]:
    """Fill the missing cells of a piece; with `rank` the most likely first, see `ranking`.

    Args:
        machine: a model that was trained with holes.
        tokenizer: the model's own.
        gapped: the piece; its notes in the gaps are not read, except their rhythm.
        num: how many.
        rank: how many candidates are sampled, of which `num` are kept. Default: `num`.
        controls: what the new music must be like.
        sampling: the sampling settings.
        seed: of all random numbers; candidate i of a seed does not depend on their number.
        defaults: the pitches of the training pieces.
        constraints: what the new notes must satisfy, except bars, metres and tracks. Default: the pitches of
            the training pieces.

    Raises:
        ConfigError: there is no rhythm to keep, or no pitch is allowed.
        DataError: a metre that the model does not know, or no note is given.
        TokenError: the piece cannot be encoded.
        MusegenError: a gap did not end.
    """
    piece, controls, settings = (
        read_gaps(gapped, tokenizer),
        controls or Controls(),
        sampling or SamplingOptions(),
    )
    given, kept = _given(piece, tokenizer), kept_by(controls, piece, tokenizer)
    limits = _limits(piece, tokenizer, defaults or TrainingDefaults(), constraints)
    head, plan = _plan(given, piece, tokenizer) if kept is None else kept.head_and_plan
    memory, found = machine.call("encode", given.source[None]), list[Filled]()
    for rows in row_chunks(rank or num, machine.most_rows):
        streams = sample_gaps(
            machine,
            limits,
            inputs=memory,
            prompt_ids=head,
            plan=plan,
            sampling=settings,
            streams=RowStreams(seed, rows),
            max_new_tokens=longest_bar(tokenizer) * piece.bars + 1,
            context_classes=sorted({int(pitch) % 12 for pitch in pitched_notes(piece.given)[2]}),
            guide=guide_of(piece, tokenizer, limits, controls, kept, given.target, settings.temperature),
        )
        for row, stream in zip(rows, streams, strict=True):
            new, changed = new_notes(stream, piece, tokenizer, keeps_rhythm=kept is not None)
            found.append(_filled(without_rests(new, piece.rests), changed, stream, row))
    return ranked(found, lambda each: rating_of(each, piece.gaps, controls.density))[:num] if rank else found


def _limits(
    piece: GapPiece, tokenizer: WholeTokenizer, defaults: TrainingDefaults, constraints: Constraints | None
) -> Limits:
    rules = gap_constraints(piece, tokenizer, defaults)
    if constraints is not None:
        rules = replace(rules, pitches=constraints.pitches, part_pitches=constraints.part_pitches)
    return limits_of(tokenizer.tables, rules)


def _filled(notes: Score, changed: int, stream: Stream, row: int) -> Filled:
    rating = Rating(Likelihood(stream.log_likelihood, stream.new_ids))
    own = Filled(notes, stream.ids, stream.log_likelihood, 0.0, changed, rating)
    return own._replace(precision_gap=stream.precision_gap, candidate=row)


def _given(piece: GapPiece, tokenizer: WholeTokenizer) -> _Given:
    """What is given of a piece, as its model reads it."""
    ids, tables = _encoded(piece, tokenizer), tokenizer.tables
    bars = np.zeros(piece.bars, np.bool_)
    for gap in piece.gaps:
        bars[gap.first - 1 : gap.last] = True
    numbers = None
    if tables.voices or piece.read:
        tracks = [piece.given.tracks[number] for number in piece.tracks]
        numbers = frozenset(tokenizer.stream_programs(tracks))
    source, target, is_sampled = cut_holes(ids, tables, Holes(bars, numbers))
    if tables.voices:
        # A note that is given may be held into a gap; before a pickup is rest.
        is_given = (ids != tables.ids(Kind.REST)[0]) & is_sampled
        is_given |= is_sampled & _before_pickup(ids, piece, tokenizer)
        source, is_sampled = np.where(is_given, ids, source), is_sampled & ~is_given
    return _Given(source, target[:-1], is_sampled[:-1])


def _encoded(piece: GapPiece, tokenizer: WholeTokenizer) -> Ints:
    """The ids of all that is given, from BOS to EOS, with all bars of the piece."""
    seen: Score = piece.given.copy()
    seen.tracks = [seen.tracks[number] for number in sorted([*piece.tracks, *piece.read])]
    metres = [tokenizer.vocab[id_] for id_ in piece.metre_ids]
    if not len(all_onsets(seen)):
        raise ConfigError("nothing that this model can read is given: use musegen generate")
    ids = encode_given(seen, tokenizer)
    lines = np.flatnonzero(tokenizer.tables.kind[ids] == Kind.BAR)
    if len(lines) > piece.bars:  # an onset rounded up to the last bar line
        ids = np.append(ids[: lines[piece.bars]], tokenizer.eos_id)
    return fill_bars(ids, tokenizer, metres)


def _before_pickup(ids: Ints, piece: GapPiece, tokenizer: WholeTokenizer) -> Bools:
    """Which ids of a grid are in the rest before the pickup of a piece, (T,)."""
    tables = tokenizer.tables
    ticks = round(piece.pickup * TICKS_PER_QUARTER / piece.given.tpq)
    slots = ticks // int(tables.position_ticks[piece.metre_ids[0]]) * tables.voices
    return np.asarray(np.cumsum(tables.kind[ids] >= Kind.PITCH) <= slots)


def _plan(given: _Given, piece: GapPiece, tokenizer: WholeTokenizer) -> tuple[list[int], list[int | Ints]]:
    """The ids before the first one that is sampled, and the plan after them: see `sample_gaps`."""
    tables = tokenizer.tables
    if not tables.voices:
        lines = np.flatnonzero(tables.kind[given.target] == Kind.BAR)
        return plan_gaps(given.target, lines, piece, tokenizer)
    first, last = np.flatnonzero(given.is_sampled)[[0, -1]]
    plan = np.where(given.is_sampled, -1, given.target)[first : last + 1]
    return given.target[:first].tolist(), [plan]
