"""New bars in the gaps of a piece, by a language model: what is given stays as it is.

The model reads the bars before a gap and samples as many as are missing. What follows it knows only by its
length; so several candidates are sampled, and ranked by the exact likelihood of what follows each.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from symusic import Score

from musegen.config.options import SamplingOptions
from musegen.errors import ConfigError
from musegen.generation.engine import Stream, sample_gaps, stream_nats
from musegen.generation.gap_piece import GapPiece, bars_of, encoded, new_notes, read_gaps
from musegen.generation.machine import Machine
from musegen.generation.pieces import known_ids, longest_bar
from musegen.generation.request import TrainingDefaults
from musegen.generation.sampling import RowStreams, row_chunks
from musegen.music.gaps import Gapped, merged
from musegen.music.notes import pitched_notes
from musegen.music.odd_bars import without_rests
from musegen.tokenizers import Constraints, Kind, WholeTokenizer, limits_of
from musegen.tokenizers.tables import TICKS_PER_QUARTER, Ints

CANDIDATES = 8
"""How many candidates are ranked by default (see benchmarks/RESULTS.md)."""
FOLLOWING = 16
"""Bars after the last gap whose likelihood ranks the candidates."""
RANKED_IDS = 2**16
"""Ids of the candidates that are measured at once."""


class Filled(NamedTuple):
    """New notes in the gaps of a piece."""

    notes: Score
    """The piece with nothing but its new notes, each in the track that it belongs to."""
    ids: list[int]
    """The stream of the whole piece, as far as it was measured, without EOS."""
    log_likelihood: float
    """Of the new bars given what is before them, in nats; EOS included if they end the piece."""
    following: float
    """Log-likelihood of what follows the gaps given all before, at most `FOLLOWING` bars after the last."""
    changed: int
    """How many new notes begin later, end earlier or are left out, since a given note has their pitch."""
    precision_gap: float = 0.0
    """See `Stream`."""
    candidate: int = 0
    """Which of the candidates it is, from 0."""


def fill(
    machine: Machine,
    tokenizer: WholeTokenizer,
    gapped: Gapped,
    *,
    num: int = 1,
    rank: int | None = None,
    keeps_rhythm: bool = False,
    sampling: SamplingOptions | None = None,
    seed: int = 0,
    defaults: TrainingDefaults | None = None,
) -> list[Filled]:
    """Fill the gaps of a piece, from left to right; the best candidates first.

    Args:
        machine: a language model.
        tokenizer: the model's own.
        gapped: the piece; its notes in the gaps are not read, except their rhythm.
        num: how many.
        rank: how many candidates are sampled, of which `num` are kept. Default: `CANDIDATES`, or `num` if
            that is more or nothing follows.
        keeps_rhythm: new pitches to the rhythm of the notes in the gaps.
        sampling: the sampling settings.
        seed: of all random numbers; candidate i of a seed does not depend on their number.
        defaults: the pitches of the training pieces.

    Raises:
        ConfigError: nothing follows for `rank`, there is no rhythm to keep, or no pitch is allowed.
        DataError: a metre that the model does not know, or no note is given.
        TokenError: the piece cannot be encoded.
        MusegenError: a gap did not end.
    """
    piece = read_gaps(gapped, tokenizer)
    follows = piece.gaps[-1].last < piece.bars
    if rank and rank > num and not follows:
        raise ConfigError(f"⟨rank⟩ is {rank}, but nothing follows {piece.gaps[-1]}: leave ⟨rank⟩ out")
    count = rank or (max(num, CANDIDATES) if follows else num)
    head, plan = plan_gaps(
        *bars_of(piece.given, piece, tokenizer), piece, tokenizer, keeps_rhythm=keeps_rhythm
    )
    limits = limits_of(tokenizer.tables, gap_constraints(piece, tokenizer, defaults or TrainingDefaults()))
    found: list[Filled] = []
    for rows in row_chunks(count, machine.most_rows):
        streams = sample_gaps(
            machine,
            limits,
            prompt_ids=head,
            plan=plan,
            sampling=sampling or SamplingOptions(),
            streams=RowStreams(seed, rows),
            max_new_tokens=longest_bar(tokenizer) * piece.bars + 1,
            context_classes=sorted({int(pitch) % 12 for pitch in pitched_notes(piece.given)[2]}),
        )
        news = [new_notes(stream, piece, tokenizer, keeps_rhythm=keeps_rhythm) for stream in streams]
        own = _measured(machine, tokenizer, piece, streams, news)
        found += [each._replace(candidate=row) for row, each in zip(rows, own, strict=True)]
    if follows:
        found.sort(key=lambda each: -each.following)
    return found[:num]


def plan_gaps(
    ids: Ints, lines: Ints, piece: GapPiece, tokenizer: WholeTokenizer, *, keeps_rhythm: bool
) -> tuple[list[int], list[int | Ints]]:
    """The ids before the first gap, and the plan after them: see `sample_gaps`.

    Args:
        ids: (T,) of what is given, without EOS.
        lines: (bars,) the index of each bar line.
        piece: with the gaps.
        tokenizer: of the ids.
        keeps_rhythm: new pitches to the rhythm of the notes in the gaps.
    """
    ends = np.append(lines, len(ids))
    first = piece.gaps[0]
    head, plan = ids[: lines[first.first - 1] + 1], list[int | Ints]()
    old = _rhythm(piece, tokenizer) if keeps_rhythm else []
    if first.first == 1 and not old and len(opening := _opening(piece, tokenizer, ids)):
        plan.append(opening)
    for number, gap in enumerate(piece.gaps):
        plan.append(old[number] if old else gap.bars)
        if gap is not piece.gaps[-1]:
            begin = ends[gap.last] + (not old)  # sampled bars have the bar line after them
            plan.append(ids[begin : lines[piece.gaps[number + 1].first - 1] + 1])
    return head.tolist(), plan


def _opening(piece: GapPiece, tokenizer: WholeTokenizer, ids: Ints) -> Ints:
    """What a piece whose first bar is missing begins with: its tempo, and the rest before its pickup."""
    tables, metre = tokenizer.tables, piece.metre_ids[0]
    per_quarter = TICKS_PER_QUARTER / piece.given.tpq
    position = round(piece.pickup * per_quarter / int(tables.position_ticks[metre]))
    if tables.voices:
        rest = int(tables.ids(Kind.REST)[0])
        return np.array([metre, *[rest] * (position * tables.voices)] if position else [], np.int64)
    opening = [metre]
    if len(tables.ids(Kind.TEMPO)):  # after BOS, the bar, its metre and position 0
        opening += ids[3:5].tolist()
    if position:
        opening.append(int(tables.by_value(Kind.POSITION, tables.position)[position]))
    return np.array(opening if len(opening) > 1 else [], np.int64)


def _rhythm(piece: GapPiece, tokenizer: WholeTokenizer) -> list[Ints]:
    """The ids of each gap as it is, after its first bar line, with -1 for the pitches.

    Raises:
        ConfigError: it cannot be kept.
    """
    if tokenizer.tables.voices:
        raise ConfigError("⟨rhythm⟩ keep needs a model of events, and this one has a grid: leave it out")
    ids, lines = bars_of(merged(piece.given, piece.missing), piece, tokenizer)
    ends, kind = np.append(lines, len(ids)), tokenizer.tables.kind
    old = []
    for gap in piece.gaps:
        own = ids[ends[gap.first - 1] + 1 : ends[gap.last]].copy()
        steps = kind[own]
        if not (steps == Kind.PITCH).any():
            raise ConfigError(f"⟨rhythm⟩ keep: {gap} has no notes whose rhythm could be kept")
        if not tokenizer.tables.has_programs and any(
            before == Kind.DURATION and after == Kind.PITCH for before, after in pairwise(steps.tolist())
        ):
            raise ConfigError(f"⟨rhythm⟩ keep is for single lines, and {gap} has chords: leave it out")
        own[steps == Kind.PITCH] = -1
        old.append(own)
    return old


def gap_constraints(piece: GapPiece, tokenizer: WholeTokenizer, defaults: TrainingDefaults) -> Constraints:
    """What the new notes must satisfy."""
    tracks = [piece.given.tracks[number] for number in piece.tracks]
    return Constraints(
        bars=piece.bars,
        metre_ids=piece.metre_ids,
        part_pitches=defaults.pitches,
        programs=[frozenset(tokenizer.stream_programs(tracks))] if tokenizer.config.programs else (),
        tempo=False,
        known=known_ids(tokenizer, defaults),
    )


def _measured(
    machine: Machine,
    tokenizer: WholeTokenizer,
    piece: GapPiece,
    streams: Sequence[Stream],
    news: Sequence[tuple[Score, int]],
) -> list[Filled]:
    """The candidates with the likelihood of their new bars, and of what follows them."""
    kind, last = tokenizer.tables.kind, piece.gaps[-1].last + FOLLOWING
    wholes = []
    for new, _ in news:
        ids = encoded(merged(piece.given, new), piece, tokenizer)
        lines = np.flatnonzero(kind[ids] == Kind.BAR)
        wholes.append(ids[: lines[last]] if len(lines) > last else ids)
    most = max(1, RANKED_IDS // max(map(len, wholes)))
    nats = []
    for rows in row_chunks(len(wholes), most):
        nats += stream_nats(machine, [wholes[row].tolist() for row in rows], [])
    found = []
    for stream, (new, changed), ids, own in zip(streams, news, wholes, nats, strict=True):
        bar = np.cumsum(kind[ids] == Kind.BAR)
        in_gap, is_first = np.zeros(len(ids), np.bool_), np.zeros(len(ids), np.bool_)
        for gap in piece.gaps:
            in_gap |= (bar >= gap.first) & (bar <= gap.last)
            is_first |= (bar == gap.first) & (kind[ids] == Kind.BAR)  # which is given
        after = (bar > piece.gaps[0].last) & ~in_gap
        gap_nats, following = (float(own[mask[1:]].sum()) for mask in (in_gap & ~is_first, after))
        trimmed = ids[ids != tokenizer.eos_id].tolist()
        notes = without_rests(new, piece.rests)
        found.append(Filled(notes, trimmed, -gap_nats, -following, changed, stream.precision_gap))
    return found
